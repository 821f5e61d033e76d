package rules

import (
	"fmt"
)

// Bounds of a rule. What is above them is refused with an error that is
// ErrLimit.
const (
	// MaxBytes bounds the text, the canonical text and the compact form.
	MaxBytes = 512
	// MaxNodes bounds the nodes of the expression: each constant, field,
	// operator and call is one, an and or or of any number of conditions too.
	MaxNodes = 64
	// MaxDepth bounds the levels of the expression, and of its parentheses.
	MaxDepth = 16
	// MaxCost bounds the static cost, which Rule.Cost tells.
	MaxCost = 256
)

type parser struct {
	lexer
	tok   token
	nodes int
	depth int // parentheses, calls and ! that are open
}

// parseText parses a rule; a nil node is no expression.
func parseText(text string) (*node, Controls, error) {
	p := &parser{lexer: lexer{text: text}}
	if len(text) > MaxBytes {
		err := p.fail(MaxBytes, len(text), fmt.Sprintf("at most %d bytes", MaxBytes), fmt.Sprintf("%d", len(text)))
		err.limit = true
		return nil, Controls{}, err
	}
	if err := p.advance(); err != nil {
		return nil, Controls{}, err
	}
	var n *node
	var c Controls
	var err error
	if p.tok.kind != tokEnd && !p.tok.is(";") {
		if n, err = p.or(); err != nil {
			return nil, c, err
		}
	}
	if p.tok.is(";") {
		if c, err = p.controls(); err != nil {
			return nil, c, err
		}
	} else if p.tok.kind != tokEnd {
		return nil, c, p.unexpected(`an operator, "and", "or", ";" or the end`)
	}
	return n, c, nil
}

func (p *parser) advance() (err error) {
	p.tok, err = p.next()
	return err
}

func (p *parser) unexpected(expected string) *SyntaxError {
	return p.fail(p.tok.pos, p.tok.end, expected, p.tok.String())
}

func (p *parser) expect(sign, why string) error {
	if !p.tok.is(sign) {
		return p.unexpected(fmt.Sprintf(`"%s"%s`, sign, why))
	}
	return p.advance()
}

// node counts a node of the expression.
func (p *parser) node(o op, pos, end int, kids ...*node) (*node, error) {
	if p.nodes++; p.nodes > MaxNodes {
		err := p.fail(pos, end, fmt.Sprintf("at most %d nodes", MaxNodes), "more")
		err.limit = true
		return nil, err
	}
	return &node{op: o, pos: pos, end: end, kids: kids}, nil
}

// enter guards the parser's own stack.
func (p *parser) enter() error {
	if p.depth++; p.depth > MaxDepth {
		err := p.fail(p.tok.pos, p.tok.end, fmt.Sprintf("at most %d levels", MaxDepth), "more")
		err.limit = true
		return err
	}
	return nil
}

func (p *parser) or() (*node, error) {
	return p.list(opOr, "or", "||", func() (*node, error) { return p.list(opAnd, "and", "&&", p.not) })
}

// list parses conditions joined by and, or by or, into one node.
func (p *parser) list(o op, word, sign string, part func() (*node, error)) (*node, error) {
	first, err := part()
	if err != nil || !p.tok.word(word) && !p.tok.is(sign) {
		return first, err
	}
	n, err := p.node(o, first.pos, first.end, first)
	for err == nil && (p.tok.word(word) || p.tok.is(sign)) {
		if err = p.advance(); err != nil {
			break
		}
		var k *node
		if k, err = part(); err != nil {
			break
		}
		n.kids = append(n.kids, k)
		n.end = k.end
	}
	return n, err
}

func (p *parser) not() (*node, error) {
	var nots []int
	for p.tok.word("not") {
		if nots = append(nots, p.tok.pos); len(nots) > MaxDepth {
			return nil, p.enterTooDeep()
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
	n, err := p.cmp()
	for i := len(nots) - 1; i >= 0 && err == nil; i-- {
		n, err = p.node(opNot, nots[i], n.end, n)
	}
	return n, err
}

func (p *parser) enterTooDeep() error {
	p.depth = MaxDepth
	return p.enter()
}

func comparison(t token) (op, bool) {
	if t.kind != tokSign {
		return 0, false
	}
	switch t.text {
	case "==", "=":
		return opEq, true
	case "!=":
		return opNe, true
	case "<":
		return opLt, true
	case "<=":
		return opLe, true
	case ">":
		return opGt, true
	case ">=":
		return opGe, true
	}
	return 0, false
}

func (p *parser) cmp() (*node, error) {
	var left *node
	var err error
	if _, ok := comparison(p.tok); ok {
		// A comparison that begins with its operator is of value.
		left, err = p.node(opField, p.tok.pos, p.tok.end)
	} else {
		left, err = p.sum()
	}
	if err != nil {
		return nil, err
	}
	if p.tok.word("in") {
		return p.in(left)
	}
	o, ok := comparison(p.tok)
	if !ok {
		return left, nil
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	right, err := p.sum()
	if err != nil {
		return nil, err
	}
	if _, again := comparison(p.tok); again || p.tok.word("in") {
		return nil, p.unexpected(`"and" or "or", for comparisons are not chained`)
	}
	return p.node(o, left.pos, right.end, left, right)
}

func (p *parser) in(left *node) (*node, error) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.tok.is("[") {
		kids := []*node{left}
		for {
			if err := p.advance(); err != nil {
				return nil, err
			}
			k, err := p.sum()
			if err != nil {
				return nil, err
			}
			kids = append(kids, k)
			if !p.tok.is(",") {
				break
			}
		}
		end := p.tok.end
		if err := p.expect("]", ` or ","`); err != nil {
			return nil, err
		}
		return p.node(opIn, left.pos, end, kids...)
	}
	from, err := p.sum()
	if err != nil {
		return nil, err
	}
	if !p.tok.is("..") {
		return nil, p.unexpected(`".." and the end of the range`)
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	to, err := p.sum()
	if err != nil {
		return nil, err
	}
	return p.node(opRange, left.pos, to.end, left, from, to)
}

func (p *parser) sum() (*node, error) {
	return p.chain("+", opAdd, "-", opSub, func() (*node, error) { return p.chain("*", opMul, "/", opDiv, p.unary) })
}

// chain parses operators of one rank, from the left.
func (p *parser) chain(a string, opA op, b string, opB op, part func() (*node, error)) (*node, error) {
	n, err := part()
	for err == nil && (p.tok.is(a) || p.tok.is(b)) {
		o := opA
		if p.tok.is(b) {
			o = opB
		}
		if err = p.advance(); err != nil {
			break
		}
		var right *node
		if right, err = part(); err != nil {
			break
		}
		n, err = p.node(o, n.pos, right.end, n, right)
	}
	return n, err
}

func (p *parser) unary() (*node, error) {
	if !p.tok.is("-") {
		return p.prim()
	}
	start := p.tok.pos
	if err := p.advance(); err != nil {
		return nil, err
	}
	literal := p.tok.kind == tokNumber || p.tok.kind == tokDuration
	n, err := p.prim()
	if err != nil {
		return nil, err
	}
	if literal {
		n.num = 0 - n.num // not -0
		n.pos = start
		return n, nil
	}
	return p.node(opNeg, start, n.end, n)
}
