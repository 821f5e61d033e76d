package sim

import (
	"fmt"
	"strings"
)

// Divergence is the first event in which two traces differ.
type Divergence struct {
	// Event is its number, from 1.
	Event int
	// First and Second are what it is in the two; "" = that one has ended.
	First, Second string
	// Before is the event before it, which both have; "" = there is none.
	Before string
}

// Error implements error.
func (d *Divergence) Error() string {
	say := func(s string) string {
		if s == "" {
			return "nothing"
		}
		return s
	}
	text := fmt.Sprintf("sim: the traces differ first in event %d: %s | %s", d.Event, say(d.First), say(d.Second))
	if d.Before != "" {
		text += "; before that: " + d.Before
	}
	return text
}

// Compare compares two traces as TraceTo has written them. nil means that they are
// the same.
func Compare(first, second string) *Divergence {
	d := &Divergence{}
	for first != "" || second != "" {
		d.Event++
		var a, b string
		a, first, _ = strings.Cut(first, "\n")
		b, second, _ = strings.Cut(second, "\n")
		if a != b {
			d.First, d.Second = strings.TrimSpace(a), strings.TrimSpace(b)
			return d
		}
		d.Before = strings.TrimSpace(a)
	}
	return nil
}
