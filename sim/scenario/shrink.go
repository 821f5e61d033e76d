package scenario

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/coap2/coap2/sim"
)

// ErrPasses: there is nothing to shrink.
var ErrPasses = errors.New("scenario: it does not fail")

// ShrinkOptions say how a failing scenario is made smaller. The zero value tries
// 16 more seeds each time, and makes 10,000 runs at most.
type ShrinkOptions struct {
	// Seed is that of the run that fails.
	Seed uint64
	// Tries is how many other seeds are tried where a smaller scenario does not
	// fail with the one before; 0 = 12, -1 = none.
	Tries int
	// Runs is how many runs there are at most; 0 = 10,000.
	Runs int
	// Progress, where set, is called before each run. Its error ends it all, and
	// Shrink returns it.
	Progress func(p ShrinkProgress) error
}

// ShrinkProgress says how far it is.
type ShrinkProgress struct {
	// Runs is how many runs there have been.
	Runs int
	// Size is that of the smallest scenario so far.
	Size Size
}

// Size is how large a scenario is.
type Size struct {
	Nodes int `json:"nodes"`
	// Faults counts how often something goes wrong, Actions what the nodes do.
	Faults  int `json:"faults"`
	Actions int `json:"actions"`
	// Span is the virtual time until it has failed.
	Span time.Duration `json:"-"`
}

// Shrunk is a failing scenario that has been made smaller.
type Shrunk struct {
	// Text is the scenario, in which Seed is the one that it fails with.
	Text []byte
	Seed uint64
	// Why says how it fails: the text of a violation, or an expectation.
	Why string
	// From and To are how large it was, and is now.
	From, To Size
	// Runs is how many runs that took.
	Runs int
	// Complete: nothing smaller was found; otherwise there were too many runs.
	Complete bool
}

// Shrink makes a scenario that fails with a seed smaller, while it still fails in
// the same way: with fewer faults, actions and nodes, and in less time. What is
// returned stands by itself, without a base. The same scenario and options give
// the same result.
//
// Where an expectation fails that would hold if nothing went wrong, that stays
// so: a scenario in which nobody asks anything is no smaller one.
//
// The error is ErrPasses if nothing fails, or one of Load.
func Shrink(name string, changes []string, o ShrinkOptions) (*Shrunk, error) {
	text, file, err := read1(name, "")
	if err != nil {
		return nil, err
	}
	root, err := tree(file, text, []string{filepath.Clean(file)})
	for _, c := range changes {
		if err == nil {
			root, err = change(root, c)
		}
	}
	if err != nil {
		return nil, err
	}
	root.prune()
	if o.Tries == 0 {
		o.Tries = 12
	}
	if o.Runs == 0 {
		o.Runs = 10_000
	}
	k := &shrinker{o: o, file: file, root: root, seed: o.Seed}
	return k.shrink()
}

// shrinker makes a scenario smaller.
type shrinker struct {
	o    ShrinkOptions
	file string
	root *value // the smallest that fails
	seed uint64 // with which it does
	last failure
	size Size
	runs int
	most uint64 // datagrams in a run
	// way is how it fails; sound: without anything going wrong it does not.
	way   string
	sound bool
	stop  string // of the scenario as it was; "" = none
}

// failure is how a run has failed.
type failure struct {
	way  string // what counts as the same; "" = it has not failed
	text string
	at   time.Duration // 0 = at no moment: an expectation
	sent uint64
}

// errSpent: there have been too many runs.
var errSpent = errors.New("scenario: too many runs")

func (k *shrinker) shrink() (*Shrunk, error) {
	s, err := k.scenario(k.root)
	if err != nil {
		return nil, err
	}
	first, err := k.run(s, k.seed, false)
	if err != nil {
		return nil, err
	}
	if first.way == "" {
		return nil, ErrPasses
	}
	k.way, k.last, k.most = first.way, first, 4*first.sent+10_000
	k.size = sizeOf(s, first.at)
	if v := k.root.get("stop"); v != nil {
		k.stop = v.text
	}
	out := &Shrunk{From: k.size}
	if first.at == 0 {
		if k.sound, err = k.holds(k.root, k.seed); err != nil {
			return nil, err
		}
	}
	switch err = k.passes(); {
	case err == nil:
		out.Complete = true
	case !errors.Is(err, errSpent):
		return nil, err
	}
	out.Seed, out.Why, out.To, out.Runs = k.seed, k.last.text, k.size, k.runs
	out.Text, err = k.text(s.name, out)
	return out, err
}

// scenario makes a Scenario of a tree.
func (k *shrinker) scenario(root *value) (*Scenario, error) {
	d := &decoder{}
	s := d.scenario(root, k.file)
	return s, d.err()
}

// errSeen ends a run in which an invariant does not hold.
var errSeen = errors.New("scenario: it has failed")

// run runs a scenario and says how it fails. full = to its end.
func (k *shrinker) run(s *Scenario, seed uint64, full bool) (f failure, err error) {
	if k.runs >= k.o.Runs {
		return f, errSpent
	}
	if k.o.Progress != nil {
		if err := k.o.Progress(ShrinkProgress{k.runs, k.size}); err != nil {
			return f, err
		}
	}
	k.runs++
	var w *sim.World
	rep, err := s.Run(seed, Options{
		Begin: func(world *sim.World) { w = world },
		Slice: time.Second,
		Progress: func(p Progress) (time.Duration, error) {
			if !full && s.invariants && len(w.Violations()) > 0 || k.most > 0 && p.Deliveries > k.most {
				return 0, errSeen
			}
			return time.Second, nil
		},
	})
	if err != nil && !errors.Is(err, errSeen) {
		return f, nil // it cannot even be built
	}
	if rep != nil {
		f.sent = rep.Sent
	}
	if s.invariants {
		if found := w.Violations(); len(found) > 0 {
			v := found[0]
			f.way, f.text, f.at = string(v.Rule)+": "+shape(v.What, s), v.Error(), max(v.At.Sub(sim.Epoch), 1)
			return f, nil
		}
	}
	if rep == nil {
		return f, nil
	}
	for _, broken := range rep.Violations {
		line, _, _ := strings.Cut(broken, "\n")
		f.way, f.text, f.at = "broken: "+shape(line, s), line, max(time.Duration(rep.VirtualMS*float64(time.Millisecond)), 1)
		return f, nil
	}
	for i := range rep.Expectations {
		x := &rep.Expectations[i]
		if !x.OK {
			f.way, f.text = "expect: "+x.Expression, x.Expression
			if x.Left == nil || x.Right == nil {
				f.way += " has no value"
			}
			if rep.open() {
				f.way += " while requests are open"
			}
			return f, nil
		}
	}
	return f, nil
}

// open reports whether requests were under way at the end.
func (rep *Report) open() bool {
	for i := range rep.Actions {
		if n, ok := rep.Actions[i].Value("open"); ok && n > 0 {
			return true
		}
	}
	return false
}

// shape is a message without what differs from one case to the next: numbers,
// names, and what stands in brackets.
func shape(text string, s *Scenario) string {
	var words []string
	depth := 0
	for w := range strings.FieldsSeq(text) {
		open, closed := strings.Count(w, "("), strings.Count(w, ")")
		outside := depth == 0 && open == 0
		depth = max(depth+open-closed, 0)
		if outside && !strings.ContainsAny(w, "0123456789") && s.nodes.index(strings.Trim(w, ".,;:")) < 0 {
			words = append(words, w)
		}
	}
	return strings.Join(words, " ")
}

// try takes a smaller scenario if it fails in the same way, with the seed before
// or another.
func (k *shrinker) try(root *value) (bool, error) {
	s, err := k.scenario(root)
	if err != nil {
		return false, nil // it makes no sense
	}
	for i := range 1 + max(k.o.Tries, 0) {
		seed := k.seed
		if i > 0 {
			seed = uint64(i - 1)
			if seed == k.seed {
				continue
			}
		}
		f, err := k.run(s, seed, false)
		if err != nil {
			return false, err
		}
		if f.way != k.way {
			continue
		}
		if k.sound {
			if ok, err := k.holds(root, seed); !ok || err != nil {
				return false, err
			}
		}
		k.root, k.seed, k.last, k.size = root, seed, f, sizeOf(s, f.at)
		return true, nil
	}
	return false, nil
}

// holds reports whether a scenario is well if nothing goes wrong in it.
func (k *shrinker) holds(root *value, seed uint64) (bool, error) {
	root = root.clone()
	root.remove("faults")
	for _, key := range [...]string{"link", "links", "nodes", "run"} {
		if v := root.get(key); v != nil {
			v.heal()
		}
	}
	s, err := k.scenario(root)
	if err != nil {
		return false, nil
	}
	f, err := k.run(s, seed, true)
	return err == nil && f.way == "", err
}

// sizeOf returns how large a scenario is that ends at a time; 0 = at its own.
func sizeOf(s *Scenario, end time.Duration) Size {
	if end == 0 {
		end = s.stop
	}
	z := Size{Nodes: s.nodes.total, Actions: len(s.actions), Span: end}
	for _, f := range s.faults {
		n := max(f.times, 1)
		if f.every > 0 && end > 0 {
			within := int(max(end-f.at, 0)/f.every) + 1
			if f.times == 0 || within < f.times {
				n = within
			}
		}
		z.Faults += n
	}
	return z
}

// text writes the scenario down.
func (k *shrinker) text(name string, out *Shrunk) ([]byte, error) {
	root := k.root.clone()
	for _, key := range [...]string{"name", "about", "seed", "seeds"} {
		root.remove(key)
	}
	scalarOf := func(text string) *value { return &value{kind: scalar, text: text} }
	head := []entry{
		{name: "version", value: scalarOf("1")},
		{name: "about", value: scalarOf(fmt.Sprintf("what is left of %s with seed %d while it still fails", name, k.o.Seed))},
		{name: "seed", value: scalarOf(fmt.Sprint(k.seed))},
	}
	root.remove("version")
	root.entries = append(head, root.entries...)
	text, err := root.yaml()
	if err != nil {
		return nil, err
	}
	why, _, _ := strings.Cut(strings.ReplaceAll(out.Why, "\r", " "), "\n")
	var b strings.Builder
	fmt.Fprintf(&b, "# It fails with seed %d:\n", k.seed)
	for _, line := range wrap(quotable(why), 90) {
		b.WriteString("#   " + line + "\n")
	}
	b.Write(text)
	again, err := Parse(k.file, []byte(b.String()))
	if err != nil {
		return nil, fmt.Errorf("scenario: what is left of it cannot be read: %w", err)
	}
	k.o.Runs = k.runs + 1
	if f, err := k.run(again, k.seed, false); err != nil || f.way != k.way {
		return nil, errors.Join(err, fmt.Errorf("scenario: what is left of it fails otherwise: %q, not %q", f.way, k.way))
	}
	return []byte(b.String()), nil
}
