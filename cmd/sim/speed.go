package main

import (
	"errors"
	"strconv"
	"strings"
)

// speedFlag is how fast virtual time goes; 0 = as fast as it can.
type speedFlag struct{ times float64 }

func (f *speedFlag) String() string {
	if f == nil || f.times == 0 {
		return "max"
	}
	return strconv.FormatFloat(f.times, 'g', -1, 64) + "x"
}

func (f *speedFlag) Set(s string) error {
	if s == "max" {
		f.times = 0
		return nil
	}
	digits, ok := strings.CutSuffix(s, "x")
	v, err := strconv.ParseFloat(digits, 64)
	if !ok || err != nil || !(v >= 0.001 && v <= 1e6) {
		return errors.New("want max, or a multiple of real time such as 1x or 10x")
	}
	f.times = v
	return nil
}

func (f *speedFlag) Type() string { return "max|1x" }
