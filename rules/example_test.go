package rules_test

import (
	"fmt"
	"time"

	"github.com/coap2/coap2/rules"
)

func ExampleParse() {
	r, err := rules.Parse("20 < value && !(hum >= 30)")
	fmt.Println(r, err)
	_, err = rules.Parse(`value > 20 and hum < "30" + 1`)
	fmt.Println(err)
	// Output:
	// hum < 30 and value > 20 <nil>
	// rules: col 22: expected number, found string "30"
}

func ExampleIndex() {
	x := rules.NewIndex(rules.Config{})
	names := map[rules.ID]string{}
	for _, text := range []string{"> 20", "rising(> 20)", "> 30", "true; pmax=1m"} {
		r, err := rules.Parse(text)
		if err != nil {
			panic(err)
		}
		id, err := x.Add(0, r)
		if err != nil {
			panic(err)
		}
		names[id] = text
	}
	s := rules.NewSample(x.Schema())
	slot, _ := x.Schema().Slot(rules.Field{}) // value
	for i, v := range []float64{19, 25, 26} {
		s.SetNumber(slot, v)
		fmt.Print(v, ":")
		for _, id := range x.Sample(time.Duration(i)*time.Second, s, nil).Selected {
			fmt.Printf(" [%s]", names[id])
		}
		fmt.Println()
	}
	for _, late := range x.Advance(time.Hour).Late {
		fmt.Println(late.Reason, names[late.ID])
	}
	// Output:
	// 19: [true; pmax=1m]
	// 25: [> 20] [rising(> 20)] [true; pmax=1m]
	// 26: [> 20] [true; pmax=1m]
	// forced true; pmax=1m
}
