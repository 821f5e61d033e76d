package rules

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// queryNames are the conditional query parameters of
// draft-ietf-core-conditional-attributes, in the order of its tables.
var queryNames = []string{"c.gt", "c.lt", "c.st", "c.band", "c.edge", "c.pmin", "c.pmax", "c.epmin", "c.epmax", "c.con"}

// query holds what a request asks for.
type query struct {
	num  map[string]float64
	has  map[string]bool
	edge bool
	con  bool
}

// FromQuery makes a rule of the conditional query parameters among the
// Uri-Query options of a request (draft-ietf-core-conditional-attributes §3):
// the conditions are alternatives, controls alone select every sample.
//
//	c.gt=G                 (value > G) != (last.value > G)
//	c.lt=L                 (value < L) != (last.value < L)
//	c.st=S                 delta >= S; S is above 0
//	c.edge=1, c.edge=0     rising(value), falling(value)
//	c.band with c.gt c.lt  value in G..L, or value > G or value < L if G > L
//	c.band with c.lt       value >= L
//	c.band with c.gt       value <= G
//	c.pmin=S and so on     pmin, pmax, epmin, epmax of S seconds; c.con=1 con
//
// Numbers are decimal, without an exponent; quotes around them are taken off.
// Other parameters are left alone. A nil Rule without an error: there are none. The
// error is a *QueryError, to be answered 4.00.
func FromQuery(params []string) (*Rule, error) {
	q := query{num: map[string]float64{}, has: map[string]bool{}}
	any := false
	for _, p := range params {
		name, v, valued := strings.Cut(p, "=")
		if !strings.HasPrefix(name, "c.") {
			continue
		}
		if !slices.Contains(queryNames, name) {
			continue // not of the draft: RFC 7252 leaves it to the resource
		}
		any = true
		if err := q.take(name, v, valued); err != nil {
			return nil, err
		}
	}
	if !any {
		return nil, nil
	}
	return q.rule()
}

func (q *query) take(name, v string, valued bool) error {
	fail := func(expected, found string) error { return &QueryError{name, expected, found} }
	if q.has[name] {
		return fail("the parameter once", "a second one")
	}
	q.has[name] = true
	if name == "c.band" {
		if valued {
			return fail("no value", shown(v))
		}
		return nil
	}
	v = strings.Trim(v, `"`) // the draft's examples quote them
	switch name {
	case "c.edge", "c.con":
		on, ok := boolean(v)
		if !ok {
			return fail("a truth value: 0, 1, false or true", shown(v))
		}
		if name == "c.edge" {
			q.edge = on
		} else {
			q.con = on
		}
		return nil
	}
	x, ok := decimalValue(v)
	if !ok {
		return fail("a decimal number", shown(v))
	}
	switch {
	case name == "c.gt" || name == "c.lt":
	case x <= 0:
		return fail("a number above 0", shown(v))
	case name != "c.st":
		x = milliseconds(v, x, 1000)
		if _, wrong := periodOf(x); wrong != "" {
			return fail("a number of seconds of at most 3153600000", shown(v))
		}
	}
	q.num[name] = x
	return nil
}

// boolean reads an xs:boolean.
func boolean(s string) (value, ok bool) {
	switch s {
	case "1", "true":
		return true, true
	case "0", "false":
		return false, true
	}
	return false, false
}

// decimalValue reads an xs:decimal: digits with an optional sign and point, and
// no exponent.
func decimalValue(s string) (float64, bool) {
	digits := strings.TrimLeft(s, "+-")
	if len(s)-len(digits) > 1 || strings.Trim(digits, "0123456789.") != "" || strings.Count(digits, ".") > 1 ||
		strings.Trim(digits, ".") == "" {
		return 0, false
	}
	x, err := strconv.ParseFloat(s, 64)
	return x + 0, err == nil && !math.IsInf(x, 0)
}

func (q *query) rule() (*Rule, error) {
	gt, lt := q.num["c.gt"], q.num["c.lt"]
	hasGT, hasLT := q.has["c.gt"], q.has["c.lt"]
	var alternatives []string
	add := func(format string, args ...any) { alternatives = append(alternatives, fmt.Sprintf(format, args...)) }
	switch {
	case q.has["c.band"] && hasGT && hasLT && gt <= lt:
		add("value in %s..%s", numberText(gt), numberText(lt))
	case q.has["c.band"] && hasGT && hasLT:
		add("value > %s or value < %s", numberText(gt), numberText(lt))
	case q.has["c.band"] && hasLT:
		add("value >= %s", numberText(lt))
	case q.has["c.band"] && hasGT:
		add("value <= %s", numberText(gt))
	case q.has["c.band"]:
		return nil, &QueryError{"c.band", "c.gt or c.lt beside it", "neither"}
	default:
		if hasGT {
			add("(value > %[1]s) != (last.value > %[1]s)", numberText(gt))
		}
		if hasLT {
			add("(value < %[1]s) != (last.value < %[1]s)", numberText(lt))
		}
	}
	if q.has["c.st"] {
		add("delta >= %s", numberText(q.num["c.st"]))
	}
	if q.has["c.edge"] {
		add("%s(value)", map[bool]string{true: "rising", false: "falling"}[q.edge])
	}
	n, _, err := parseText(strings.Join(alternatives, " or "))
	if err != nil {
		return nil, err // cannot be: the text is ours
	}
	c := Controls{Con: q.con}
	for _, name := range controlNames[:4] {
		if ms, ok := q.num["c."+name]; ok {
			*c.period(name), _ = periodOf(ms)
		}
	}
	if which, expected, found := c.conflict(); which != "" {
		return nil, &QueryError{"c." + which, expected, found}
	}
	return newRule(n, c, func(n *node, expected, found string) error {
		return &QueryError{"c.*", expected, found}
	})
}
