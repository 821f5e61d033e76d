package sim

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Script is a simulation in words: the commands that the package documentation
// lists, one a line, and the trace that is expected of them.
type Script struct {
	commands []command
	drowsy   bool // see World
	// Source is the text of the commands.
	Source string
	// Want is the expected trace, what follows the line "----"; "" without one.
	Want string
}

// ScriptError says what is wrong with a script, or what went wrong in it.
type ScriptError struct {
	// Line is the number of the line, from 1; 0 = after the last.
	Line int
	Err  error
}

// Error implements error.
func (e *ScriptError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("sim: script: at its end: %v", e.Err)
	}
	return fmt.Sprintf("sim: script: line %d: %v", e.Line, e.Err)
}

// Unwrap returns Err.
func (e *ScriptError) Unwrap() error { return e.Err }

// Outcome is what came of a script.
type Outcome struct {
	Trace string
	Hash  uint64
}

// command is one line of a script.
type command struct {
	line int
	verb string
	args args
}

const (
	maxCommands = 10_000
	separator   = "----"
)

// ParseScript reads a script. What is wrong is a *ScriptError; whether names
// exist and values fit shows when it runs.
func ParseScript(text string) (*Script, error) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	s := &Script{Source: text}
	if i := strings.Index("\n"+text, "\n"+separator+"\n"); i >= 0 {
		s.Source, s.Want = text[:i], text[i+len(separator)+1:]
	}
	for i, line := range strings.Split(s.Source, "\n") {
		if at := strings.Index(line, "#"); at == 0 || at > 0 && line[at-1] == ' ' {
			line = line[:at]
		}
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if len(s.commands) == maxCommands {
			return nil, &ScriptError{i + 1, fmt.Errorf("a script has at most %d commands", maxCommands)}
		}
		if verbs[words[0]] == nil {
			return nil, &ScriptError{i + 1, fmt.Errorf("there is no command %q", words[0])}
		}
		s.commands = append(s.commands, command{i + 1, words[0], parseArgs(words[1:])})
	}
	return s, nil
}

// String returns the script as it is kept in a file.
func (s *Script) String() string { return s.Source + separator + "\n" + s.Want }

// args are the arguments of a command: words in order, and key=value in any.
// The first thing that is wrong with them is kept.
type args struct {
	words  []string
	named  [][2]string
	nwords int // words used
	err    error
}

func parseArgs(words []string) args {
	var a args
	for _, w := range words {
		if key, value, ok := strings.Cut(w, "="); ok && isKey(key) {
			a.named = append(a.named, [2]string{key, value})
		} else {
			a.words = append(a.words, w)
		}
	}
	return a
}

// isKey reports whether what stands before a "=" is a key: a URI is none.
func isKey(s string) bool {
	for _, c := range s {
		if c < 'a' || c > 'z' {
			return false
		}
	}
	return s != ""
}

func (a *args) fail(format string, values ...any) {
	if a.err == nil {
		a.err = fmt.Errorf(format, values...)
	}
}

// word returns the next word, which must be there.
func (a *args) word(what string) string {
	if a.nwords >= len(a.words) {
		a.fail("%s is missing", what)
		return ""
	}
	a.nwords++
	return a.words[a.nwords-1]
}

// rest returns the words that are left.
func (a *args) rest() []string {
	r := a.words[a.nwords:]
	a.nwords = len(a.words)
	return r
}

// flag reports whether a word stands among those that are left.
func (a *args) flag(word string) bool {
	for i := a.nwords; i < len(a.words); i++ {
		if a.words[i] == word {
			a.words = append(append([]string{}, a.words[:i]...), a.words[i+1:]...)
			return true
		}
	}
	return false
}

// text returns the value of a key, and takes it away.
func (a *args) text(key string) (value string, ok bool) {
	for i, kv := range a.named {
		if kv[0] == key {
			a.named = append(append([][2]string{}, a.named[:i]...), a.named[i+1:]...)
			return kv[1], true
		}
	}
	return "", false
}

func (a *args) duration(key string) time.Duration {
	s, ok := a.text(key)
	if !ok {
		return 0
	}
	return a.parseDuration(key, s)
}

func (a *args) parseDuration(what, s string) time.Duration {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || d > maxDelay {
		a.fail("%s is %q; want a time such as 300ms or 2s, at most %v", what, s, maxDelay)
		return 0
	}
	return d
}

func (a *args) number(key string) int {
	s, ok := a.text(key)
	if !ok {
		return 0
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		a.fail("%s is %q; want a number", key, s)
	}
	return n
}

func (a *args) float(key string) float64 {
	s, ok := a.text(key)
	if !ok {
		return 0
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		a.fail("%s is %q; want a number", key, s)
	}
	return f
}

// way reads "a->b", two patterns.
func (a *args) way() (from, to string) {
	s := a.word("the direction A->B")
	from, to, ok := strings.Cut(s, "->")
	if !ok && s != "" {
		a.fail("%q is no direction; want A->B, with * for any node", s)
	}
	return from, to
}

// done returns what is wrong with the arguments, too many of them included.
func (a *args) done() error {
	switch {
	case a.err != nil:
	case a.nwords < len(a.words):
		a.fail("%q is too much", a.words[a.nwords])
	case len(a.named) > 0:
		a.fail("there is no argument %s=", a.named[0][0])
	}
	return a.err
}
