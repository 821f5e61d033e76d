package scenario

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// Report says how a run went.
type Report struct {
	Scenario string `json:"scenario"`
	Seed     uint64 `json:"seed"`
	// TraceHash stands for everything that happened: a run of the same scenario
	// with the same seed has the same.
	TraceHash string `json:"trace_hash"`
	// Passed: all expectations hold and nothing is violated.
	Passed bool `json:"passed"`
	Nodes  int  `json:"nodes"`
	// VirtualMS is how long it took in virtual time, in milliseconds; WallMS is
	// for the caller, who has a clock.
	VirtualMS float64 `json:"virtual_ms"`
	WallMS    float64 `json:"wall_ms"`
	// Sent counts datagrams, one to a group once; Deliveries those that have
	// arrived, and Bytes what was in them. Lost did not arrive; Duplicated are
	// copies that the network made.
	Sent       uint64 `json:"sent"`
	Deliveries uint64 `json:"deliveries"`
	Bytes      uint64 `json:"bytes"`
	Lost       uint64 `json:"lost"`
	Duplicated uint64 `json:"duplicated"`
	// Energy is what the radios have spent; nil without radio.
	Energy *EnergyReport `json:"energy,omitempty"`
	// Actions are the results of what the nodes did.
	Actions []ActionReport `json:"actions"`
	// Rivals are what the strategies came to that are compared; see compare.
	Rivals []Rival `json:"compared,omitempty"`
	// Expectations are what was expected, and whether it holds.
	Expectations []Outcome `json:"expectations"`
	// Violations are invariants that did not hold, and what broke the run.
	Violations []string `json:"violations"`
}

// ActionReport is what came of an action.
type ActionReport struct {
	Name, Verb string
	// Strategy is that of a discovery; "" of all else.
	Strategy string
	Results  []Result
}

// Result is one result by its name; a nil Value = there is none, such as the
// median of nothing.
type Result struct {
	Name  string
	Value *float64
}

// MarshalJSON implements json.Marshaler: one object, in which each result has
// its name.
func (a ActionReport) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	name, err := json.Marshal(a.Name)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(&b, `{"name":%s,"verb":%q`, name, a.Verb)
	if a.Strategy != "" {
		fmt.Fprintf(&b, `,"strategy":%q`, a.Strategy)
	}
	for _, r := range a.Results {
		v, err := json.Marshal(r.Value)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, ",%q:%s", r.Name, v)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// Value returns a result by its name; ok is false if there is none.
func (a *ActionReport) Value(name string) (v float64, ok bool) {
	for _, r := range a.Results {
		if r.Name == name && r.Value != nil {
			return *r.Value, true
		}
	}
	return 0, false
}

// report sums up.
func (r *run) report(seed uint64) *Report {
	rep := &Report{
		Scenario: r.s.name, Seed: seed, TraceHash: fmt.Sprintf("%016x", r.w.Hash()),
		Nodes: r.s.nodes.total, VirtualMS: ms(r.w.Elapsed().Round(time.Microsecond)),
		Actions: []ActionReport{}, Expectations: []Outcome{}, Violations: append([]string{}, r.broken...),
	}
	net := r.w.NetStats()
	rep.Sent, rep.Deliveries, rep.Bytes, rep.Lost, rep.Duplicated = net.Sent, net.Delivered, net.DeliveredBytes, net.LostTotal(), net.Duplicated
	rep.Energy = r.energy()
	for i, a := range r.s.actions {
		r.tallies[i].unwatch(r, a)
		ar := ActionReport{Name: a.name, Verb: string(a.verb)}
		if a.verb == discover {
			ar.Strategy = string(r.by(a))
		}
		for _, table := range a.metrics() {
			for _, m := range table {
				ar.Results = append(ar.Results, Result{m.name, pointer(r.tallies[i].value(m.name))})
			}
		}
		rep.Actions = append(rep.Actions, ar)
	}
	return rep
}

// judge says whether the run has passed.
func (r *run) judge(rep *Report) {
	if r.s.invariants {
		for _, v := range r.w.Violations() {
			rep.Violations = append(rep.Violations, v.Error())
		}
	}
	rep.Passed = len(rep.Violations) == 0
	for _, x := range r.s.expect {
		o := x.check(func(o operand) float64 { return r.value(o, rep) })
		rep.Passed = rep.Passed && o.OK
		rep.Expectations = append(rep.Expectations, o)
	}
}

func pointer(v float64) *float64 {
	if math.IsNaN(v) {
		return nil
	}
	v = math.Round(v*1e6) / 1e6
	return &v
}

// value returns what an operand of an expectation is.
func (r *run) value(o operand, rep *Report) float64 {
	if o.world {
		return rep.value(o.metric)
	}
	if o.strategy != "" {
		return rep.rival(o)
	}
	var tallies []*tally
	for i, a := range r.s.actions {
		if _, ok := findMetric(o.metric, a.metrics()...); ok && (o.action == "" || o.action == a.name) {
			tallies = append(tallies, r.tallies[i])
		}
	}
	return sum(tallies).value(o.metric)
}

func (rep *Report) value(name string) float64 {
	var e EnergyReport
	if rep.Energy != nil {
		e = *rep.Energy
	}
	switch name {
	case "send_mj":
		return e.SendMJ
	case "receive_mj":
		return e.ReceiveMJ
	case "idle_mj":
		return e.IdleMJ
	case "most_mj":
		return e.MostMJ
	case "sleep_mj":
		return e.SleepMJ
	case "awake":
		return e.Awake
	case "retries":
		return float64(e.Retries)
	case "given_up":
		return float64(e.GivenUp)
	case "nodes":
		return float64(rep.Nodes)
	case "virtual_ms":
		return rep.VirtualMS
	case "deliveries":
		return float64(rep.Deliveries)
	case "bytes":
		return float64(rep.Bytes)
	case "lost":
		return float64(rep.Lost)
	case "duplicated":
		return float64(rep.Duplicated)
	case "violations":
		return float64(len(rep.Violations))
	}
	panic("scenario: there is no result " + name)
}
