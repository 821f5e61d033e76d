package scenario

import (
	"fmt"
	"strings"
)

// Error is one thing that is wrong with a scenario, and where.
type Error struct {
	// File is where it stands, or the change of Load that brought it, such as
	// "--set stop=soon".
	File string
	// Line counts from 1; 0 = not known, as in a change.
	Line int
	// Path names the place inside the scenario, "run.find.at"; "" = none.
	Path string
	// Problem says what is wrong and what would be right.
	Problem string
}

// Error implements error: "chaos.yaml:12: run.find.at: …".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d", e.Line)
	}
	b.WriteString(": ")
	if e.Path != "" {
		b.WriteString(e.Path + ": ")
	}
	b.WriteString(e.Problem)
	return b.String()
}

// Errors are all that is wrong with a scenario, in the order of the file.
type Errors []*Error

// Error implements error: a line for each.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i := range e {
		lines[i] = e[i].Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find an *Error.
func (e Errors) Unwrap() []error {
	errs := make([]error, len(e))
	for i := range e {
		errs[i] = e[i]
	}
	return errs
}

// maxErrors is how many errors are told of: what follows from a first mistake
// helps nobody.
const maxErrors = 20

// pos is where something stands.
type pos struct {
	file string
	line int
}

// problems collects errors.
type problems struct{ errs Errors }

func (p *problems) add(at pos, path, format string, args ...any) {
	if len(p.errs) < maxErrors {
		p.errs = append(p.errs, &Error{File: at.file, Line: at.line, Path: path, Problem: fmt.Sprintf(format, args...)})
	}
}

// err returns what has been collected, nil if nothing is wrong.
func (p *problems) err() error {
	if len(p.errs) == 0 {
		return nil
	}
	return p.errs
}

// nearest returns which of the words somebody may have meant, "" if none is
// close.
func nearest(word string, words []string) string {
	best, least := "", 3
	for _, w := range words {
		if d := distance(word, w); d < least && d < len(w) {
			best, least = w, d
		}
	}
	return best
}

// distance is how many letters must be changed, added or removed to make one
// word of another.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return len(a) + len(b)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := before
			if a[i] != b[j] {
				cost++
			}
			before = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
