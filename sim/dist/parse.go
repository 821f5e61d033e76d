package dist

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Parse reads a distribution from words:
//
//	20ms                    Constant
//	uniform:10ms,30ms       Uniform: Min, Max
//	normal:20ms,5ms         Normal: Mean, StdDev
//	lognormal:20ms,0.5      LogNormal: Median, Sigma
func Parse(s string) (Time, error) {
	kind, rest, ok := strings.Cut(s, ":")
	if !ok {
		d, err := parseTime(s)
		if err != nil {
			return nil, err
		}
		return valid(Constant(d))
	}
	first, second, ok := strings.Cut(rest, ",")
	if !ok {
		return nil, fmt.Errorf("dist: %q: want two values, as in normal:20ms,5ms", s)
	}
	a, err := parseTime(first)
	if err != nil {
		return nil, err
	}
	if kind == "lognormal" {
		sigma, err := strconv.ParseFloat(second, 64)
		if err != nil {
			return nil, fmt.Errorf("dist: %q: sigma is %q; want a number such as 0.5", s, second)
		}
		return valid(LogNormal{a, sigma})
	}
	b, err := parseTime(second)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "uniform":
		return valid(Uniform{a, b})
	case "normal":
		return valid(Normal{a, b})
	}
	return nil, fmt.Errorf("dist: there is no distribution %q; want a time, or uniform, normal or lognormal with two values", kind)
}

func valid(t Time) (Time, error) {
	if err := t.Validate(); err != nil {
		return nil, err
	}
	return t, nil
}

func parseTime(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("dist: %q is no time; want one such as 20ms", s)
	}
	return d, nil
}

// ParseGilbertElliott reads a GilbertElliott from two to four numbers with commas
// between: "P,R", "P,R,H" or "P,R,H,K".
func ParseGilbertElliott(s string) (GilbertElliott, error) {
	var g GilbertElliott
	words := strings.Split(s, ",")
	if len(words) < 2 || len(words) > 4 {
		return g, fmt.Errorf("dist: %q: want two to four probabilities P,R,H,K", s)
	}
	for i, f := range []*float64{&g.P, &g.R, &g.H, &g.K}[:len(words)] {
		v, err := strconv.ParseFloat(words[i], 64)
		if err != nil {
			return g, fmt.Errorf("dist: %q is no probability", words[i])
		}
		*f = v
	}
	return g, g.Validate()
}
