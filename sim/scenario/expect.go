package scenario

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// expectation is one line of expect: two sides and how they must compare.
type expectation struct {
	pos
	text        string
	left, right operand
	op          string
}

// operand is a number, a result, or a number times a result.
type operand struct {
	factor float64
	action string // "" = of all actions, or of the world
	metric string // "" = the factor alone
	world  bool
	// strategy is one of those that are compared; "" = the scenario's own
	strategy strategy
}

var operators = []string{"==", "!=", "<=", ">=", "<", ">"} // longer ones first

// parseExpectation reads "find.answers >= 990". names are the actions.
func parseExpectation(text string, actions []*action, compared []strategy) (*expectation, error) {
	at, op := -1, ""
	for _, o := range operators {
		if i := strings.Index(text, o); i >= 0 && (at < 0 || i < at || i == at && len(o) > len(op)) {
			at, op = i, o
		}
	}
	if at < 0 {
		hint := ""
		if strings.Contains(text, "=") {
			hint = "; equality is =="
		}
		return nil, fmt.Errorf("%s compares nothing; want RESULT OPERATOR VALUE, such as answers >= 990 (the operators are == != < <= > >=)%s", quote(text), hint)
	}
	x := &expectation{text: strings.Join(strings.Fields(text), " "), op: op}
	var units [2]unit
	for i, side := range [2]string{text[:at], text[at+len(op):]} {
		o, u, err := parseOperand(strings.TrimSpace(side), actions, compared)
		if err != nil {
			return nil, err
		}
		units[i] = u
		if i == 0 {
			x.left = o
		} else {
			x.right = o
		}
	}
	if x.left.metric == "" && x.right.metric == "" {
		return nil, fmt.Errorf("%s names no result; want one such as answers or p99_ms", quote(text))
	}
	if units[0] != units[1] && !(x.left.metric == "" && units[0] == plain) && !(x.right.metric == "" && units[1] == plain) {
		return nil, fmt.Errorf("%s compares %s with %s", quote(text), units[0], units[1])
	}
	return x, nil
}

// String returns what is measured in it.
func (u unit) String() string { return [...]string{"a number", "a time", "a share"}[u] }

func parseOperand(s string, actions []*action, compared []strategy) (operand, unit, error) {
	if s == "" {
		return operand{}, 0, fmt.Errorf("one side of the comparison is missing")
	}
	if f, u, ok := parseLiteral(s); ok {
		return operand{factor: f}, u, nil
	}
	if number, name, ok := strings.Cut(s, "*"); ok {
		f, u, ok := parseLiteral(strings.TrimSpace(number))
		if !ok || u == milliseconds {
			return operand{}, 0, fmt.Errorf("%s: before * stands a number or a share, such as 0.99 or 99%%", quote(s))
		}
		o, u, err := parseOperand(strings.TrimSpace(name), actions, compared)
		if err == nil && o.metric == "" {
			err = fmt.Errorf("%s: after * stands a result, such as requests", quote(s))
		}
		o.factor *= f
		return o, u, err
	}
	s, by, compares := strings.Cut(s, " of ")
	o, u, err := parseResult(strings.TrimSpace(s), actions)
	if err != nil || !compares {
		return o, u, err
	}
	o.strategy = strategy(strings.TrimSpace(by))
	var names []string
	for _, x := range compared {
		names = append(names, string(x))
	}
	_, ok := findMetric(o.metric, actionMetrics, discoverMetrics)
	switch {
	case !slices.Contains(compared, o.strategy):
		return o, u, unknownWord("strategy in compare", string(o.strategy), names)
	case !ok || o.world:
		return o, u, fmt.Errorf("%s is no result of an action; others cannot be compared", quote(o.metric))
	}
	return o, u, nil
}

// parseLiteral reads 990, 1_000, 99%, 500ms or 2s; times become milliseconds.
func parseLiteral(s string) (float64, unit, bool) {
	if p, ok := parsePercent(s); ok {
		return p, share, true
	}
	if s == "" || s[0] != '-' && s[0] != '.' && (s[0] < '0' || s[0] > '9') {
		return 0, 0, false
	}
	if f, err := strconv.ParseFloat(strings.ReplaceAll(s, "_", ""), 64); err == nil && !math.IsInf(f, 0) {
		return f, plain, true
	}
	if d, err := time.ParseDuration(s); err == nil {
		return float64(d) / float64(time.Millisecond), milliseconds, true
	}
	return 0, 0, false
}

// parseResult reads "find.answers", or a result of all actions or of the world.
func parseResult(s string, actions []*action) (operand, unit, error) {
	o := operand{factor: 1, metric: s}
	name, metric, ok := strings.Cut(s, ".")
	if !ok {
		if m, ok := findMetric(s, worldMetrics); ok {
			o.world = true
			return o, m.unit, nil
		}
		m, ok := findMetric(s, actionMetrics, discoverMetrics, observeMetrics, transferMetrics, subscribeMetrics)
		switch {
		case !ok:
			return o, 0, unknownWord("result", s, metricNames(actionMetrics, discoverMetrics, observeMetrics, subscribeMetrics, worldMetrics))
		case !anyHas(actions, s):
			return o, 0, fmt.Errorf("no action has the result %s", quote(s))
		}
		return o, m.unit, nil
	}
	o.action, o.metric = name, metric
	var names []string
	for _, a := range actions {
		if a.name == name {
			m, ok := findMetric(metric, a.metrics()...)
			if !ok {
				return o, 0, unknownWord("result of "+name, metric, metricNames(a.metrics()...))
			}
			return o, m.unit, nil
		}
		names = append(names, a.name)
	}
	return o, 0, unknownWord("action", name, names)
}

func anyHas(actions []*action, metric string) bool {
	for _, a := range actions {
		if _, ok := findMetric(metric, a.metrics()...); ok {
			return true
		}
	}
	return false
}

func unknownWord(what, word string, words []string) error {
	if near := nearest(word, words); near != "" {
		return fmt.Errorf("%s is no %s; did you mean %q?", quote(word), what, near)
	}
	if len(words) == 0 {
		return fmt.Errorf("%s is no %s; there are none", quote(word), what)
	}
	return fmt.Errorf("%s is no %s; they are %s", quote(word), what, strings.Join(words, ", "))
}

// Outcome is what became of an expectation.
type Outcome struct {
	Expression string `json:"expression"`
	OK         bool   `json:"ok"`
	// Left and Right are what its sides came to; nil = there is no value, such
	// as a median of no answers.
	Left  *float64 `json:"left"`
	Right *float64 `json:"right"`
	// Line is where it stands; 0 = not known.
	Line int `json:"line,omitempty"`
}

// check compares. What has no value compares with nothing.
func (x *expectation) check(value func(o operand) float64) Outcome {
	side := func(o operand) float64 {
		if o.metric == "" {
			return o.factor
		}
		return o.factor * value(o)
	}
	l, r := side(x.left), side(x.right)
	out := Outcome{Expression: x.text, Line: x.line, OK: compare(l, x.op, r)}
	if !math.IsNaN(l) {
		out.Left = &l
	}
	if !math.IsNaN(r) {
		out.Right = &r
	}
	return out
}

// compare allows for the rounding of shares.
func compare(l float64, op string, r float64) bool {
	if math.IsNaN(l) || math.IsNaN(r) {
		return false
	}
	equal := math.Abs(l-r) <= 1e-9*max(math.Abs(l), math.Abs(r))
	switch op {
	case "==":
		return equal
	case "!=":
		return !equal
	case "<":
		return l < r && !equal
	case "<=":
		return l < r || equal
	case ">":
		return l > r && !equal
	}
	return l > r || equal
}
