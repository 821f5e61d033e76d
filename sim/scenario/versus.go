package scenario

import (
	"fmt"
	"strings"
)

// Rival is what came of the discoveries of a scenario by one strategy, in a World
// of its own with the same seed, nodes, links and faults; see compare.
type Rival struct {
	Strategy string         `json:"strategy"`
	Actions  []ActionReport `json:"actions"`
}

// Action returns the results of an action, nil if there is none of that name.
func (r *Rival) Action(name string) *ActionReport {
	for i := range r.Actions {
		if r.Actions[i].Name == name {
			return &r.Actions[i]
		}
	}
	return nil
}

// strategiesOf reads the strategies that are compared.
func (d *decoder) strategiesOf(o *object, s *Scenario) {
	words := o.words("compare", "strategies such as single, mdns")
	for _, v := range words {
		for word := range strings.SplitSeq(v.text, ",") {
			x, err := parseStrategy(strings.TrimSpace(word))
			switch {
			case err != nil:
				d.add(v.pos, "compare", "%v", err)
			case s.compares(x):
				d.add(v.pos, "compare", "%s is there already", x)
			default:
				s.compare = append(s.compare, x)
			}
		}
	}
	if len(words) > 0 && !anyHas(s.actions, "coverage") {
		o.fail("compare", "no action discovers; there is nothing to compare")
	}
}

func (s *Scenario) compares(x strategy) bool {
	for _, y := range s.compare {
		if x == y {
			return true
		}
	}
	return false
}

// Strategies returns the strategies that are compared, in order; none if the
// scenario does not say.
func (s *Scenario) Strategies() []string {
	var names []string
	for _, x := range s.compare {
		names = append(names, string(x))
	}
	return names
}

// by returns the strategy of an action in this run.
func (r *run) by(a *action) strategy {
	if r.strategy != "" {
		return r.strategy
	}
	return a.strategy
}

// compare runs the scenario with each of the strategies that are compared.
func (r *run) compare(seed uint64, rep *Report) error {
	for _, x := range r.s.compare {
		o := Options{Until: r.o.Until, Progress: r.o.Progress, Slice: r.o.Slice, strategy: x}
		if r.o.Compared != nil {
			o.Event = func(e Event) { r.o.Compared(string(x), e) }
		}
		other, err := r.s.once(seed, o, nil)
		if err != nil {
			return err
		}
		rival := Rival{Strategy: string(x)}
		for i := range other.Actions {
			if other.Actions[i].Verb == string(discover) {
				rival.Actions = append(rival.Actions, other.Actions[i])
			}
		}
		for _, v := range other.Violations {
			rep.Violations = append(rep.Violations, fmt.Sprintf("%s: %s", x, v))
		}
		rep.Rivals = append(rep.Rivals, rival)
	}
	return nil
}

// rival returns a result of a rival, of one action or of all that have it.
func (rep *Report) rival(o operand) float64 {
	v, n := 0.0, 0
	for i := range rep.Rivals {
		if rep.Rivals[i].Strategy != string(o.strategy) {
			continue
		}
		for k := range rep.Rivals[i].Actions {
			a := &rep.Rivals[i].Actions[k]
			if o.action != "" && o.action != a.Name {
				continue
			}
			x, ok := a.Value(o.metric)
			if !ok {
				return none
			}
			v, n = v+x, n+1
		}
	}
	if n == 0 {
		return none
	}
	return v
}
