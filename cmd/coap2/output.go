package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/actors/payload"
	"github.com/coap2/coap2/cmd/internal/cli"
	"github.com/coap2/coap2/codec"
)

// printResponse prints a response: its payload to out, and to stderr the code
// where that says more than 2.05, and where a created resource is. What came
// with an error response is a diagnostic, which execute prints, or a
// representation, which goes to stderr too: what reads out gets only what was
// asked for.
func (a *app) printResponse(out *cli.Output, res *actors.Response, err error) error {
	var ce *actors.CodeError
	switch {
	case err == nil:
	case errors.As(err, &ce) && ce.Diagnostic == "" && res != nil && len(res.Payload) > 0:
		f, known := res.ContentFormat()
		_, werr := a.Err.Write(display(f, known, res.Payload))
		return werr
	default:
		return nil
	}
	if res.Code != codec.Content {
		line := res.Code.String()
		if at := location(res.Options); at != "" && res.Code == codec.Created {
			line += ", Location: " + at
		}
		fmt.Fprintln(a.Err, line)
	}
	b := res.Payload
	if out.Terminal() && len(b) > 0 {
		f, known := res.ContentFormat()
		b = display(f, known, b)
	}
	_, werr := out.Write(b)
	return werr
}

// location returns the relative URI that the Location options make (RFC 7252
// §5.10.7), or "" if there are none. It is percent-encoded, and so harmless.
func location(o codec.Options) string {
	var u codec.URI
	for v := range o.Values(codec.OptionLocationPath) {
		u.Path = append(u.Path, string(v))
	}
	for v := range o.Values(codec.OptionLocationQuery) {
		u.Query = append(u.Query, string(v))
	}
	if len(u.Path) == 0 && len(u.Query) == 0 {
		return ""
	}
	return u.Resource()
}

// display returns a payload as a person reads it on a terminal: JSON and CBOR
// laid out, links one a line, other text as it is, and what is no text in
// hexadecimal. Nothing in it can harm the terminal, and it ends with a line
// end.
func display(f codec.Format, known bool, b []byte) []byte {
	var text []byte
	switch {
	case known && f.IsJSON():
		text = layOutJSON(b)
	case known && f.IsCBOR():
		if d, err := payload.DiagnoseCBOR(b); err == nil {
			text = layOutDiagnostic(d)
		}
	case known && f == codec.LinkFormat:
		if links, err := codec.ParseLinks(b); err == nil && len(links) > 0 {
			for _, l := range links {
				text = append(append(text, l.String()...), '\n')
			}
		}
	}
	switch {
	case text != nil:
		text = codec.AppendPrintable(nil, text)
	case known && f.IsText(), codec.Printable(b):
		text = codec.AppendPrintable(nil, b)
	default:
		return []byte(hex.Dump(b))
	}
	if !bytes.HasSuffix(text, []byte{'\n'}) {
		text = append(text, '\n')
	}
	return text
}

// maxDepth bounds the nesting that is laid out: indenting costs its square.
const maxDepth = 32

// layOutJSON indents a JSON text; nil if it is none, or too deep to be read.
func layOutJSON(b []byte) []byte {
	depth := 0
	for _, c := range b { // brackets in strings count too, which does no harm
		switch c {
		case '{', '[':
			if depth++; depth > maxDepth {
				return nil
			}
		case '}', ']':
			depth--
		}
	}
	var buf bytes.Buffer
	if json.Indent(&buf, b, "", "  ") != nil {
		return nil
	}
	return buf.Bytes()
}

// maxOneLine is the longest diagnostic notation that is left on one line.
const maxOneLine = 72

// layOutDiagnostic indents the diagnostic notation of CBOR (RFC 8949 §8).
func layOutDiagnostic(s string) []byte {
	if len(s) <= maxOneLine {
		return []byte(s)
	}
	var b []byte
	depth := 0
	var quote byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote != 0:
			b = append(b, c)
			if c == '\\' && i+1 < len(s) {
				i++
				b = append(b, s[i])
			} else if c == quote {
				quote = 0
			}
			continue
		case c == '"' || c == '\'':
			quote = c
		case c == '[' || c == '{':
			if i+1 < len(s) && (s[i+1] == ']' || s[i+1] == '}') {
				b = append(b, c, s[i+1])
				i++
				continue
			}
			depth++
			b = newLine(append(b, c), depth)
			continue
		case c == ']' || c == '}':
			depth--
			b = newLine(b, depth)
		case c == ',':
			b = newLine(append(b, c), depth)
			if i+1 < len(s) && s[i+1] == ' ' {
				i++
			}
			continue
		}
		b = append(b, c)
	}
	return b
}

func newLine(b []byte, depth int) []byte {
	return append(append(b, '\n'), strings.Repeat("  ", min(max(depth, 0), maxDepth))...)
}
