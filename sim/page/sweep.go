package page

import "io"

// Sweep is what a page shows of a sweep over many seeds.
type Sweep struct {
	Scenario string `json:"scenario"`
	About    string `json:"about"`
	// Seeds are those that were run, in order.
	Seeds []Seed `json:"seeds"`
	// LeftOut is how many more there were, of which the page says nothing.
	LeftOut int `json:"left_out"`
	Failed  int `json:"failed"`
}

// Seed is what came of one of them.
type Seed struct {
	Seed   uint64 `json:"seed,string"`
	Passed bool   `json:"passed"`
	// Why says why it has failed.
	Why        []string `json:"why,omitempty"`
	Hash       string   `json:"hash"`
	Deliveries uint64   `json:"deliveries"`
	Lost       uint64   `json:"lost"`
	VirtualMS  float64  `json:"virtual_ms"`
	// Replay is the command that shows it again.
	Replay string `json:"replay"`
}

// MaxSeeds is how many seeds a page shows.
const MaxSeeds = 10_000

// WriteSweep writes the page of a sweep. It shows the first MaxSeeds.
func WriteSweep(w io.Writer, s *Sweep) error {
	short := *s
	if extra := len(s.Seeds) - MaxSeeds; extra > 0 {
		short.Seeds, short.LeftOut = s.Seeds[:MaxSeeds], s.LeftOut+extra
	}
	return write(w, s.Scenario+", sweep", struct {
		Kind string `json:"kind"`
		*Sweep
	}{"sweep", &short})
}
