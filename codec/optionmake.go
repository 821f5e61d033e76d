package codec

// The constructors below copy what they are given. They do not check lengths:
// Options.Check and the receiver do.

// OpaqueOption makes an option whose value is a copy of b.
func OpaqueOption(n OptionNumber, b []byte) Option {
	return Option{Number: n, Value: append([]byte(nil), b...)}
}

// ETag makes an ETag option (RFC 7252 §5.10.6); tag has 1 to 8 bytes.
func ETag(tag []byte) Option { return OpaqueOption(OptionETag, tag) }

// IfMatch makes an If-Match option (RFC 7252 §5.10.8.1): the entity-tag that
// the resource must have, or no bytes, which means that it must exist.
func IfMatch(tag []byte) Option { return OpaqueOption(OptionIfMatch, tag) }

// IfNoneMatch makes an If-None-Match option (RFC 7252 §5.10.8.2): the resource
// must not exist.
func IfNoneMatch() Option { return Option{Number: OptionIfNoneMatch} }

// Observe makes an Observe option (RFC 7641 §2): in a request 0 registers and 1
// deregisters; in a notification it is the sequence number, of 24 bits.
func Observe(v uint32) Option { return UintOption(OptionObserve, uint64(v&0xffffff)) }

// MaxAge makes a Max-Age option, in seconds (RFC 7252 §5.10.5).
func MaxAge(seconds uint32) Option { return UintOption(OptionMaxAge, uint64(seconds)) }

// URIHost makes a Uri-Host option (RFC 7252 §5.10.1).
func URIHost(host string) Option { return StringOption(OptionURIHost, host) }

// URIPort makes a Uri-Port option (RFC 7252 §5.10.1).
func URIPort(port uint16) Option { return UintOption(OptionURIPort, uint64(port)) }

// LocationPath makes a Location-Path option: one segment (RFC 7252 §5.10.7).
func LocationPath(segment string) Option { return StringOption(OptionLocationPath, segment) }

// LocationQuery makes a Location-Query option: one argument (RFC 7252 §5.10.7).
func LocationQuery(arg string) Option { return StringOption(OptionLocationQuery, arg) }

// ProxyURI makes a Proxy-Uri option: an absolute URI of at most 1034 bytes (RFC
// 7252 §5.10.2).
func ProxyURI(uri string) Option { return StringOption(OptionProxyURI, uri) }

// ProxyScheme makes a Proxy-Scheme option (RFC 7252 §5.10.2).
func ProxyScheme(scheme string) Option { return StringOption(OptionProxyScheme, scheme) }

// Size1 makes a Size1 option: the size of the request body in bytes (RFC 7252
// §5.10.9, RFC 7959 §4).
func Size1(bytes uint32) Option { return UintOption(OptionSize1, uint64(bytes)) }

// Size2 makes a Size2 option: the size of the response body in bytes, or 0 in a
// request to ask for it (RFC 7959 §4).
func Size2(bytes uint32) Option { return UintOption(OptionSize2, uint64(bytes)) }

// NoResponse makes a No-Response option: bits 2, 8 and 16 say that responses of
// class 2, 4 and 5 are not wanted; 0 wants all (RFC 7967 §2.1).
func NoResponse(mask uint8) Option { return UintOption(OptionNoResponse, uint64(mask)) }

// HopLimit makes a Hop-Limit option, 1 to 255 (RFC 8768 §3): through so many
// proxies a request may go, less one. The proxy at which it ends answers 5.08,
// whose diagnostic payload names the proxies on the way (§4). It means nothing to
// a server that is asked directly, but that it must not be 0.
func HopLimit(hops uint8) Option { return UintOption(OptionHopLimit, uint64(hops)) }

// Echo makes an Echo option; value has 1 to 40 bytes (RFC 9175 §2.2.1).
func Echo(value []byte) Option { return OpaqueOption(OptionEcho, value) }

// RequestTag makes a Request-Tag option; tag has 0 to 8 bytes (RFC 9175 §3.2.1).
func RequestTag(tag []byte) Option { return OpaqueOption(OptionRequestTag, tag) }
