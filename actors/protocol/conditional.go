package protocol

import (
	"bytes"
	"time"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// CheckConditions evaluates the If-Match and If-None-Match options of a request
// (RFC 7252 §5.10.8) against a resource: whether it exists, and the entity-tag of
// its representation, nil if it has none. It returns 0 if the request may be
// executed, and otherwise 4.12.
func CheckConditions(request codec.Options, exists bool, etag []byte) codec.Code {
	asked, matched := false, false
	for v := range request.Values(codec.OptionIfMatch) {
		asked = true
		// An empty one asks for existence only; a tag is never empty.
		matched = matched || exists && (len(v) == 0 || bytes.Equal(v, etag))
	}
	if asked && !matched || exists && request.Has(codec.OptionIfNoneMatch) {
		return codec.PreconditionFailed
	}
	return 0
}

// Revalidates reports whether one of the ETag options of a GET or FETCH request
// is that of the present representation, so that the answer is 2.03 with that
// ETag and without payload (RFC 7252 §5.10.6.2).
func Revalidates(request codec.Options, etag []byte) bool {
	if len(etag) == 0 {
		return false
	}
	for v := range request.Values(codec.OptionETag) {
		if bytes.Equal(v, etag) {
			return true
		}
	}
	return false
}

// MaxAge returns how long a response is fresh (RFC 7252 §5.10.5): its Max-Age
// option, or 60 s.
func MaxAge(response codec.Options) time.Duration {
	v, ok := response.Uint(codec.OptionMaxAge)
	if !ok {
		return DefaultMaxAge
	}
	return time.Duration(min(v, 1<<32-1)) * time.Second
}

// FreshUntil returns until when a response that came at a moment may be used
// again (RFC 7252 §5.6.1). What is not a success and not 2.05 or 2.03 is not
// for using again by its freshness alone; the caller knows the method.
func FreshUntil(at netio.Instant, response codec.Options) netio.Instant {
	return at.Add(MaxAge(response))
}

// RetryAfter returns for how long a server does not want to be asked again: the
// Max-Age of a 4.29 (RFC 8516 §3) or 5.03 (RFC 7252 §5.9.3.4). ok is false for
// other codes.
func RetryAfter(code codec.Code, response codec.Options) (d time.Duration, ok bool) {
	if code != codec.TooManyRequests && code != codec.ServiceUnavailable {
		return 0, false
	}
	return MaxAge(response), true
}

// Patience keeps a client from asking a server that wants to be left alone (RFC
// 8516 §5). The zero value is free to ask.
type Patience struct{ until netio.Instant }

// Heard takes in a response.
func (p *Patience) Heard(now netio.Instant, code codec.Code, response codec.Options) {
	if d, ok := RetryAfter(code, response); ok {
		p.until = max(p.until, now.Add(d))
	}
}

// Until returns from when on the server may be asked; ok is true if that is now.
func (p *Patience) Until(now netio.Instant) (at netio.Instant, ok bool) {
	return p.until, now >= p.until
}

// Rate is a bound of so many events in a time: a server that is asked more often
// answers 4.29 (RFC 8516). The zero value has seen nothing.
type Rate struct {
	// full is when a whole burst is allowed again.
	full netio.Instant
}

// Allow reports whether an event may happen now, given that on average there may
// be one in every interval, and burst at once after a pause. If not, after is
// how long to wait: the Max-Age of a 4.29.
func (r *Rate) Allow(now netio.Instant, interval time.Duration, burst int) (after time.Duration, ok bool) {
	lead := interval * time.Duration(max(burst, 1)-1)
	if wait := r.full.Sub(now) - lead; wait > 0 {
		return wait, false
	}
	r.full = max(r.full, now).Add(interval)
	return 0, true
}
