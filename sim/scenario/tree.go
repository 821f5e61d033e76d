package scenario

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// Bounds of a file.
const (
	maxFile   = 1 << 20 // bytes
	maxDepth  = 16      // of mappings and lists in each other
	maxValues = 100_000
)

type kind uint8

const (
	empty  kind = iota // nothing stands there: all defaults
	absent             // "~": what a base says is taken away
	scalar
	mapping
	list
)

func (k kind) String() string {
	return [...]string{"nothing", "~", "a plain value", "a mapping (KEY: VALUE)", "a list"}[k]
}

// value is a value of a file. It knows where it stands, even when files have
// been merged.
type value struct {
	pos
	kind    kind
	text    string // of a scalar
	entries []entry
	items   []*value
}

// entry is one key of a mapping.
type entry struct {
	pos
	name  string
	value *value
}

func (v *value) get(name string) *value {
	for i := range v.entries {
		if v.entries[i].name == name {
			return v.entries[i].value
		}
	}
	return nil
}

func (v *value) remove(name string) {
	for i := range v.entries {
		if v.entries[i].name == name {
			v.entries = append(v.entries[:i:i], v.entries[i+1:]...)
			return
		}
	}
}

// parseTree reads the text of a file.
func parseTree(file string, text []byte) (*value, error) {
	at := pos{file: file}
	fail := func(line int, format string, args ...any) (*value, error) {
		return nil, Errors{{File: file, Line: line, Problem: fmt.Sprintf(format, args...)}}
	}
	if len(text) > maxFile {
		return fail(0, "the file is too long; a scenario has at most %d bytes", maxFile)
	}
	if !utf8.Valid(text) {
		return fail(0, "the file is not UTF-8 text")
	}
	if strings.TrimSpace(string(text)) == "" {
		return fail(0, "the file is empty; a scenario begins with \"version: 1\"")
	}
	var doc yaml.Node
	if err := yaml.Load(text, &doc); err != nil {
		var le *yaml.LoadError
		if !errors.As(err, &le) {
			return fail(0, "%v", err)
		}
		return fail(le.Mark.Line, "this is not YAML: %s%s", strings.TrimPrefix(le.Message, "yaml: "), hint(le.Message))
	}
	r := reader{file: file}
	root := &doc
	if doc.Kind == yaml.DocumentNode && len(doc.Content) == 1 {
		root = doc.Content[0]
	}
	v := r.value(root, 0)
	if err := r.err(); err != nil {
		return nil, err
	}
	if v.line == 0 {
		v.pos = at
	}
	return v, nil
}

// hint explains what people run into.
func hint(message string) string {
	switch {
	case strings.Contains(message, "',' or '}'"), strings.Contains(message, "',' or ']'"):
		return `; inside { } and [ ] a value with brackets or commas stands in quotes: "s[0-9]"`
	case strings.Contains(message, "tab character"):
		return "; indent with spaces"
	}
	return ""
}

// reader makes values of what package yaml has read.
type reader struct {
	problems
	file   string
	values int
}

func (r *reader) value(n *yaml.Node, depth int) *value {
	v := &value{pos: pos{r.file, n.Line}}
	r.values++
	if depth > maxDepth || r.values > maxValues {
		if r.values <= maxValues || len(r.errs) == 0 {
			r.add(v.pos, "", "more than %d values, or more than %d of them inside each other, are too much", maxValues, maxDepth)
		}
		return v
	}
	if n.Anchor != "" || n.Kind == yaml.AliasNode {
		r.add(v.pos, "", "anchors (&) and aliases (*) are not for scenarios; base takes over what another file says")
		return v
	}
	if n.Style&yaml.TaggedStyle != 0 {
		r.add(v.pos, "", "a tag (%s) is not for scenarios; leave it out", n.Tag)
		return v
	}
	switch n.Kind {
	case yaml.ScalarNode:
		v.kind, v.text = scalar, n.Value
		if n.ShortTag() == "!!null" {
			v.kind = empty
			if n.Value != "" {
				v.kind = absent
			}
		}
	case yaml.SequenceNode:
		v.kind = list
		for _, c := range n.Content {
			v.items = append(v.items, r.value(c, depth+1))
		}
	case yaml.MappingNode:
		v.kind = mapping
		r.mapping(v, n, depth)
	default:
		r.add(v.pos, "", "this is nothing that a scenario can have")
	}
	return v
}

func (r *reader) mapping(v *value, n *yaml.Node, depth int) {
	lines := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		at := pos{r.file, k.Line}
		if k.Kind != yaml.ScalarNode || k.Anchor != "" {
			r.add(at, "", "a key must be a plain word")
			continue
		}
		if line, ok := lines[k.Value]; ok {
			r.add(at, k.Value, "this key is there already, in line %d", line)
			continue
		}
		lines[k.Value] = k.Line
		c := r.value(n.Content[i+1], depth+1)
		if c.line == 0 {
			c.line = k.Line
		}
		v.entries = append(v.entries, entry{at, k.Value, c})
	}
}

// merge returns what a base says, changed by what stands over it: mappings are
// merged, everything else is replaced, and "~" takes away.
func merge(base, over *value) *value {
	if over.kind == empty && base.kind != scalar {
		return base
	}
	if base.kind != mapping || over.kind != mapping {
		return over
	}
	m := &value{pos: over.pos, kind: mapping, entries: append([]entry(nil), base.entries...)}
	for _, e := range over.entries {
		if e.value.kind == absent {
			m.remove(e.name)
			continue
		}
		found := false
		for i := range m.entries {
			if b := &m.entries[i]; b.name == e.name {
				m.entries[i] = entry{e.pos, e.name, merge(b.value, e.value)}
				found = true
				break
			}
		}
		if !found {
			m.entries = append(m.entries, e)
		}
	}
	return m
}

// prune takes out what stands as "~" where no base has anything to take away.
func (v *value) prune() {
	kept := v.entries[:0:0]
	for _, e := range v.entries {
		if e.value.kind != absent {
			e.value.prune()
			kept = append(kept, e)
		}
	}
	v.entries = kept
	for _, c := range v.items {
		c.prune()
	}
}

// change applies a "key.key=value" to a scenario.
func change(root *value, assignment string) (*value, error) {
	file := "--set " + assignment
	fail := func(format string, args ...any) (*value, error) {
		return nil, Errors{{File: file, Problem: fmt.Sprintf(format, args...)}}
	}
	path, text, ok := strings.Cut(assignment, "=")
	if !ok || path == "" {
		return fail("want KEY=VALUE, such as nodes.server.count=100")
	}
	keys, err := splitPath(path)
	if err != nil {
		return fail("%v", err)
	}
	if keys[0] == "base" || keys[0] == "version" {
		return fail("%s is the file's own; it cannot be changed from outside", keys[0])
	}
	v := &value{pos: pos{file: file}, kind: empty}
	if strings.TrimSpace(text) != "" {
		if v, err = parseTree(file, []byte(text)); err != nil {
			var errs Errors
			if errors.As(err, &errs) {
				for _, e := range errs {
					e.Line = 0
				}
			}
			return nil, err
		}
		v.forgetLines()
	}
	return put(root, keys, v, pos{file: file})
}

// splitPath splits at the dots that do not stand in quotes.
func splitPath(path string) ([]string, error) {
	var keys []string
	for rest := path; ; {
		var key string
		if after, quoted := strings.CutPrefix(rest, `"`); quoted {
			var closed bool
			if key, rest, closed = strings.Cut(after, `"`); !closed {
				return nil, errors.New(`a quote " is not closed`)
			}
			if rest != "" && rest[0] != '.' {
				return nil, errors.New(`after a closing quote comes "." or "="`)
			}
			rest = strings.TrimPrefix(rest, ".")
			if keys = append(keys, key); rest == "" {
				return keys, nil
			}
			continue
		}
		var more bool
		key, rest, more = strings.Cut(rest, ".")
		if key == "" {
			return nil, fmt.Errorf("the key %q has an empty part", path)
		}
		if keys = append(keys, key); !more {
			return keys, nil
		}
	}
}

// forgetLines: a change has no lines.
func (v *value) forgetLines() {
	v.line = 0
	for i := range v.entries {
		v.entries[i].line = 0
		v.entries[i].value.forgetLines()
	}
	for _, c := range v.items {
		c.forgetLines()
	}
}

// put returns root with the value at the end of a path of keys.
func put(root *value, keys []string, v *value, at pos) (*value, error) {
	if root != nil && root.kind == list {
		var i int
		if _, err := fmt.Sscanf(keys[0], "%d", &i); err != nil || i < 0 || i >= len(root.items) {
			return nil, Errors{{File: at.file, Problem: fmt.Sprintf("%q is no place in the list in line %d, which has 0 to %d", keys[0], root.line, len(root.items)-1)}}
		}
		c := v
		if len(keys) > 1 {
			var err error
			if c, err = put(root.items[i], keys[1:], v, at); err != nil {
				return nil, err
			}
		}
		items := append([]*value(nil), root.items...)
		items[i] = c
		return &value{pos: root.pos, kind: list, items: items}, nil
	}
	over := v
	var inner *value
	if root != nil && root.kind == mapping {
		inner = root.get(keys[0])
	}
	if len(keys) > 1 {
		var err error
		if over, err = put(inner, keys[1:], v, at); err != nil {
			return nil, err
		}
	}
	m := &value{pos: at, kind: mapping, entries: []entry{{at, keys[0], over}}}
	if root == nil {
		return m, nil
	}
	if root.kind == mapping {
		m.pos = root.pos
		if inner != nil && len(keys) > 1 { // it is the whole of what was there, changed
			root = &value{pos: root.pos, kind: mapping, entries: append([]entry(nil), root.entries...)}
			for i := range root.entries {
				if root.entries[i].name == keys[0] {
					root.entries[i].value = over
				}
			}
			return root, nil
		}
	}
	return merge(root, m), nil
}
