package scenario

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/coap2/coap2/sim"
)

// Scenario is a scenario that has been read and checked. It does not change, and
// may be run by several goroutines at once.
type Scenario struct {
	file  string
	name  string
	about string
	seed  uint64
	seeds Seeds
	// stop is when it ends; 0 = when nothing is left to happen.
	stop time.Duration

	nodes      population
	link       sim.Link
	links      []*link
	segments   []*segment
	actions    []*action
	faults     []*fault
	compare    []strategy
	expect     []*expectation
	invariants bool
}

// Name returns what the scenario is called.
func (s *Scenario) Name() string { return s.name }

// About returns what it is for; "" if it does not say.
func (s *Scenario) About() string { return s.about }

// Seed returns the seed that it is run with unless another is given.
func (s *Scenario) Seed() uint64 { return s.seed }

// Seeds returns the seeds of a sweep.
func (s *Scenario) Seeds() Seeds { return s.seeds }

// Stop returns when it ends, in virtual time; 0 = when nothing is left to happen.
func (s *Scenario) Stop() time.Duration { return s.stop }

// Nodes returns how many nodes it has.
func (s *Scenario) Nodes() int { return s.nodes.total }

// Actions returns the names of what the nodes do.
func (s *Scenario) Actions() []string {
	names := make([]string, len(s.actions))
	for i, a := range s.actions {
		names[i] = a.name
	}
	return names
}

// Faults returns the names of what goes wrong.
func (s *Scenario) Faults() []string {
	names := make([]string, len(s.faults))
	for i, f := range s.faults {
		names[i] = f.name
	}
	return names
}

// Expectations returns what must be true in the end.
func (s *Scenario) Expectations() []string {
	texts := make([]string, len(s.expect))
	for i, x := range s.expect {
		texts[i] = x.text
	}
	return texts
}

// Seeds are the seeds from From to To, both included.
type Seeds struct{ From, To uint64 }

// MaxSeeds is how many seeds a sweep can have.
const MaxSeeds = 10_000_000

// ParseSeeds reads "1..1000", or one seed.
func ParseSeeds(s string) (Seeds, error) {
	a, b, two := strings.Cut(s, "..")
	from, err := ParseSeed(a)
	to := from
	if two && err == nil {
		to, err = ParseSeed(b)
	}
	if err != nil || to < from || to-from >= MaxSeeds {
		return Seeds{}, fmt.Errorf("want seeds such as 1..1000, at most %d, not %s", MaxSeeds, quote(s))
	}
	return Seeds{from, to}, nil
}

// ParseSeed reads a seed.
func ParseSeed(s string) (uint64, error) {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("want a whole number from 0 to 18446744073709551615, not %s", quote(s))
	}
	return n, nil
}

// String returns "1..1000".
func (s Seeds) String() string { return fmt.Sprintf("%d..%d", s.From, s.To) }

// Len returns how many there are.
func (s Seeds) Len() int { return int(s.To-s.From) + 1 }
