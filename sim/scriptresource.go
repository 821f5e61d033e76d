package sim

import (
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"time"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/codec"
)

// scripted is what the handler of a script's resource does.
type scripted struct {
	p      *performance
	node   string
	delay  time.Duration
	text   string
	code   codec.Code
	fails  bool
	panics int // how many more times; negative = always
	call   string
	echo   bool // answers with the payload that it was given
	etag   string
	etags  bool
	state  bool // a PUT changes it
	maxAge int
	format codec.Format
	route  *actors.Route
}

func (p *performance) resource(a *args) error {
	name, n := p.nodeOf(a)
	path := a.word("the path")
	h := &scripted{p: p, node: name, text: "hello", fails: a.flag("error"), delay: a.duration("delay")}
	if a.flag("panic") {
		h.panics = -1
	} else {
		h.panics = a.number("panics")
	}
	if s, ok := a.text("text"); ok {
		h.text = s
	}
	if b := a.body(); b != nil {
		h.text = string(b)
	}
	h.echo = a.flag("echo")
	if s, ok := a.text("etag"); ok {
		h.etag = s
	}
	if s, ok := a.text("code"); ok {
		c, err := codec.ParseCode(s)
		if err != nil {
			a.fail("%v", err)
		}
		h.code = c
	}
	if s, ok := a.text("call"); ok {
		h.call = s
	}
	res := actors.Resource{Separate: a.flag("separate"), Inline: a.flag("inline"), Multicast: a.flag("multicast"),
		Stream: a.flag("stream"), MaxBody: int64(a.number("maxbody")), Hidden: a.flag("hidden"), Concurrency: a.number("concurrency"), Backlog: a.number("backlog")}
	res.Observable, res.Confirmable = a.flag("observable"), a.flag("confirmable")
	res.Queue, res.Observers, res.Lease = a.number("queue"), a.number("observers"), a.duration("lease")
	h.etags, h.maxAge = a.flag("etags"), a.number("maxage")
	h.state = a.flag("state")
	if s, ok := a.text("format"); ok {
		f, err := codec.ParseFormat(s)
		if err != nil {
			a.fail("%v", err)
		}
		h.format = f
	}
	if a.flag("restart") {
		res.OnRestart = func(reason any) { p.w.Notef(name, "%s starts again after %v", path, reason) }
	}
	methods, ok := a.text("methods")
	if !ok {
		methods = "get,post,put,delete,fetch,patch,ipatch"
	}
	for m := range strings.SplitSeq(methods, ",") {
		c, err := codec.ParseMethod(m)
		if err != nil {
			a.fail("%v", err)
			break
		}
		*handlerOf(&res, c) = h.serve
	}
	if err := a.done(); err != nil {
		return err
	}
	var err error
	h.route, err = n.Handle(path, res)
	p.routes[name+path] = h
	return err
}

func handlerOf(r *actors.Resource, method codec.Code) *actors.Handler {
	switch method {
	case codec.POST:
		return &r.Post
	case codec.PUT:
		return &r.Put
	case codec.DELETE:
		return &r.Delete
	case codec.FETCH:
		return &r.Fetch
	case codec.PATCH:
		return &r.Patch
	case codec.IPATCH:
		return &r.IPatch
	}
	return &r.Get
}

func (h *scripted) serve(ctx context.Context, r *actors.Request) (*actors.Response, error) {
	if h.panics != 0 {
		h.panics--
		panic("as the script says")
	}
	if h.delay > 0 {
		if err := actors.Sleep(ctx, h.delay); err != nil {
			h.p.w.Notef(h.node, "handler of %s gives up: %v", r.Path(), err)
			return nil, err
		}
	}
	if r.Body != nil && h.code.Class() >= 4 {
		return nil, actors.Errorf(h.code, "%s", h.text) // without having read it
	}
	payload, err := h.payload(r)
	switch {
	case err != nil:
		return nil, err
	case h.fails:
		return nil, fmt.Errorf("as the script says")
	case h.call != "":
		res, err := r.Node().Get(ctx, h.p.uri(h.call))
		if err != nil {
			h.p.w.Notef(h.node, "handler of %s %s", r.Path(), ending(nil, err))
			return nil, actors.Errorf(codec.BadGateway, "no answer from %s", h.call)
		}
		return actors.Bytes(codec.TextPlain, res.Payload)
	case h.code.Class() >= 4:
		return nil, actors.Errorf(h.code, "%s", h.text)
	case h.code != 0:
		return actors.Status(h.code)
	case h.echo && len(payload) > 0:
		return actors.Bytes(codec.TextPlain, payload)
	case r.Method == codec.PUT && h.route != nil && len(r.Payload) > 0 && h.state:
		h.text = string(r.Payload)
		return nil, h.route.Changed()
	case r.Method != codec.GET && r.Method != codec.FETCH:
		return nil, nil
	}
	res := h.representation()
	if h.etag != "" {
		res.Options = res.Options.Add(codec.ETag([]byte(h.etag)))
	}
	for tag := range r.Options.Values(codec.OptionETag) {
		if have, ok := res.Options.Get(codec.OptionETag); ok && h.etags && bytes.Equal(tag, have) {
			res.Code, res.Payload, res.Options = codec.Valid, nil, res.Options.Remove(codec.OptionContentFormat)
		}
	}
	return res, nil
}

// payload returns the payload of a request, and notes one that has come in blocks.
func (h *scripted) payload(r *actors.Request) ([]byte, error) {
	b := r.Payload
	if r.Body != nil {
		var err error
		if b, err = io.ReadAll(r.Body); err != nil {
			h.p.w.Notef(h.node, "handler of %s has %d bytes, but %v", r.Path(), len(b), err)
			return nil, err
		}
	}
	if r.Body != nil || r.Options.Has(codec.OptionBlock1) {
		h.p.w.Notef(h.node, "handler of %s has %d bytes (sum %08x)", r.Path(), len(b), crc32.ChecksumIEEE(b))
	}
	return b, nil
}
