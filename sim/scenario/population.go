package scenario

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path"
	"sort"
	"strconv"
	"strings"
)

// maxNodes is how many nodes a scenario can have.
const maxNodes = 4_000_000

// pattern is how the nodes of a group are called: a number between two texts, or
// the text alone.
type pattern struct {
	prefix, suffix string
	numbered       bool
	first          int
}

// name returns the name of the group's i-th node, counted from 0.
func (p *pattern) name(i int) string {
	if !p.numbered {
		return p.prefix
	}
	return p.prefix + strconv.Itoa(p.first+i) + p.suffix
}

// parsePattern reads "s{i}", "s[0-99]", or a plain name. count is 0 where the
// pattern does not give one.
func parsePattern(s string) (p pattern, count int, err error) {
	bad := func() (pattern, int, error) {
		return pattern{}, 0, fmt.Errorf(`want a name, "s{i}" or "s[0-99]", not %s`, quote(s))
	}
	p.prefix = s
	if before, after, ok := strings.Cut(s, "{i}"); ok {
		p = pattern{prefix: before, suffix: after, numbered: true}
	} else if before, after, ok := strings.Cut(s, "["); ok {
		numbers, after, ok := strings.Cut(after, "]")
		from, to, two := strings.Cut(numbers, "-")
		a, err1 := strconv.Atoi(from)
		b, err2 := strconv.Atoi(to)
		if !ok || !two || err1 != nil || err2 != nil || a < 0 || b < a || b-a >= maxNodes || b > math.MaxInt32 {
			return bad()
		}
		p, count = pattern{prefix: before, suffix: after, numbered: true, first: a}, b-a+1
	}
	if !isName(p.name(0)) || strings.ContainsAny(p.suffix, "[]{}") {
		return bad()
	}
	return p, count, nil
}

// isName reports whether a node, a group, an action or a fault can be called so.
func isName(s string) bool {
	if s == "" || len(s) > 100 || s == "all" || s == "of" {
		return false
	}
	letters := false
	for i, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			letters = true
		case c >= '0' && c <= '9', i > 0 && (c == '-' || c == '_'):
		default:
			return false
		}
	}
	return letters
}

// population is all nodes of a scenario; each has a number, in the order of the
// groups.
type population struct {
	groups []*group
	total  int
}

// name returns the name of a node.
func (p *population) name(i int) string {
	g := p.group(i)
	return g.pattern.name(i - g.first)
}

// group returns the group of a node.
func (p *population) group(i int) *group {
	k := sort.Search(len(p.groups), func(k int) bool { return p.groups[k].first > i })
	return p.groups[k-1]
}

// index returns the number of a node by its name, -1 if there is none.
func (p *population) index(name string) int {
	for _, g := range p.groups {
		if i := g.pattern.index(name, g.count); i >= 0 {
			return g.first + i
		}
	}
	return -1
}

// clash returns the name that two groups give, "" if there is none.
func (p *population) clash() (string, *group) {
	for i, g := range p.groups {
		for _, h := range p.groups[:i] {
			if name := g.pattern.clash(g.count, &h.pattern, h.count); name != "" {
				return name, g
			}
		}
	}
	return "", nil
}

// clash returns a name that both patterns give.
func (p *pattern) clash(n int, q *pattern, m int) string {
	if n > m {
		return q.clash(m, p, n)
	}
	if p.numbered && q.numbered && p.prefix == q.prefix && p.suffix == q.suffix {
		if at := max(p.first, q.first); at < min(p.first+n, q.first+m) {
			return p.name(at - p.first)
		}
		return ""
	}
	for i := range n {
		if name := p.name(i); q.index(name, m) >= 0 {
			return name
		}
	}
	return ""
}

// index returns which of m nodes has a name, -1 if none.
func (p *pattern) index(name string, m int) int {
	if !p.numbered {
		if name == p.prefix {
			return 0
		}
		return -1
	}
	rest, ok := strings.CutPrefix(name, p.prefix)
	if ok {
		rest, ok = strings.CutSuffix(rest, p.suffix)
	}
	n, err := strconv.Atoi(rest)
	if !ok || err != nil || strconv.Itoa(n) != rest || n < p.first || n >= p.first+m {
		return -1
	}
	return n - p.first
}

// span of nodes: from first, before end.
type interval struct{ first, end int }

// members are chosen nodes, ascending, none twice.
type members struct {
	parts  []interval
	before []int // how many there are before each part
	n      int
}

func (m *members) len() int { return m.n }

// at returns the k-th.
func (m *members) at(k int) int {
	i := sort.Search(len(m.parts), func(i int) bool { return m.before[i] > k }) - 1
	return m.parts[i].first + k - m.before[i]
}

// has reports whether a node is among them.
func (m *members) has(i int) bool {
	k := sort.Search(len(m.parts), func(k int) bool { return m.parts[k].end > i })
	return k < len(m.parts) && m.parts[k].first <= i
}

// each calls f for all of them.
func (m *members) each(f func(i int)) {
	for _, p := range m.parts {
		for i := p.first; i < p.end; i++ {
			f(i)
		}
	}
}

// union sorts intervals and joins those that touch.
func union(parts []interval) members {
	sort.Slice(parts, func(i, j int) bool { return parts[i].first < parts[j].first })
	var m members
	for _, p := range parts {
		if p.first >= p.end {
			continue
		}
		if last := len(m.parts) - 1; last >= 0 && p.first <= m.parts[last].end {
			m.parts[last].end = max(m.parts[last].end, p.end)
			continue
		}
		m.parts = append(m.parts, p)
	}
	for _, p := range m.parts {
		m.before = append(m.before, m.n)
		m.n += p.end - p.first
	}
	return m
}

// draw returns n of the members, at random.
func (m *members) draw(n int, r *rand.Rand) members {
	var parts []interval
	left := m.n
	m.each(func(i int) {
		if n > 0 && r.IntN(left) < n {
			parts = append(parts, interval{i, i + 1})
			n--
		}
		left--
	})
	return union(parts)
}

// matching returns the nodes whose names fit a word: a group, a name, with
// numbers in brackets, or with "*".
func (p *population) matching(word string) ([]interval, error) {
	if word == "all" {
		return []interval{{0, p.total}}, nil
	}
	for _, g := range p.groups {
		if g.name == word {
			return []interval{{g.first, g.first + g.count}}, nil
		}
	}
	var parts []interval
	if strings.Contains(word, "*") {
		if strings.ContainsAny(word, `[]?\`) {
			return nil, fmt.Errorf(`%s: a name has either "*" or "[0-9]"`, quote(word))
		}
		for i := range p.total {
			if ok, err := path.Match(word, p.name(i)); err == nil && ok {
				parts = append(parts, interval{i, i + 1})
			}
		}
		return parts, nil
	}
	want, n, err := parsePattern(word)
	if err != nil || strings.Contains(word, "{") {
		return nil, fmt.Errorf(`%s is nobody's name; want a group, a name, s[0-9], s*, 5%%, "5%% of GROUP", "3 of GROUP" or all`, quote(word))
	}
	for _, g := range p.groups {
		switch {
		case !want.numbered:
			if i := g.pattern.index(word, g.count); i >= 0 {
				parts = append(parts, interval{g.first + i, g.first + i + 1})
			}
		case g.pattern.numbered && g.pattern.prefix == want.prefix && g.pattern.suffix == want.suffix:
			from := max(want.first, g.pattern.first) - g.pattern.first
			to := min(want.first+n, g.pattern.first+g.count) - g.pattern.first
			parts = append(parts, interval{g.first + from, g.first + max(from, to)})
		default:
			for i := range n {
				if k := g.pattern.index(want.name(i), g.count); k >= 0 {
					parts = append(parts, interval{g.first + k, g.first + k + 1})
				}
			}
		}
	}
	return parts, nil
}

// selector says which nodes are meant.
type selector struct {
	text  string
	terms []term
}

// term is part of a selector: all of some nodes, or some of them.
type term struct {
	of    members
	drawn bool
	n     int
}

// selector reads who is meant. It is an error if that is nobody.
func (p *population) selector(text string) (*selector, error) {
	s := &selector{text: text}
	for word := range strings.SplitSeq(text, ",") {
		word = strings.TrimSpace(word)
		t, err := p.term(word)
		if err != nil {
			return nil, err
		}
		s.terms = append(s.terms, t)
	}
	return s, nil
}

func (p *population) term(word string) (t term, err error) {
	amount, of, some := strings.Cut(word, " of ")
	if !some && strings.HasSuffix(word, "%") {
		amount, of, some = word, "all", true
	}
	if !some {
		of = word
	}
	parts, err := p.matching(strings.TrimSpace(of))
	if err != nil {
		return t, err
	}
	t.of = union(parts)
	if t.of.n == 0 {
		return t, fmt.Errorf("%s matches nobody; the nodes are %s", quote(word), p.describe())
	}
	if !some {
		return t, nil
	}
	t.drawn = true
	amount = strings.TrimSpace(amount)
	if share, ok := parsePercent(amount); ok {
		if !(share >= 0 && share <= 1) {
			return t, fmt.Errorf("%s: want a share from 0%% to 100%%", quote(word))
		}
		t.n = int(math.Ceil(share*float64(t.of.n) - 1e-9))
	} else if t.n, err = parseCount(amount, 0, maxNodes); err != nil {
		return t, fmt.Errorf("%s: before \"of\" want a share or a number, such as 5%% or 3", quote(word))
	}
	if t.n > t.of.n {
		return t, fmt.Errorf("%s: there are only %d", quote(word), t.of.n)
	}
	if t.n == 0 {
		return t, fmt.Errorf("%s matches nobody", quote(word))
	}
	return t, nil
}

// describe lists the groups.
func (p *population) describe() string {
	if len(p.groups) == 0 {
		return "none at all"
	}
	var words []string
	for i, g := range p.groups {
		if i == 10 {
			words = append(words, "…")
			break
		}
		if g.count == 1 {
			words = append(words, g.pattern.name(0))
		} else {
			words = append(words, g.pattern.name(0)+" to "+g.pattern.name(g.count-1))
		}
	}
	return strings.Join(words, ", ")
}

// resolve returns who is meant; the randomness decides where chance does.
func (s *selector) resolve(r func() *rand.Rand) members {
	if len(s.terms) == 1 && !s.terms[0].drawn {
		return s.terms[0].of
	}
	var parts []interval
	for i := range s.terms {
		t := &s.terms[i]
		m := t.of
		if t.drawn {
			m = m.draw(t.n, r())
		}
		parts = append(parts, m.parts...)
	}
	return union(append([]interval(nil), parts...))
}

// most returns how many nodes it can be at most.
func (s *selector) most() int {
	all := s.all()
	n := 0
	for i := range s.terms {
		if s.terms[i].drawn {
			n += s.terms[i].n
		} else {
			n += s.terms[i].of.n
		}
		if n >= all.n {
			return all.n
		}
	}
	return n
}

// all returns every node that it can be.
func (s *selector) all() members {
	var parts []interval
	for i := range s.terms {
		parts = append(parts, s.terms[i].of.parts...)
	}
	return union(append([]interval(nil), parts...))
}
