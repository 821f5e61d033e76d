package signal

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"time"
)

// Kind is what a Signal is like.
type Kind uint8

// The kinds. The zero value is a constant.
const (
	Constant Kind = iota
	Sine
	Walk
	Steps
	Table
)

// Signal says how a value goes with time. The zero value is the constant 0. It
// does not change when it is used, and several Sources may share it.
type Signal struct {
	Kind Kind
	// Value is the constant, the mean of a sine, or where a walk begins.
	Value float64
	// Amplitude is by how much a sine goes up and down, and Period how long it
	// takes to come back; above 0.
	Amplitude float64
	Period    time.Duration
	// Step is by how much a walk goes up or down at most from one sample to the
	// next; any change up to it is equally likely. It turns at Min and Max; both
	// 0 = it has no bounds.
	Step, Min, Max float64
	// Hold is how long each of Values lasts in steps, after the last of which
	// the first comes again; above 0.
	Hold   time.Duration
	Values []float64
	// Points are a table: each value holds from its time to the next one. Before
	// the first it is the first; after the last the last. Times ascend.
	Points []Point
	// Noise is added to every sample: any number between -Noise and Noise.
	Noise float64
	// File is where the Points of a table are to be read from, see ReadCSV. Parse
	// sets it and leaves Points empty.
	File string
}

// Point is a value from a time on.
type Point struct {
	At    time.Duration
	Value float64
}

// maxPoints bounds what a signal may hold.
const maxPoints = 1 << 20

// Validate reports what is wrong with a signal.
func (s *Signal) Validate() error {
	for _, v := range [...]float64{s.Value, s.Amplitude, s.Step, s.Min, s.Max, s.Noise} {
		if !finite(v) {
			return fmt.Errorf("signal: %v is no finite number", v)
		}
	}
	bounded := s.Min != 0 || s.Max != 0
	switch {
	case s.Kind > Table:
		return fmt.Errorf("signal: there is no kind %d", s.Kind)
	case s.Noise < 0:
		return fmt.Errorf("signal: the noise is %v; it must not be negative", s.Noise)
	case s.Kind == Sine && s.Period <= 0:
		return fmt.Errorf("signal: the period of a sine is %v; it must be above 0s", s.Period)
	case s.Kind == Walk && s.Step < 0:
		return fmt.Errorf("signal: the step of a walk is %v; it must not be negative", s.Step)
	case s.Kind == Walk && bounded && !(s.Min < s.Max && s.Value >= s.Min && s.Value <= s.Max && s.Step <= s.Max-s.Min):
		return fmt.Errorf("signal: a walk from %v by at most %v does not fit between %v and %v", s.Value, s.Step, s.Min, s.Max)
	case s.Kind == Steps && s.Hold <= 0:
		return fmt.Errorf("signal: each step lasts %v; it must be above 0s", s.Hold)
	case s.Kind == Steps && (len(s.Values) == 0 || len(s.Values) > maxPoints):
		return fmt.Errorf("signal: there are %d steps; want 1 to %d", len(s.Values), maxPoints)
	case s.Kind == Table && (len(s.Points) == 0 || len(s.Points) > maxPoints) && s.File == "":
		return fmt.Errorf("signal: the table has %d points; want 1 to %d", len(s.Points), maxPoints)
	}
	for i, v := range s.Values {
		if !finite(v) {
			return fmt.Errorf("signal: step %d is %v, which is no finite number", i+1, v)
		}
	}
	for i, p := range s.Points {
		if !finite(p.Value) || p.At < 0 || i > 0 && p.At <= s.Points[i-1].At {
			return fmt.Errorf("signal: point %d, %v at %v: want finite values at ascending times", i+1, p.Value, p.At)
		}
	}
	return nil
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// Source gives the values of a Signal. It belongs to one goroutine.
type Source struct {
	s      *Signal
	random *rand.Rand
	walk   float64
	begun  bool
}

// Start begins a signal that is valid. The generator may be nil where nothing is
// left to chance: for a walk, and with Noise, it must be there.
func (s *Signal) Start(r *rand.Rand) *Source {
	return &Source{s: s, random: r, walk: s.Value}
}

// At returns the value when t has passed since the beginning. A walk goes one
// step on with every call.
func (o *Source) At(t time.Duration) float64 {
	s, v := o.s, o.s.Value
	switch s.Kind {
	case Sine:
		part := float64(t%s.Period) / float64(s.Period)
		v += float64(s.Amplitude * sine(part))
	case Walk:
		v = o.step()
	case Steps:
		v = s.Values[int(t/s.Hold)%len(s.Values)]
	case Table:
		i := sort.Search(len(s.Points), func(i int) bool { return s.Points[i].At > t })
		v = s.Points[max(i-1, 0)].Value
	}
	if s.Noise > 0 {
		v += o.between(s.Noise)
	}
	return v
}

// between draws a number between -d and d.
func (o *Source) between(d float64) float64 { return d * (float64(2*o.random.Float64()) - 1) }

// step goes on with a walk; the first value is where it begins.
func (o *Source) step() float64 {
	if !o.begun {
		o.begun = true
		return o.walk
	}
	s := o.s
	o.walk += o.between(s.Step)
	if s.Min != 0 || s.Max != 0 {
		if o.walk > s.Max {
			o.walk = float64(2*s.Max) - o.walk
		}
		if o.walk < s.Min {
			o.walk = float64(2*s.Min) - o.walk
		}
	}
	return o.walk
}

// sine returns the sine of a part of a turn, 0 to 1. It does without package
// math, whose functions are in assembly on some machines and round differently,
// and is off by less than 1e-9.
func sine(part float64) float64 {
	sign := 1.0
	if part >= 0.5 {
		part, sign = part-0.5, -1
	}
	if part > 0.25 {
		part = 0.5 - part
	}
	x := float64(2 * math.Pi * part) // 0 to π/2
	x2 := float64(x * x)
	sum, term := x, x
	for n := 3.0; n <= 15; n += 2 {
		term = -float64(term*x2) / float64(n*(n-1))
		sum += term
	}
	return sign * sum
}
