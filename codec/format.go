package codec

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Format is a content format: a number for a media type with its parameters
// and coding (RFC 7252 §12.3).
type Format uint16

// Content formats that code names; the whole registry is known to
// Format.String and ParseFormat.
const (
	TextPlain   Format = 0  // text/plain;charset=utf-8
	LinkFormat  Format = 40 // application/link-format
	XML         Format = 41 // application/xml
	OctetStream Format = 42 // application/octet-stream
	EXI         Format = 47 // application/exi
	JSON        Format = 50 // application/json
	CBOR        Format = 60 // application/cbor
)

// ErrFormatName: ParseFormat does not know the name, or several formats have it.
var ErrFormatName = errors.New("codec: unknown content format")

// formatDef is an entry of the registry of content formats.
type formatDef struct {
	number    Format
	mediaType string // with parameters, without spaces
	coding    string // content coding; "" is identity
}

func (f Format) def() *formatDef {
	lo, hi := 0, len(formatDefs)
	for lo < hi {
		mid := (lo + hi) / 2
		switch d := &formatDefs[mid]; {
		case d.number == f:
			return d
		case d.number < f:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return nil
}

// MediaType returns the media type with its parameters, such as
// "text/plain;charset=utf-8", and the content coding, such as "deflate" or "" if
// there is none; ok is false for a number that is not registered.
func (f Format) MediaType() (mediaType, coding string, ok bool) {
	d := f.def()
	if d == nil {
		return "", "", false
	}
	return d.mediaType, d.coding, true
}

// codingParam introduces a content coding in the text form of a format. It is
// not a parameter of the media type, only written like one.
const codingParam = ";coding="

// String returns the media type, "application/json", with its content coding if
// there is one, "application/json;coding=deflate", or the number if it is not
// registered: "65000". ParseFormat reads it.
func (f Format) String() string {
	d := f.def()
	switch {
	case d == nil:
		return strconv.Itoa(int(f))
	case d.coding != "":
		return d.mediaType + codingParam + d.coding
	}
	return d.mediaType
}

// formatNames holds the short names that are not the subtype of a media type.
var formatNames = [...]struct {
	name   string
	format Format
}{
	{"text", TextPlain},
	{"link", LinkFormat},
	{"octets", OctetStream},
	{"binary", OctetStream},
	{"lwm2m+tlv", 11542},
	{"lwm2m+json", 11543},
	{"lwm2m+cbor", 11544},
}

// ParseFormat reads a content format: a number from 0 to 65535; a media type,
// "application/json", whose parameters may be left out where one format alone is
// meant; what Format.String returns; or a short name: text, link, octets, or the
// subtype of a registered media type: json, cbor, xml, senml+json. Upper and
// lower case, and spaces after ";", make no difference. Errors wrap
// ErrFormatName.
func ParseFormat(s string) (Format, error) {
	if v, err := strconv.ParseUint(s, 10, 16); err == nil {
		return Format(v), nil
	}
	for i := range formatNames {
		if strings.EqualFold(formatNames[i].name, s) {
			return formatNames[i].format, nil
		}
	}
	if len(s) > maxFormatName {
		return 0, fmt.Errorf("%w: %s", ErrFormatName, quoteShort(s))
	}
	want := normalFormat(s)
	matches, found := 0, Format(0)
	for i := range formatDefs {
		d := &formatDefs[i]
		have := normalFormat(d.number.String())
		if _, subtype, _ := strings.Cut(have, "/"); have == want || subtype == want {
			return d.number, nil
		}
		// The media type without its parameters.
		bare, _, _ := strings.Cut(have, ";")
		if _, subtype, _ := strings.Cut(bare, "/"); d.coding == "" && (bare == want || subtype == want) {
			matches, found = matches+1, d.number
		}
	}
	switch matches {
	case 0:
		return 0, fmt.Errorf("%w: %s; give a number from 0 to 65535, a media type such as application/json, or a short name such as json, cbor, text", ErrFormatName, quoteShort(s))
	case 1:
		return found, nil
	}
	return 0, fmt.Errorf("%w: %s has several numbers; give its parameters or a number", ErrFormatName, quoteShort(s))
}

// maxFormatName is more than the longest name in the registry.
const maxFormatName = 128

// normalFormat drops what makes no difference between two names.
func normalFormat(s string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '"' {
			return -1
		}
		return r
	}, strings.ToLower(s))
}

// subtype returns the subtype without parameters, "" for formats that are not
// registered or compressed.
func (f Format) subtype() (kind, subtype string) {
	d := f.def()
	if d == nil || d.coding != "" {
		return "", ""
	}
	bare, _, _ := strings.Cut(d.mediaType, ";")
	kind, subtype, _ = strings.Cut(bare, "/")
	return kind, subtype
}

// IsText reports whether a payload of this format is text, in UTF-8: plain text
// and its kin, JSON, XML and link format, not compressed.
func (f Format) IsText() bool {
	kind, sub := f.subtype()
	switch sub {
	case "link-format", "xml", "javascript", "syslog-msg":
		return true
	}
	return kind == "text" || strings.HasSuffix(sub, "+xml") || strings.HasSuffix(sub, "+jer") ||
		strings.HasSuffix(sub, "+jwt") || strings.HasSuffix(sub, "+jws") || f.IsJSON()
}

// IsJSON reports whether a payload of this format is a JSON text, not
// compressed.
func (f Format) IsJSON() bool {
	_, sub := f.subtype()
	return sub == "json" || strings.HasSuffix(sub, "+json")
}

// IsCBOR reports whether a payload of this format is CBOR, not compressed: one
// data item, or for the formats that end in "cbor-seq" a sequence of them.
func (f Format) IsCBOR() bool {
	_, sub := f.subtype()
	switch sub {
	case "cbor", "cbor-seq", "cose", "cose-key", "cose-key-set", "cwt", "sd-cwt", "multipart-core":
		return true
	}
	for _, suffix := range [...]string{"+cbor", "+cbor-seq", "+cose", "+cwt"} {
		if strings.HasSuffix(sub, suffix) {
			return true
		}
	}
	return false
}

// ContentFormat makes a Content-Format option.
func ContentFormat(f Format) Option { return UintOption(OptionContentFormat, uint64(f)) }

// Accept makes an Accept option.
func Accept(f Format) Option { return UintOption(OptionAccept, uint64(f)) }

// URIPath makes a Uri-Path option: one segment.
func URIPath(segment string) Option { return StringOption(OptionURIPath, segment) }

// URIQuery makes a Uri-Query option: one argument.
func URIQuery(arg string) Option { return StringOption(OptionURIQuery, arg) }
