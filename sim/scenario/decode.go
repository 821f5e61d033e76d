package scenario

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// decoder makes the parts of a Scenario of values, and collects what is wrong.
type decoder struct {
	problems
	asked map[*key]bool // keys that were read; nil = nobody wants to know
}

// object is a mapping that is being read.
type object struct {
	*decoder
	v    *value
	path string
	sec  *section
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// object begins to read a mapping; it finds fault with keys that are none of
// the section's.
func (d *decoder) object(v *value, path string, sec *section) *object {
	o := &object{d, v, path, sec}
	if !d.isMapping(v, path) {
		o.v = &value{pos: v.pos, kind: mapping}
		return o
	}
	names := sec.names()
	for _, e := range v.entries {
		if sec.key(e.name) != nil {
			continue
		}
		if near := nearest(e.name, names); near != "" {
			d.add(e.pos, path, "unknown key %q; did you mean %q?", e.name, near)
		} else {
			d.add(e.pos, path, "unknown key %q; here can stand: %s", e.name, strings.Join(names, ", "))
		}
	}
	return o
}

func (d *decoder) isMapping(v *value, path string) bool {
	if v.kind == mapping || v.kind == empty {
		return true
	}
	d.add(v.pos, path, "want a mapping (KEY: VALUE), not %s", v.describe())
	return false
}

// describe says what somebody wrote.
func (v *value) describe() string {
	if v.kind == scalar {
		return quote(v.text)
	}
	return v.kind.String()
}

func quote(s string) string {
	if len(s) > 60 {
		s = s[:57] + "..."
	}
	return strconv.Quote(s)
}

// find returns what a key has, nil if it is not there or empty.
func (o *object) find(name string) *value {
	k := o.sec.key(name)
	if k == nil {
		panic("scenario: the table " + o.sec.title + " lacks " + name)
	}
	if o.asked != nil {
		o.asked[k] = true
	}
	if v := o.v.get(name); v != nil && v.kind != empty {
		return v
	}
	return nil
}

func (o *object) at(name string) string { return join(o.path, name) }

// fail finds fault with what a key has.
func (o *object) fail(name, format string, args ...any) {
	at := o.v.pos
	if v := o.v.get(name); v != nil {
		at = v.pos
	}
	o.add(at, o.at(name), format, args...)
}

// plain returns the text of a plain value.
func (d *decoder) plain(v *value, path, want string) (string, bool) {
	if v.kind != scalar {
		d.add(v.pos, path, "want %s, not %s", want, v.describe())
		return "", false
	}
	return v.text, true
}

// read reads what a key has, if it is there, by a function that returns an
// error that says what it wants.
func read[T any](o *object, name string, into *T, parse func(string) (T, error)) bool {
	v := o.find(name)
	if v == nil {
		return false
	}
	if v.kind != scalar {
		var zero T
		_, err := parse("\x00")
		if err == nil {
			err = fmt.Errorf("want text, not %s", v.describe())
		}
		o.add(v.pos, o.at(name), "%s", strings.ReplaceAll(err.Error(), `"\x00"`, v.describe()))
		*into = zero
		return false
	}
	x, err := parse(v.text)
	if err != nil {
		o.add(v.pos, o.at(name), "%v", err)
		return false
	}
	*into = x
	return true
}

// text reads text without control characters.
func (o *object) text(name string, into *string) bool {
	return read(o, name, into, func(s string) (string, error) {
		if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0x7f }) {
			return "", fmt.Errorf("want text, not %s", quote(s))
		}
		return s, nil
	})
}

func (o *object) bool(name string, into *bool) bool {
	return read(o, name, into, func(s string) (bool, error) {
		if s != "true" && s != "false" {
			return false, fmt.Errorf("want true or false, not %s", quote(s))
		}
		return s == "true", nil
	})
}

func (o *object) count(name string, into *int, least, most int) bool {
	return read(o, name, into, func(s string) (int, error) { return parseCount(s, least, most) })
}

// parseCount reads a whole number; "_" may part its digits.
func parseCount(s string, least, most int) (int, error) {
	digits := strings.ReplaceAll(s, "_", "")
	n, err := strconv.Atoi(digits)
	if err != nil || strings.HasPrefix(s, "_") || strings.HasPrefix(s, "+") || n < least || n > most {
		return 0, fmt.Errorf("want a whole number from %d to %d, not %s", least, most, quote(s))
	}
	return n, nil
}

func (o *object) number(name string, into *float64, least, most float64) bool {
	return read(o, name, into, func(s string) (float64, error) {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || !(f >= least && f <= most) {
			return 0, fmt.Errorf("want a number from %v to %v, not %s", least, most, quote(s))
		}
		return f, nil
	})
}

func (o *object) seed(name string, into *uint64) bool {
	return read(o, name, into, ParseSeed)
}

// maxTime bounds all times of a scenario.
const maxTime = 24 * time.Hour

func (o *object) time(name string, into *time.Duration) bool {
	return read(o, name, into, parseTime)
}

func parseTime(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || d > maxTime || strings.HasPrefix(s, "+") {
		return 0, fmt.Errorf("want a time from 0s to 24h, such as 300ms, 2s or 1m30s, not %s", quote(s))
	}
	return d, nil
}

// span is a time, or any between two.
type span struct{ from, to time.Duration }

func (o *object) span(name string, into *span) bool {
	return read(o, name, into, parseSpan)
}

func parseSpan(s string) (span, error) {
	a, b, two := strings.Cut(s, "..")
	from, err := parseTime(strings.TrimSpace(a))
	to := from
	if two && err == nil {
		to, err = parseTime(strings.TrimSpace(b))
	}
	if err != nil || to < from {
		return span{}, fmt.Errorf("want a time from 0s to 24h, such as 300ms, or two, 10ms..50ms, not %s", quote(s))
	}
	return span{from, to}, nil
}

// share reads a probability: 5%, 0.05, true or false.
func (o *object) share(name string, into *float64) bool {
	return read(o, name, into, func(s string) (float64, error) {
		switch s {
		case "true":
			return 1, nil
		case "false":
			return 0, nil
		}
		p, ok := parsePercent(s)
		if !ok {
			f, err := strconv.ParseFloat(s, 64)
			p, ok = f, err == nil
		}
		if !ok || !(p >= 0 && p <= 1) {
			return 0, fmt.Errorf("want a share from 0%% to 100%%, such as 5%% or 0.05, not %s", quote(s))
		}
		return p, nil
	})
}

// parsePercent reads "5%" as 0.05.
func parsePercent(s string) (float64, bool) {
	digits, ok := strings.CutSuffix(s, "%")
	if !ok {
		return 0, false
	}
	f, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	return f / 100, err == nil && !math.IsNaN(f) && !math.IsInf(f, 0)
}

// size reads a number of bytes: 200, 200B, 64KiB, 1MiB.
func (o *object) size(name string, into *int, most int) bool {
	return read(o, name, into, func(s string) (int, error) { return parseSize(s, most) })
}

func parseSize(s string, most int) (int, error) {
	digits, unit := strings.TrimSpace(strings.TrimSuffix(s, "B")), 1
	if d, ok := strings.CutSuffix(digits, "Ki"); ok {
		digits, unit = d, 1<<10
	} else if d, ok := strings.CutSuffix(digits, "Mi"); ok {
		digits, unit = d, 1<<20
	}
	n, err := strconv.Atoi(strings.TrimSpace(digits))
	if err != nil || n < 0 || n > most/unit {
		return 0, fmt.Errorf("want a size of at most %d bytes, such as 200B or 64KiB, not %s", most, quote(s))
	}
	return n * unit, nil
}

// rate reads "100/s" or "6/min" as a number in a second.
func (o *object) rate(name string, into *float64) bool {
	return read(o, name, into, func(s string) (float64, error) {
		digits, unit, _ := strings.Cut(s, "/")
		per := map[string]float64{"s": 1, "min": 60, "h": 3600}[strings.TrimSpace(unit)]
		f, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
		if err != nil || per == 0 || !(f > 0 && f <= maxRate*per) {
			return 0, fmt.Errorf("want a rate above 0 and at most %d/s, such as 100/s, 6/min or 1/h, not %s", int(maxRate), quote(s))
		}
		return f / per, nil
	})
}

// maxRate is how often in a second a node may ask.
const maxRate = 1_000_000.0

// each calls f for every entry of a mapping of names, in the order of the file.
func (o *object) each(name string, f func(name string, at pos, v *value, path string)) {
	v := o.find(name)
	if v == nil || !o.isMapping(v, o.at(name)) {
		return
	}
	for _, e := range v.entries {
		f(e.name, e.pos, e.value, join(o.at(name), e.name))
	}
}

// words reads a plain value or a list of them.
func (o *object) words(name, want string) []*value {
	v := o.find(name)
	if v == nil {
		return nil
	}
	if v.kind != list {
		if _, ok := o.plain(v, o.at(name), want); !ok {
			return nil
		}
		return []*value{v}
	}
	if len(v.items) == 0 {
		o.add(v.pos, o.at(name), "want %s; the list is empty", want)
	}
	words := v.items[:0:0]
	for _, c := range v.items {
		if _, ok := o.plain(c, o.at(name), want); ok {
			words = append(words, c)
		}
	}
	return words
}
