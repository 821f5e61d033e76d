package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/coap2/coap2/cmd/coap2/internal/machine"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == serveCommand {
		exit(serve(os.Args[2] == "true"))
		return
	}
	var s settings
	flag.IntVar(&s.subscribers, "subscribers", 1000, "subscribers, from 1 to 20000")
	flag.DurationVar(&s.duration, "duration", 3*time.Second, "how long each measurement takes")
	flag.Float64Var(&s.rate, "rate", 10, "samples a second, for latency")
	flag.IntVar(&s.rounds, "rounds", 3, "how often everything is measured; each figure is the median")
	flag.IntVar(&s.window, "window", 4, "samples under way, for throughput")
	flag.IntVar(&s.server, "server-cpu", -1, "the processor of the server, where the load has been put on another; -1 = see to both")
	asJSON := flag.Bool("json", false, "print JSON")
	flag.Parse()
	if flag.NArg() > 0 || s.subscribers < 1 || s.subscribers > 20_000 || s.duration <= 0 || s.rate <= 0 || s.rate > 10_000 || s.rounds < 1 || s.window < 1 || s.window > ring/4 {
		flag.Usage()
		os.Exit(2)
	}
	if cpus := machine.CPUs(); s.server < 0 && len(cpus) > 1 {
		exit(again(cpus[0], cpus[1]))
		return
	}
	exit(run(s, *asJSON, os.Stdout))
}

// again runs this program once more, on one processor.
func again(server, load int) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, append([]string{fmt.Sprintf("-server-cpu=%d", server)}, os.Args[1:]...)...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := machine.StartOn(load, cmd); err != nil {
		return err
	}
	var ended *exec.ExitError
	if err = cmd.Wait(); errors.As(err, &ended) {
		os.Exit(ended.ExitCode()) // it has said why
	}
	return err
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "mosquitto:", err)
		os.Exit(1)
	}
}

// report is what is printed as JSON.
type report struct {
	Subscribers int      `json:"subscribers"`
	Payload     int      `json:"payload_bytes"`
	Rate        float64  `json:"samples_per_second_for_latency"`
	Rounds      int      `json:"rounds"`
	Pinned      bool     `json:"server_and_load_on_one_processor_each"`
	Cases       []result `json:"cases"`
}

// run measures all cases.
func run(s settings, asJSON bool, out io.Writer) error {
	if _, err := findMosquitto(); err != nil {
		return err
	}
	rep := report{Subscribers: s.subscribers, Payload: len(sample(0)), Rate: s.rate, Rounds: s.rounds, Pinned: s.server >= 0}
	var rounds [][]result
	for range s.rounds {
		cases, err := measureAll(s)
		if err != nil {
			return err
		}
		rounds = append(rounds, cases)
	}
	for i := range rounds[0] {
		rep.Cases = append(rep.Cases, median(rounds, i))
	}
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(rep)
	}
	return rep.print(out)
}

// measureAll measures all cases once, each protocol after the other.
func measureAll(s settings) (cases []result, err error) {
	for _, wanted := range []int{1, classes} {
		for _, qos := range []int{0, 1} {
			var want func(int) string
			if wanted > 1 {
				want = rule
			}
			for _, c := range []struct {
				name string
				open func() (bus, error)
			}{
				{"Mosquitto", func() (bus, error) { return newMQTT(byte(qos), s.server) }},
				{"CoAP 2", func() (bus, error) { return newCoAP(qos == 1, want, s.server) }},
			} {
				r, err := measure(c.open, s, result{Server: c.name, QoS: qos, Wanted: wanted})
				if err != nil {
					return nil, fmt.Errorf("%s, QoS %d: %w", c.name, qos, err)
				}
				cases = append(cases, r)
			}
		}
	}
	return cases, nil
}

// median returns the median of each figure of a case.
func median(rounds [][]result, i int) result {
	r := rounds[0][i]
	of := func(get func(*result) *float64) {
		var vs []float64
		for k := range rounds {
			vs = append(vs, *get(&rounds[k][i]))
		}
		slices.Sort(vs)
		*get(&r) = vs[len(vs)/2]
	}
	of(func(r *result) *float64 { return &r.PerSecond })
	of(func(r *result) *float64 { return &r.Samples })
	of(func(r *result) *float64 { return &r.CPU })
	of(func(r *result) *float64 { return &r.Busy })
	of(func(r *result) *float64 { return &r.Bytes })
	of(func(r *result) *float64 { return &r.Packets })
	of(func(r *result) *float64 { return &r.P50 })
	of(func(r *result) *float64 { return &r.P99 })
	for k := 1; k < len(rounds); k++ {
		r.Notifications += rounds[k][i].Notifications
		r.Lost += rounds[k][i].Lost
	}
	return r
}

func (r *report) print(out io.Writer) error {
	fmt.Fprintf(out, "%d subscribers over loopback, samples of %d bytes; ", r.Subscribers, r.Payload)
	if r.Pinned {
		fmt.Fprintln(out, "the server has one processor, the load another")
	} else {
		fmt.Fprintln(out, "server and load share the processors")
	}
	fmt.Fprintf(out, "latency at %v samples a second; the rest as fast as it goes, for each notification that was wanted; medians of %d\n\n", r.Rate, r.Rounds)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "wanted\tQoS\t\tnotifications/s\tsamples/s\tCPU µs\tbytes\tpackets\tp50 ms\tp99 ms\tlost\t")
	for _, c := range r.Cases {
		wanted := "all"
		if c.Wanted > 1 {
			wanted = fmt.Sprintf("1 in %d", c.Wanted)
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%.0f\t%.0f\t%.2f\t%.0f\t%.2f\t%.2f\t%.2f\t%d\t\n", wanted, c.QoS, c.Server, c.PerSecond, c.Samples, c.CPU, c.Bytes, c.Packets, c.P50, c.P99, c.Lost)
	}
	return w.Flush()
}
