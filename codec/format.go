package codec

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

// ContentFormat makes a Content-Format option.
func ContentFormat(f Format) Option { return UintOption(OptionContentFormat, uint64(f)) }

// Accept makes an Accept option.
func Accept(f Format) Option { return UintOption(OptionAccept, uint64(f)) }

// URIPath makes a Uri-Path option: one segment.
func URIPath(segment string) Option { return StringOption(OptionURIPath, segment) }

// URIQuery makes a Uri-Query option: one argument.
func URIQuery(arg string) Option { return StringOption(OptionURIQuery, arg) }
