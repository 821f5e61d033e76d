package scenario

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4"
)

// clone returns a copy that can be changed.
func (v *value) clone() *value {
	c := *v
	c.entries = slices.Clone(v.entries)
	for i := range c.entries {
		c.entries[i].value = c.entries[i].value.clone()
	}
	c.items = slices.Clone(v.items)
	for i := range c.items {
		c.items[i] = c.items[i].clone()
	}
	return &c
}

// set gives a key of a mapping a plain value.
func (v *value) set(name, text string) {
	c := &value{pos: v.pos, kind: scalar, text: text}
	if v.kind == empty {
		v.kind = mapping
	}
	for i := range v.entries {
		if v.entries[i].name == name {
			v.entries[i].value = c
			return
		}
	}
	v.entries = append(v.entries, entry{v.pos, name, c})
}

// wrong are the keys that make things go wrong, besides faults.
var wrong = []string{"loss", "bursts", "duplicate", "corrupt", "reorder", "reorder_by", "fail", "panic", "cancel"}

// heal takes away what goes wrong.
func (v *value) heal() {
	for _, name := range wrong {
		v.remove(name)
	}
	for _, e := range v.entries {
		e.value.heal()
	}
}

// kept are the keys without which there is more, not less, or nothing at all.
var kept = []string{"version", "stop", "times", "for", "count", "expect"}

// cut takes away the n-th of all values that can be, and all that is in it. It
// reports whether there are so many.
func (v *value) cut(n int) bool {
	return v.cutNth(&n)
}

func (v *value) cutNth(n *int) bool {
	for i := range v.entries {
		e := &v.entries[i]
		if slices.Contains(kept, e.name) {
			continue
		}
		if *n == 0 {
			v.entries = slices.Delete(v.entries, i, i+1)
			return true
		}
		*n--
		if e.value.cutNth(n) {
			return true
		}
	}
	for i := range v.items {
		if len(v.items) == 1 {
			break
		}
		if *n == 0 {
			v.items = slices.Delete(v.items, i, i+1)
			return true
		}
		*n--
	}
	return false
}

// fewer is a group that has fewer nodes than before: count of them, and one alone
// may have lost its number. So many nodes of the group as a selector draws are
// spare nodes fewer than all of them.
type fewer struct {
	group, prefix string
	first, count  int
	single        bool
	spare         int
}

// limit changes what is said of the nodes of a group.
func (v *value) limit(f *fewer) {
	if v.kind == scalar {
		if !strings.Contains(v.text, f.group) && !strings.Contains(v.text, f.prefix) {
			return
		}
		var words []string
		for word := range strings.SplitSeq(v.text, ",") {
			words = append(words, f.limit(strings.TrimSpace(word)))
		}
		v.text = strings.Join(words, ", ")
	}
	for _, e := range v.entries {
		e.value.limit(f)
	}
	for _, c := range v.items {
		c.limit(f)
	}
}

func (f *fewer) limit(word string) string {
	if amount, of, some := strings.Cut(word, " of "); some {
		n, err := strconv.Atoi(strings.TrimSpace(amount))
		if of = strings.TrimSpace(of); err == nil && of == f.group {
			return fmt.Sprintf("%d of %s", max(min(n, f.count-f.spare), 1), f.group)
		}
		return amount + " of " + f.limit(of)
	}
	last := f.first + f.count - 1
	rest, ok := strings.CutPrefix(word, f.prefix)
	if !ok || rest == "" {
		return word
	}
	var a, b int
	n, err := strconv.Atoi(rest)
	many, _ := fmt.Sscanf(rest, "[%d-%d]", &a, &b)
	switch {
	case err != nil && (many != 2 || !strings.HasSuffix(rest, "]")):
		return word
	case f.single:
		return f.prefix
	case err == nil:
		return f.prefix + strconv.Itoa(min(n, last))
	}
	return fmt.Sprintf("%s[%d-%d]", f.prefix, min(a, last), min(b, last))
}

// yaml writes a value as a file has it.
func (v *value) yaml() ([]byte, error) { return yaml.Dump(v.node(0), yaml.WithIndent(2)) }

// node makes what package yaml writes. Mappings of plain values, deep inside,
// stand on one line.
func (v *value) node(depth int) *yaml.Node {
	switch v.kind {
	case empty, absent:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"}
	case list:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		for _, c := range v.items {
			n.Content = append(n.Content, c.node(depth+1))
		}
		if depth > 1 {
			n.Style = yaml.FlowStyle
		}
		return n
	case mapping:
		n := &yaml.Node{Kind: yaml.MappingNode}
		flat := depth > 1
		for _, e := range v.entries {
			n.Content = append(n.Content, text(e.name), e.value.node(depth+1))
			flat = flat && e.value.kind == scalar
		}
		if flat || len(v.entries) == 0 {
			n.Style = yaml.FlowStyle
		}
		return n
	}
	return text(v.text)
}

// text makes a plain value, in quotes where it could be read as something else.
func text(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: s}
	if s == "" || s == "~" || strings.EqualFold(s, "null") || strings.ContainsFunc(s, unicode.IsControl) || strings.ContainsAny(s, "{}[],#&*!|>'\"%@`:") || strings.TrimSpace(s) != s {
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

// quotable is text that harms no comment.
func quotable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '·'
	}, s)
}

// wrap breaks text into lines.
func wrap(s string, width int) []string {
	var lines []string
	line := ""
	for w := range strings.FieldsSeq(s) {
		if line != "" && len([]rune(line))+1+len([]rune(w)) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += w
	}
	return append(lines, line)
}
