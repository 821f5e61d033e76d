package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/coap2/coap2/codec"
)

// serverSyntax is how a server to be compared is written.
const serverSyntax = `"[NAME=][coap://HOST:PORT/PATH ]COMMAND ARGUMENTS…"`

// portMark stands for a free port in the URI and the command of a contender.
const portMark = "{port}"

// contender is a server that is to be measured.
type contender struct {
	name string
	// uri is where it is; "" = it says so itself. Its path is that of the
	// resource, if it has one.
	uri  string
	argv []string
}

var contenderName = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9_.-]*)=(.*)$`)

// parseContender reads a value of --compare.
func parseContender(s string) (c contender, err error) {
	rest := s
	if m := contenderName.FindStringSubmatch(s); m != nil {
		c.name, rest = m[1], m[2]
	}
	if c.argv, err = splitCommand(rest); err != nil {
		return c, err
	}
	if len(c.argv) > 0 && strings.HasPrefix(c.argv[0], "coap://") {
		c.uri, c.argv = c.argv[0], c.argv[1:]
		if _, err := codec.ParseURI(c.withPort(c.uri, 5683)); err != nil {
			return c, err
		}
	}
	if len(c.argv) == 0 {
		return c, errors.New("the command is missing")
	}
	if c.uri == "" && strings.Contains(strings.Join(c.argv, " "), portMark) {
		c.uri = "coap://127.0.0.1:" + portMark
	}
	if c.name == "" {
		c.name = strings.TrimSuffix(filepath.Base(c.argv[0]), ".exe")
	}
	return c, nil
}

func (c contender) withPort(s string, port uint16) string {
	return strings.ReplaceAll(s, portMark, strconv.Itoa(int(port)))
}

// wantsPort reports whether a free port has to be found for it.
func (c contender) wantsPort() bool {
	return strings.Contains(c.uri, portMark) || strings.Contains(strings.Join(c.argv, " "), portMark)
}

// splitCommand splits a command line into words as a POSIX shell does that knows
// quotes and backslashes, and nothing else.
func splitCommand(s string) ([]string, error) {
	var words []string
	var word []byte
	open := false // a word is being read, perhaps an empty one
	quote := byte(0)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quote == '\'' && c == quote, quote == '"' && c == quote:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			quote, open = c, true
		case c == '\\' && quote == 0 && i+1 < len(s),
			c == '\\' && quote == '"' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
			word, open = append(word, s[i]), true
		case quote == 0 && (c == ' ' || c == '\t' || c == '\n'):
			if open {
				words = append(words, string(word))
			}
			word, open = word[:0], false
		default:
			word, open = append(word, c), true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("the quote %c is not closed", quote)
	}
	if open {
		words = append(words, string(word))
	}
	return words, nil
}
