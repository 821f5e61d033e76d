package rules

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestFormsAreOne: text, canonical text and compact form are the same rule, and
// within the same bounds.
func TestFormsAreOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, r := drawText(t, true)
		again, err := Parse(r.String())
		require.NoError(t, err, r.String())
		compact, err := ParseCompact(r.Compact())
		require.NoError(t, err, "%s %x", r, r.Compact())
		// The compact form of what was written, nothing folded or sorted.
		n, _, err := parseText(text)
		require.NoError(t, err)
		written := append(appendCompact([]byte{compactVersion}, n), (&Rule{expr: boolNode(true), controls: r.controls}).Compact()[1:]...)
		other, err := ParseBytes(written)
		require.NoError(t, err, "%s %x", text, written)
		for _, o := range []*Rule{again, compact, other} {
			require.Equal(t, r.String(), o.String())
			require.Zero(t, compare(r.expr, o.expr))
			require.Equal(t, r.Compact(), o.Compact())
			require.Equal(t, r.Controls(), o.Controls())
			require.Equal(t, r.code, o.code)
			require.Equal(t, r.Cost(), o.Cost())
			require.Equal(t, r.Fields(), o.Fields())
		}
		require.LessOrEqual(t, len(r.Compact()), MaxBytes)
		require.LessOrEqual(t, r.Nodes(), MaxNodes)
		require.LessOrEqual(t, r.Depth(), MaxDepth)
		require.LessOrEqual(t, r.Cost(), MaxCost)
	})
}

// rawProgram compiles a rule as it was written, nothing folded or sorted.
func rawProgram(t require.TestingT, text string, schema *Schema) *Program {
	n, c, err := parseText(text)
	require.NoError(t, err)
	if n == nil {
		n = boolNode(true)
	}
	check := checker{func(n *node, expected, found string) error {
		return &SyntaxError{Pos: n.pos, Expected: expected, Found: found, Rule: text}
	}}
	require.NoError(t, check.condition(n))
	r := &Rule{expr: n, controls: c, code: codeOf(n)}
	p, err := Compile(r, schema)
	require.NoError(t, err)
	return p
}

// model is a subscription as rules.md says it, on its own: the rule as it was
// written is walked node by node, and the whole history is kept.
type model struct {
	p       *Program
	w       *walker
	e       env
	ctl     Controls
	samples []*Sample
	told    *Sample
	toldAt  time.Duration
	judged  time.Duration
	waiting bool
	pending int // of the sample, −1 = none
	chosen  bool
}

func newModel(p *Program, now time.Duration, held *Sample) *model {
	m := &model{p: p, ctl: p.rule.controls, toldAt: now, judged: now, pending: -1}
	m.w = newWalker(p, &m.e)
	if held != nil {
		m.samples = append(m.samples, held)
		m.hysts(true)
		m.tell(now, 0)
	}
	return m
}

func (m *model) tell(now time.Duration, i int) {
	m.told, m.toldAt, m.pending, m.chosen = m.samples[i], now, -1, true
}

// look prepares the evaluation of the newest sample after the one before.
func (m *model) look(now time.Duration, again bool) {
	none := m.p.shape.none()
	n := len(m.samples)
	m.e.cur, m.e.prev, m.e.last, m.e.age = m.samples[n-1], none, none, math.NaN()
	if n > 1 {
		m.e.prev = m.samples[n-2]
	}
	if again {
		m.e.prev = m.e.cur
	}
	if m.chosen {
		m.e.age = float64(now-m.toldAt) / 1e6
		m.e.last = m.told
	}
}

func (m *model) hysts(first bool) {
	m.look(0, false)
	was := m.e.on
	for n, bit := range m.w.hysts {
		x, on, off := m.w.walk(n.kids[0], now), m.w.walk(n.kids[1], now), m.w.walk(n.kids[2], now)
		if x.typ != tNumber || on.typ != tNumber || off.typ != tNumber {
			continue
		}
		switch {
		case x.num >= on.num:
			m.e.on |= 1 << bit
		case x.num <= off.num:
			m.e.on &^= 1 << bit
		}
	}
	m.e.was = was
	if first {
		m.e.was = m.e.on
	}
}

func (m *model) judge(now time.Duration, again bool) (Reason, int) {
	m.look(now, again)
	was := m.e.was
	if again {
		m.e.was = m.e.on
	}
	t := m.w.truth(m.p.rule.expr, 0)
	m.e.was = was
	m.judged, m.waiting = now, false
	newest := len(m.samples) - 1
	switch {
	case t != True:
		return NotSelected, -1
	case now-m.toldAt < m.ctl.PMin:
		m.pending = newest
		return NotSelected, -1
	}
	m.tell(now, newest)
	return Matched, newest
}

func (m *model) sample(now time.Duration, s *Sample) (Reason, int) {
	m.samples = append(m.samples, s)
	m.hysts(false)
	if m.ctl.EPMin > 0 && now-m.judged < m.ctl.EPMin {
		m.waiting = true
	} else if r, i := m.judge(now, false); r != NotSelected {
		return r, i
	}
	return m.advance(now)
}

func (m *model) advance(now time.Duration) (Reason, int) {
	newest := len(m.samples) - 1
	r, i := NotSelected, -1
	if m.waiting && now-m.judged >= m.ctl.EPMin {
		r, i = m.judge(now, false)
	} else if m.ctl.EPMax > 0 && newest >= 0 && now-m.judged >= m.ctl.EPMax {
		r, i = m.judge(now, true)
	}
	switch {
	case r != NotSelected:
	case m.pending >= 0 && now-m.toldAt >= m.ctl.PMin:
		r, i = Delayed, m.pending
		m.tell(now, i)
	case m.ctl.PMax > 0 && newest >= 0 && now-m.toldAt >= m.ctl.PMax:
		r, i = Forced, newest
		m.tell(now, i)
	}
	return r, i
}

// TestWatchIsItsDefinition: the compiled canonical rule selects what the walk
// over the rule as it was written selects, on streams with state and time.
func TestWatchIsItsDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var text string
		var r *Rule
		for r == nil {
			g := &generator{t: t}
			if text = g.cond(); g.chance(2) {
				text = g.likely()
			}
			text += g.controls()
			r, _ = Parse(text)
		}
		schema := &Schema{}
		raw := rawProgram(t, text, schema)
		p, err := Compile(r, schema)
		require.NoError(t, err)

		var held *Sample
		now := time.Duration(rapid.IntRange(0, 3).Draw(t, "start")) * time.Second
		if rapid.Bool().Draw(t, "held") {
			held = drawSample(t, schema)
		}
		w, m := NewWatch(p, now, held, 0), newModel(raw, now, held)
		for i := range rapid.IntRange(1, 12).Draw(t, "steps") {
			now += time.Duration(rapid.IntRange(0, 6).Draw(t, "wait")) * 500 * time.Millisecond
			if at, ok := w.Next(); ok && rapid.Bool().Draw(t, "on time") {
				now = max(now, at)
			}
			var got Selection
			var reason Reason
			var which int
			if rapid.IntRange(0, 3).Draw(t, "what") == 0 {
				got = w.Advance(now)
				reason, which = m.advance(now)
			} else {
				s := drawSample(t, schema)
				steps := w.Explain(now, s)
				got = w.Sample(now, s, len(m.samples))
				if got.Evaluated && got.Reason != Forced && got.Reason != Delayed {
					require.Equal(t, steps[0].Truth, got.Truth, text)
				}
				reason, which = m.sample(now, s)
			}
			require.Equal(t, reason, got.Reason, "%s: step %d at %v", text, i, now)
			if reason != NotSelected {
				require.Equal(t, which, got.Ref, "%s: step %d at %v", text, i, now)
			}
			if at, ok := w.Next(); ok {
				require.Greater(t, at, now, text)
			}
		}
	})
}
