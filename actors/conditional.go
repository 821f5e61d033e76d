package actors

import (
	"context"
	"errors"
	"time"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
)

// Conditional requests and freshness (RFC 7252 §5.6, 5.10.5, 5.10.6, 5.10.8), as
// the runtime does them for resources that are declared so: the handlers see
// nothing of them.

// offer wraps the handlers of a resource that is Tagged or has a MaxAge.
func (r *Resource) offer(hs *[8]Handler) {
	if !r.offers() {
		return
	}
	get := hs[codec.GET]
	for code, h := range hs {
		switch {
		case h == nil:
		case codec.Code(code) == codec.GET || codec.Code(code) == codec.FETCH:
			hs[code] = r.represents(h)
		}
		if h != nil && r.Tagged {
			hs[code] = checked(hs[code], get)
		}
	}
}

func (r *Resource) offers() bool { return r.Tagged || r.MaxAge != 0 }

// represents returns a handler that gives a representation its entity-tag and
// its Max-Age, where h has not.
func (r *Resource) represents(h Handler) Handler {
	return func(ctx context.Context, q *Request) (*Response, error) {
		res, err := h(ctx, q)
		if err != nil || res == nil || res.Code != 0 && res.Code != codec.Content && res.Code != codec.Valid {
			return res, err
		}
		tag := r.Tagged && res.Body == nil && res.Code != codec.Valid && !res.Options.Has(codec.OptionETag)
		age := r.MaxAge != 0 && !res.Options.Has(codec.OptionMaxAge)
		if !tag && !age {
			return res, nil
		}
		with := *res // the handler may give the same one each time
		with.Options = append(make(codec.Options, 0, len(res.Options)+2), res.Options...)
		if tag {
			with.Options = with.Options.Add(codec.ETag(etagOf(res.Options, res.Payload)))
		}
		if age {
			with.Options = with.Options.Add(codec.MaxAge(seconds(r.MaxAge)))
		}
		return &with, nil
	}
}

// seconds is the value of a Max-Age option: no longer than d, but for what is
// less than a second.
func seconds(d time.Duration) uint32 {
	return uint32(min(max(d, 0)/time.Second, 1<<32-1))
}

// checked returns a handler that calls h if the conditions of the request hold
// for what get returns.
func checked(h, get Handler) Handler {
	return func(ctx context.Context, q *Request) (*Response, error) {
		if !q.conditional() {
			return h(ctx, q)
		}
		exists, tag, err := q.present(ctx, get)
		if err != nil {
			return nil, err
		}
		if code := protocol.CheckConditions(q.Options, exists, tag); code != 0 {
			return nil, &CodeError{Code: code}
		}
		return h(ctx, q)
	}
}

// conditional reports whether a request has a condition.
func (r *Request) conditional() bool {
	return r.Options.Has(codec.OptionIfMatch) || r.Options.Has(codec.OptionIfNoneMatch)
}

// present asks for the present representation of what a request is for.
func (r *Request) present(ctx context.Context, get Handler) (exists bool, tag []byte, err error) {
	q := *r
	q.Method, q.Payload, q.Body, q.Options = codec.GET, nil, nil, nil
	for _, o := range r.Options {
		switch o.Number {
		case codec.OptionURIHost, codec.OptionURIPort, codec.OptionURIPath, codec.OptionURIQuery:
			q.Options = append(q.Options, o)
		}
	}
	res, err := get(ctx, &q)
	var ce *CodeError
	switch {
	case errors.As(err, &ce) && ce.Code.Class() == 4:
		return false, nil, nil
	case err != nil:
		return false, nil, err
	case res == nil:
		return true, etagOf(nil, nil), nil
	case res.Code.Class() == 4:
		return false, nil, nil
	}
	if v, ok := res.Options.Get(codec.OptionETag); ok {
		return true, v, nil
	}
	if res.Body != nil {
		return true, nil, nil
	}
	return true, etagOf(res.Options, res.Payload), nil
}

// asksTag reports whether a request has ETag options; it looks only at the first
// options, for they are in order.
func (in *incoming) asksTag() bool {
	o := in.msg.Options
	for i := 0; i < len(o) && o[i].Number <= codec.OptionETag; i++ {
		if o[i].Number == codec.OptionETag {
			return true
		}
	}
	return false
}

// revalidate turns a representation that the client has already into 2.03. It
// reports whether it did.
func (in *incoming) revalidate(m *codec.Message) bool {
	tag, ok := m.Options.Get(codec.OptionETag)
	if !ok || m.Code != codec.Content || !protocol.Revalidates(in.msg.Options, tag) {
		return false
	}
	opts := make(codec.Options, 0, 3)
	for _, o := range m.Options {
		switch o.Number {
		case codec.OptionETag, codec.OptionMaxAge, codec.OptionObserve:
			opts = append(opts, o)
		}
	}
	m.Code, m.Options, m.Payload = codec.Valid, opts, nil
	return true
}
