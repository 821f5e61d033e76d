package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/codec"
)

const (
	bigSize   = 1 << 20
	largeSize = 5000
	// maxCreated is how many resources /large-create has at one time.
	maxCreated = 8
)

// bigBody is what /big serves: byte i is ((i >> 10) ^ i) & 255, so that each says
// where it is, and no two blocks of 1024 bytes next to each other are equal.
func bigBody() []byte {
	b := make([]byte, bigSize)
	for i := range b {
		b[i] = byte(i>>10 ^ i)
	}
	return b
}

// largeText is a text of so many bytes, in numbered lines.
func largeText(size int) []byte {
	var b bytes.Buffer
	for n := 1; b.Len() < size; n++ {
		fmt.Fprintf(&b, "line %4d of a text that does not fit into one message\n", n)
	}
	return b.Bytes()[:size]
}

// large returns the resources whose payloads travel in blocks, those of
// TD_COAP_BLOCK among them.
func large() []place {
	big := &actors.Response{
		Options: codec.Options{codec.ETag([]byte{1}), codec.ContentFormat(codec.OctetStream)}, Payload: bigBody(),
	} // one for all: it is only read
	text := largeText(largeSize)
	update := newDocument(string(text))
	update.restores = true
	c := &collection{}
	return []place{
		{path: "/big", resource: actors.Resource{
			Inline: true, Attributes: attrs("ct", "42", "sz", strconv.Itoa(bigSize)),
			Get: only(codec.OctetStream, func(context.Context, *actors.Request) (*actors.Response, error) { return big, nil }),
		}},
		{path: "/large", resource: actors.Resource{
			Inline: true, Attributes: attrs("ct", "0", "sz", strconv.Itoa(largeSize)), Tagged: true,
			Get: textOnly(string(text)),
		}},
		document("/large-update", update),
		{path: "/large-create", resource: actors.Resource{Post: c.create}},
		{path: "/large-create/{id}", resource: actors.Resource{Conditional: true, Get: c.doc((*doc).get), Put: c.doc((*doc).put), Delete: c.remove}},
		{path: "/large-post", resource: actors.Resource{Post: echoPayload}},
	}
}

// echoPayload answers with what it is given.
func echoPayload(_ context.Context, r *actors.Request) (*actors.Response, error) {
	res := &actors.Response{Payload: slices.Clone(r.Payload)}
	if f, ok := r.Options.ContentFormat(); ok {
		res.Options = codec.Options{codec.ContentFormat(f)}
	}
	return res, nil
}

// collection makes documents. It has the last few; older ones make room.
type collection struct {
	mu   sync.Mutex
	last int
	docs []*doc // of the numbers up to last
}

func (c *collection) create(ctx context.Context, r *actors.Request) (*actors.Response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := newDocument("")
	c.last++
	c.docs = append(c.docs, d)
	if len(c.docs) > maxCreated {
		c.docs = slices.Delete(c.docs, 0, 1)
	}
	return d.create(codec.LocationPath("large-create"), codec.LocationPath(strconv.Itoa(c.last)))(ctx, r)
}

// find returns the document that a request is for.
func (c *collection) find(r *actors.Request) (*doc, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, err := strconv.Atoi(r.PathValue("id"))
	i := n - 1 - (c.last - len(c.docs))
	if err != nil || i < 0 || i >= len(c.docs) || c.docs[i] == nil {
		return nil, actors.Errorf(codec.NotFound, "POST to /large-create creates one; the last %d are there", maxCreated)
	}
	return c.docs[i], nil
}

// doc returns a handler that is a method of the document.
func (c *collection) doc(method func(*doc, context.Context, *actors.Request) (*actors.Response, error)) actors.Handler {
	return func(ctx context.Context, r *actors.Request) (*actors.Response, error) {
		d, err := c.find(r)
		if err != nil {
			return nil, err
		}
		return method(d, ctx, r)
	}
}

func (c *collection) remove(ctx context.Context, r *actors.Request) (*actors.Response, error) {
	d, err := c.find(r)
	if err != nil {
		return nil, err
	}
	return d.remove(ctx, r)
}
