package rules

import (
	"fmt"
	"strings"
)

const operand = "a number, field, string, call or \"(\""

func (p *parser) prim() (*node, error) {
	t := p.tok
	switch {
	case t.kind == tokNumber, t.kind == tokDuration, t.kind == tokString:
		o := opNumber
		switch t.kind {
		case tokDuration:
			o = opDuration
		case tokString:
			o = opString
		}
		n, err := p.node(o, t.pos, t.end)
		if err != nil {
			return nil, err
		}
		n.num, n.str = t.num, t.str
		return n, p.advance()
	case t.kind == tokField:
		return p.field(now, t.pos)
	case t.is("("):
		if err := p.enter(); err != nil {
			return nil, err
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
		n, err := p.or()
		if err != nil {
			return nil, err
		}
		p.depth--
		return n, p.expect(")", "")
	case t.is("!"):
		if err := p.enter(); err != nil {
			return nil, err
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
		k, err := p.prim()
		if err != nil {
			return nil, err
		}
		p.depth--
		return p.node(opNot, t.pos, k.end, k)
	case t.kind == tokWord:
		return p.wordPrim()
	}
	return nil, p.unexpected(operand)
}

func (p *parser) wordPrim() (*node, error) {
	t := p.tok
	switch t.text {
	case "true", "false":
		n, err := p.node(opBool, t.pos, t.end)
		if err != nil {
			return nil, err
		}
		if t.text == "true" {
			n.num = 1
		}
		return n, p.advance()
	case "delta", "age":
		o := opDelta
		if t.text == "age" {
			o = opAge
		}
		n, err := p.node(o, t.pos, t.end)
		if err != nil {
			return nil, err
		}
		return n, p.advance()
	case "prev", "last":
		w := prev
		if t.text == "last" {
			w = last
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
		if !p.tok.is(".") {
			return nil, p.unexpected(fmt.Sprintf(`"." and a field, as in %s.value`, t.text))
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
		return p.field(w, t.pos)
	}
	for _, f := range functions {
		if f.name == t.text {
			return p.call(f)
		}
	}
	switch t.text {
	case "and", "or", "not", "in":
		return nil, p.unexpected(operand)
	}
	return p.field(now, t.pos)
}

// field parses a name with its dots, or $"…".
func (p *parser) field(w when, start int) (*node, error) {
	t := p.tok
	var f Field
	end := t.end
	switch {
	case t.kind == tokField:
		if t.str == "" {
			return nil, p.unexpected(`the name of a record, or a pointer that begins with "/"`)
		}
		if f = NewField(t.str); f.kind == Pointer && validPointer(t.str) >= 0 {
			return nil, p.unexpected("a JSON Pointer, in which ~ is written ~0 and / is written ~1")
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
	case t.kind == tokWord && (t.text == "value" || !isReserved(t.text)):
		path := []string{t.text}
		if err := p.advance(); err != nil {
			return nil, err
		}
		if p.tok.is("(") {
			return nil, p.fail(t.pos, t.end, "one of the calls "+strings.Join(functionNames, ", "), shown(t.text))
		}
		for p.tok.is(".") {
			if t.text == "value" {
				return nil, p.unexpected(`an operator; a member of a member "value" is $"/value/…"`)
			}
			if err := p.advance(); err != nil {
				return nil, err
			}
			if p.tok.kind != tokWord {
				return nil, p.unexpected(`a name; an element of an array is $"/` + strings.Join(path, "/") + `/0"`)
			}
			path = append(path, p.tok.text)
			end = p.tok.end
			if err := p.advance(); err != nil {
				return nil, err
			}
		}
		if t.text != "value" {
			f = fieldOfPath(strings.Join(path, "."))
		}
	case t.kind == tokWord:
		return nil, p.unexpected(`a field; one that is called so is $"/` + t.text + `"`)
	default:
		return nil, p.unexpected("a field")
	}
	n, err := p.node(opField, start, end)
	if err != nil {
		return nil, err
	}
	n.field, n.when = f, w
	return n, nil
}

func (p *parser) call(f function) (*node, error) {
	start := p.tok.pos
	if err := p.enter(); err != nil {
		return nil, err
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if !p.tok.is("(") {
		return nil, p.unexpected(fmt.Sprintf(`"(": %s; a field of that name is $"/%s"`, f.want, f.name))
	}
	var kids []*node
	for i := range f.args {
		if i > 0 && !p.tok.is(",") {
			return nil, p.unexpected(`",": ` + f.want)
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
		k, err := p.or()
		if err != nil {
			return nil, err
		}
		kids = append(kids, k)
	}
	end := p.tok.end
	if err := p.expect(")", ": "+f.want); err != nil {
		return nil, err
	}
	p.depth--
	return p.node(f.op, start, end, kids...)
}
