package rules

import (
	"math"
	"time"
)

// Config configures an Index. The zero value is good for use.
type Config struct {
	// Current decodes what the resource holds into a sample once more. Add
	// calls it where a new rule looks at a field that none before it did. If
	// nil, such fields are missing until the next sample.
	Current func(s *Sample)
	// Schema, where set, is shared with other indexes of the same resource, so
	// that a sample is decoded once for all of them; nil = one of its own.
	Schema *Schema
}

// Index is the subscriptions of one resource. It selects exactly what a Watch
// for each of them selects, but looks only at those that a sample can concern:
// rules are kept by what they compare with, in sorted sets that lead to those
// whose comparison holds; what waits for the end of its pmin is not looked at
// until then; equal rules that depend on the samples only are evaluated once.
// What cannot be sorted is evaluated for every sample.
//
// An Index knows no clock: now is the time on a clock of the caller's, and
// never goes back. It is used by one goroutine at a time. After its sets have
// grown, a sample allocates only where it must be kept.
type Index struct {
	cfg    Config
	schema *Schema
	uses   []int32 // by slot: shapes of this index that use it
	x      stream
	ex     expander

	shapes    map[string]*shape
	shapeOf   []*shape // by number, for plain subscriptions
	freeShape []uint32
	axes      map[string]*axis
	active    []*axis
	constant  *axis
	codes     map[string]uint32 // strings that rules compare with, by number
	texts     []text            // and by their numbers
	freeText  []uint32

	trees    []*tree // with holes
	freeTree []int32
	treeOf   map[treeKey]int32

	none     Controls // of rules without
	controls map[Controls]*sharedControls

	probe     subject // a rule that is being added
	probed    code    // of that
	subs      []sub
	exts      []*ext
	free      []ID
	n         int
	groups    []*group
	freeGroup []ID
	groupOf   map[string]*group

	timers timers
	due    []ID

	once, sure, maybe []ID // what a sample concerns
	result            Result
	counted           uint64 // what was looked at one by one
	measured          uint64 // values of axes, and beginnings looked up
	lost              int    // corners that were not where they should be: a mistake of ours
}

// sub is a subscription. A plain one is no more than a corner: its rule holds
// where the corner is found, and it needs no memory of what was selected.
type sub struct {
	p, s  float64
	tree  int32  // or what follows
	shape uint32 // its number
	next  uint32 // where another corner of it is, plus one
	stamp uint32 // the last sample that concerned it
}

const (
	inNone = -1 // in no tree: it is never selected
	inExt  = -2
	inFree = -3

	isChained = math.MaxUint32 // as shape: it is the corner of another one
)

// ext is a subscription that is more than a corner.
type ext struct {
	subject
	id      ID
	timer   uint32 // its place in the timers, from 1; 0 = none
	group   *group
	place   int32 // in a list of its group
	mode    extMode
	keyedOn uint16 // on, when its boxes were made
	since   uint64 // the sample at the last selection
}

type extMode uint8

const (
	modePlaced extMode = iota // it is in trees
	modeAsleep                // it waits for the end of pmin
	modeMember                // its group is in trees
)

// group is the subscriptions of one rule that depends on the samples only.
type group struct {
	subject
	id     ID // with groupBit
	key    string
	free   []ID // members without controls
	awake  []ID // members with controls that can be selected now
	asleep int
	match  *snapshot // the last sample for which the rule was true while somebody slept
	stamp  uint64
}

type tree struct {
	corners
	key treeKey
}

type text struct {
	text  string
	users int
}

type sharedControls struct {
	Controls
	users int
}

// indexed is what an Index adds to a shape.
type indexed struct {
	key     string
	number  uint32
	users   int
	slotsOf []int
	axes    []*axis
	plan    *plan
	dynamic bool // the boxes change with what is selected, or what was seen
	// held is the plan of a rule that says the same without looking at what was
	// selected last, if these numbers of the rule are equal.
	held  *plan
	equal [][2]int
}

// Late is a selection that time brought about.
type Late struct {
	ID     ID
	Reason Reason
	// Ref is what came with the selected sample.
	Ref any
}

// Result is what a sample, or the passing of time, led to. Its slices are valid
// until the next call.
type Result struct {
	// Selected are the subscriptions for which the rule is true for the sample
	// that was told of: Matched.
	Selected []ID
	// Late are all other selections. A subscription is in one of the two lists
	// at most.
	Late []Late
}

// NewIndex makes an empty index.
func NewIndex(c Config) *Index {
	x := &Index{
		cfg: c, x: newStream(0), shapes: map[string]*shape{}, axes: map[string]*axis{}, codes: map[string]uint32{},
		treeOf: map[treeKey]int32{}, groupOf: map[string]*group{}, constant: &axis{},
		controls: map[Controls]*sharedControls{}, schema: c.Schema,
	}
	if x.schema == nil {
		x.schema = &Schema{}
	}
	x.ex.e = &x.x.e
	return x
}

// Schema is the fields that a sample must be decoded into. It changes with Add
// and Remove.
func (x *Index) Schema() *Schema { return x.schema }

// Len is the number of subscriptions.
func (x *Index) Len() int { return x.n }

// Evaluations counts what has been looked at one by one, and the expressions that
// rules are sorted by, each of which is calculated once for a sample, and
// beginnings of strings that were looked up; what was found by its place in a
// sorted set alone is not in it.
func (x *Index) Evaluations() uint64 { return x.counted + x.measured }

// Add registers a subscription. The sample that the resource holds counts as
// selected: it is what the subscriber is told at once. The error is ErrLimit.
func (x *Index) Add(now time.Duration, r *Rule) (ID, error) {
	s, err := x.shape(r)
	if err != nil {
		return 0, err
	}
	s.users++
	id := x.newID()
	c := r.controls
	timed := c.PMin > 0 || c.PMax > 0 || c.EPMin > 0 || c.EPMax > 0
	if !timed && (!s.dynamic || s.holds(r)) && x.addPlain(id, s, r) {
		return id, nil
	}
	ctl := &x.none
	if timed {
		ctl = x.share(c)
	}
	e := &ext{id: id, subject: newSubject(s, r, ctl)}
	x.exts[id] = e
	x.subs[id] = sub{tree: inExt}
	x.x.register(&e.subject, now)
	e.since = x.x.seq
	switch {
	case s.dynamic || c.EPMin > 0 || c.EPMax > 0:
		x.settle(e, now)
	case !x.addSingle(e, now):
		x.join(e, r)
	}
	x.schedule(e)
	return id, nil
}

// holds reports whether the plan for held values is that of a rule.
func (s *shape) holds(r *Rule) bool {
	for _, e := range s.equal {
		if r.nums[e[0]] != r.nums[e[1]] {
			return false
		}
	}
	return s.held != nil
}

func (x *Index) newID() ID {
	x.n++
	return x.newNumber()
}

func (x *Index) newNumber() ID {
	if n := len(x.free); n > 0 {
		id := x.free[n-1]
		x.free = x.free[:n-1]
		return id
	}
	x.subs = append(x.subs, sub{})
	x.exts = append(x.exts, nil)
	return ID(len(x.subs) - 1)
}

// boxes makes the boxes of a subject as it is, at the time at which it is or
// was put into trees.
func (x *Index) boxes(u *subject, at time.Duration, bs *boxes) {
	x.x.load(u, at)
	x.ex.wait = math.Inf(1)
	x.ex.expand(u.shape.plan, bs)
}

// addSingle adds a rule that depends on the samples only and is found exactly.
func (x *Index) addSingle(e *ext, now time.Duration) bool {
	var bs boxes
	x.boxes(&e.subject, now, &bs)
	if !x.exact(&bs) || e.ctl.PMin > 0 && !x.sleepy(&bs) {
		return false
	}
	x.settle(e, now)
	return true
}

// Remove ends a subscription; false if there is none of that number.
func (x *Index) Remove(id ID) bool {
	if int(id) >= len(x.subs) || x.subs[id].tree == inFree || x.subs[id].shape == isChained {
		return false
	}
	s := &x.subs[id]
	var sh *shape
	switch {
	case s.tree == inExt:
		e := x.exts[id]
		sh = e.shape
		x.unset(e)
		x.unsettle(e, e.state)
		if e.group != nil {
			x.leave(e)
		}
		x.exts[id] = nil
		x.unshare(e.ctl)
	default:
		sh = x.shapeOf[s.shape]
		x.takePlain(id)
	}
	*s = sub{tree: inFree}
	x.free = append(x.free, id)
	x.n--
	x.release(sh)
	return true
}
