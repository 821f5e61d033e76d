package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"slices"
	"sync"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/codec"
)

// doc is a document: a representation that clients can read, replace and
// delete, with the conditions of RFC 7252 §5.10.6 and 5.10.8. It is its own
// lock.
type doc struct {
	initial string
	// restores: deleting it brings the initial text back, so that whoever comes
	// next finds something.
	restores bool

	mu     sync.Mutex
	exists bool
	body   []byte
	format codec.Format
	typed  bool // format is known
}

// newDocument makes a document of text; "" = it does not exist yet.
func newDocument(text string) *doc {
	d := &doc{initial: text}
	d.reset()
	return d
}

func (d *doc) reset() {
	d.exists, d.body, d.format, d.typed = d.initial != "", []byte(d.initial), codec.TextPlain, true
}

// etag is made from the content: equal documents have equal tags.
func (d *doc) etag() []byte {
	h := sha256.Sum256(append([]byte{byte(d.format >> 8), byte(d.format)}, d.body...))
	return h[:8]
}

func (d *doc) get(_ context.Context, r *actors.Request) (*actors.Response, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.exists {
		return nil, actors.Errorf(codec.NotFound, "it has not been created yet")
	}
	if want, ok := r.Options.Accept(); ok && (!d.typed || want != d.format) {
		return nil, actors.Errorf(codec.NotAcceptable, "this document is there as it was put only")
	}
	tag := d.etag()
	for known := range r.Options.Values(codec.OptionETag) {
		if bytes.Equal(known, tag) {
			return actors.Status(codec.Valid, codec.ETag(tag))
		}
	}
	res := &actors.Response{Options: codec.Options{codec.ETag(tag)}, Payload: slices.Clone(d.body)}
	if d.typed {
		res.Options = res.Options.Add(codec.ContentFormat(d.format))
	}
	return res, nil
}

func (d *doc) put(_ context.Context, r *actors.Request) (*actors.Response, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.allowed(r); err != nil {
		return nil, err
	}
	code := codec.Changed
	if !d.exists {
		code = codec.Created
	}
	d.store(r)
	return actors.Status(code)
}

func (d *doc) remove(_ context.Context, r *actors.Request) (*actors.Response, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.allowed(r); err != nil {
		return nil, err
	}
	// RFC 7252 §5.8.4: deleting what is not there is a success too.
	if d.restores {
		d.reset()
	} else {
		d.exists = false
	}
	return nil, nil
}

// create returns a handler that makes the document anew and says where it is.
func (d *doc) create(at ...codec.Option) actors.Handler {
	return func(_ context.Context, r *actors.Request) (*actors.Response, error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.store(r)
		return actors.Status(codec.Created, at...)
	}
}

func (d *doc) store(r *actors.Request) {
	d.exists = true
	d.body = slices.Clone(r.Payload)
	d.format, d.typed = r.Options.ContentFormat()
}

// allowed checks the conditions of a request that changes the document (RFC
// 7252 §5.10.8).
func (d *doc) allowed(r *actors.Request) error {
	if r.Options.Has(codec.OptionIfNoneMatch) && d.exists {
		return actors.Errorf(codec.PreconditionFailed, "it exists already")
	}
	if !r.Options.Has(codec.OptionIfMatch) {
		return nil
	}
	if !d.exists {
		return actors.Errorf(codec.PreconditionFailed, "it does not exist")
	}
	tag := d.etag()
	for want := range r.Options.Values(codec.OptionIfMatch) {
		if len(want) == 0 || bytes.Equal(want, tag) {
			return nil
		}
	}
	return actors.Errorf(codec.PreconditionFailed, "it has changed: its ETag is 0x%x", tag)
}
