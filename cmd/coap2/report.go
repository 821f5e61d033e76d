package main

import (
	"encoding/hex"
	"errors"
	"time"
	"unicode/utf8"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/cmd/internal/cli"
	"github.com/coap2/coap2/codec"
)

// exchangeReport is what --json prints of a request.
type exchangeReport struct {
	Method string `json:"method"`
	URI    string `json:"uri"`
	// The response; without one only Error is there.
	Code          string         `json:"code,omitempty"` // "2.05"
	Name          string         `json:"name,omitempty"` // "Content"
	Options       []optionReport `json:"options,omitzero"`
	ContentFormat string         `json:"content_format,omitempty"`
	Location      string         `json:"location,omitempty"`
	// The payload is text, or in base64 where its format or its bytes say that
	// it is none.
	Payload       *string `json:"payload,omitempty"`
	PayloadBase64 []byte  `json:"payload_base64,omitempty"`
	Peer          string  `json:"peer,omitempty"`
	Separate      *bool   `json:"separate,omitempty"`
	DurationMS    float64 `json:"duration_ms,omitzero"`
	Timeout       bool    `json:"timeout,omitempty"`
	Error         string  `json:"error,omitempty"`
}

type optionReport struct {
	Number codec.OptionNumber `json:"number"`
	Name   string             `json:"name"`
	Value  any                `json:"value"` // number, text, or "0x" and hexadecimal digits
}

func report(req actors.Request, res *actors.Response, err error, took time.Duration) *exchangeReport {
	r := &exchangeReport{Method: req.Method.Name(), URI: req.URI, DurationMS: cli.Milliseconds(took)}
	if err != nil {
		r.Error = cli.Plain(err)
		var re *actors.RequestError
		if errors.As(err, &re) {
			r.Timeout = re.Timeout() || errors.Is(err, actors.ErrTimeout)
		}
	}
	if res == nil {
		return r
	}
	r.Code, r.Name = codeNumber(res.Code), res.Code.Name()
	r.Options = []optionReport{}
	for _, o := range res.Options {
		r.Options = append(r.Options, reportOption(o))
	}
	f, known := res.ContentFormat()
	if known {
		r.ContentFormat = f.String()
	}
	r.Location = location(res.Options)
	if isText(f, known, res.Payload) {
		text := string(res.Payload)
		r.Payload = &text
	} else {
		r.PayloadBase64 = res.Payload
	}
	r.Peer, r.Separate = res.Peer.String(), &res.Separate
	return r
}

// isText reports whether a payload is text: what its format says, if that is
// known, or what it looks like.
func isText(f codec.Format, known bool, b []byte) bool {
	if _, _, registered := f.MediaType(); known && registered {
		return f.IsText() && utf8.Valid(b)
	}
	return codec.Printable(b)
}

// codeNumber returns "2.05".
func codeNumber(c codec.Code) string { return c.String()[:len("2.05")] }

func reportOption(o codec.Option) optionReport {
	r := optionReport{Number: o.Number, Name: o.Number.String()}
	def, _ := o.Number.Def()
	v, isUint := codec.ParseUint(o.Value)
	switch kind := def.ValueKind; {
	case isUint && (kind == codec.KindUint || kind == codec.KindFormat):
		r.Value = v
	case utf8.Valid(o.Value) && (kind == codec.KindString || kind == codec.KindAny):
		r.Value = string(o.Value)
	case kind == codec.KindEmpty && len(o.Value) == 0:
		r.Value = ""
	default:
		if b, err := codec.ParseBlock(o.Value); err == nil && kind == codec.KindBlock {
			r.Value = b.String()
		} else {
			r.Value = "0x" + hex.EncodeToString(o.Value)
		}
	}
	return r
}

func (r *exchangeReport) encode(indent bool) []byte { return cli.EncodeJSON(r, indent) }
