package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Rule is a rule that has been parsed and checked. It is immutable and knows no
// resource; Compile binds it to the fields of one. Two rules that mean the same
// in other words have the same String.
type Rule struct {
	expr     *node // canonical, never nil
	controls Controls
	text     string // canonical
	exprLen  int    // of the expression in the text
	cost     int
	code
}

// Parse reads a rule from text. The error is a *SyntaxError.
func Parse(text string) (*Rule, error) {
	n, c, err := parseText(text)
	if err != nil {
		return nil, err
	}
	return newRule(n, c, func(n *node, expected, found string) error {
		return &SyntaxError{Pos: n.pos, End: n.end, Expected: expected, Found: found, Rule: text}
	})
}

// ParseCompact reads a rule from its compact form. The error is a *SyntaxError
// that counts bytes.
func ParseCompact(b []byte) (*Rule, error) {
	n, c, err := readCompact(b)
	if err != nil {
		return nil, err
	}
	return newRule(n, c, func(n *node, expected, found string) error {
		return &SyntaxError{Pos: n.pos, End: n.end, Expected: expected, Found: found, compact: true}
	})
}

// ParseBytes reads a rule in either form, as it comes in the Rule option of a
// request: the compact form begins with the byte 0x01, which no text does.
func ParseBytes(b []byte) (*Rule, error) {
	if len(b) > 0 && b[0] == compactVersion {
		return ParseCompact(b)
	}
	return Parse(string(b))
}

// newRule checks an expression, nil for none, which becomes its own.
func newRule(n *node, c Controls, fail func(n *node, expected, found string) error) (*Rule, error) {
	if n == nil {
		n = boolNode(true)
	}
	limit := func(n *node, expected, found string) error {
		err := fail(n, expected, found)
		if se, ok := err.(*SyntaxError); ok {
			se.limit = true
		}
		return err
	}
	if n.depth() > MaxDepth {
		return nil, limit(deepest(n, MaxDepth), fmt.Sprintf("at most %d levels", MaxDepth), "more")
	}
	check := checker{fail}
	if err := check.condition(n); err != nil {
		return nil, err
	}
	if cost := n.cost(); cost > MaxCost {
		return nil, limit(n, fmt.Sprintf("a static cost of at most %d", MaxCost), fmt.Sprint(cost))
	}
	n = canonicalize(n)
	if err := check.thresholds(n); err != nil {
		return nil, err
	}
	r := &Rule{expr: n, controls: c, cost: n.cost(), code: codeOf(n)}
	text := appendNode(nil, n, rankOr)
	r.exprLen = len(text)
	r.text = string(appendControls(text, c))
	if len(r.text) > MaxBytes {
		return nil, limit(n, fmt.Sprintf("a canonical form of at most %d bytes", MaxBytes), fmt.Sprint(len(r.text)))
	}
	if length := len(r.Compact()); length > MaxBytes { // 1e300 has 5 characters, and 9 bytes
		return nil, limit(n, fmt.Sprintf("a compact form of at most %d bytes", MaxBytes), fmt.Sprint(length))
	}
	return r, nil
}

// deepest returns the first node that is more than levels down.
func deepest(n *node, levels int) *node {
	if levels == 0 {
		return n
	}
	for _, k := range n.kids {
		if k.depth() >= levels {
			return deepest(k, levels-1)
		}
	}
	return n
}

// String is the canonical text: the same for all spellings of a rule.
// Parse(r.String()) is r. The rule that selects everything is "true".
func (r *Rule) String() string { return r.text }

// Expression is the canonical text without the controls.
func (r *Rule) Expression() string { return r.text[:r.exprLen] }

// Controls are the controls of the rule.
func (r *Rule) Controls() Controls { return r.controls }

// Cost is the static cost, an upper bound for the work of an evaluation, at
// most MaxCost: one for each node, 8 more for each comparison of strings, and
// what rising, falling, changed, crosses and hyst evaluate a second time.
func (r *Rule) Cost() int { return r.cost }

// Nodes is the number of nodes of the canonical expression.
func (r *Rule) Nodes() int { return r.expr.nodes() }

// Depth is the number of levels of the canonical expression.
func (r *Rule) Depth() int { return r.expr.depth() }

// Shareable reports whether the result depends on the current sample and the
// one before only, so that it is the same for all subscribers.
func (r *Rule) Shareable() bool { return !r.expr.usesLast() && !r.expr.uses(opHyst) }

// Use is a field that a rule looks at, and as what.
type Use struct {
	Field Field
	// Type is "number", "string", "condition", or "any" where the rule does not
	// say, as in changed(x).
	Type string
}

// Uses are the fields that the rule looks at, each once for each type that it
// is used as, in a fixed order.
func (r *Rule) Uses() []Use {
	var us []Use
	r.expr.some(func(n *node) bool {
		switch {
		case n.op == opDelta:
			us = append(us, Use{n.field, tNumber.String()})
		case n.op == opField && n.typ == tAny:
			us = append(us, Use{n.field, "any"})
		case n.op == opField:
			us = append(us, Use{n.field, n.typ.String()})
		}
		return false
	})
	slices.SortFunc(us, func(a, b Use) int {
		return cmp.Or(compareFields(a.Field, b.Field), strings.Compare(a.Type, b.Type))
	})
	return slices.Compact(us)
}

// Fields are the fields that the rule looks at, each once, in a fixed order.
func (r *Rule) Fields() []Field {
	var fs []Field
	r.expr.some(func(n *node) bool {
		if n.op == opField || n.op == opDelta { // delta has the zero Field, which is value
			fs = append(fs, n.field)
		}
		return false
	})
	slices.SortFunc(fs, compareFields)
	return slices.Compact(fs)
}

func compareFields(a, b Field) int {
	return compare(&node{field: a}, &node{field: b})
}
