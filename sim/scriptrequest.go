package sim

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/codec"
)

// body returns a payload of size=BYTES in which every line says where it is.
func (a *args) body() []byte {
	size := a.number("size")
	if size <= 0 || size > 1<<20 {
		return nil
	}
	var b []byte
	for len(b) < size {
		b = fmt.Appendf(b, "byte %9d.\n", len(b))
	}
	return b[:size]
}

const maxBlock = 1024

// request reads who asks whom for what.
func (p *performance) request(a *args, method codec.Code) (name string, n *actors.Node, target string, r actors.Request) {
	name, n = p.nodeOf(a)
	target = a.word("the URI")
	r = actors.Request{Method: method, URI: p.uri(target), NonConfirmable: a.flag("non"), ZeroToken: a.flag("notoken"),
		Timeout: a.duration("timeout"), Params: a.params()}
	if s, ok := a.text("payload"); ok {
		r.Payload = []byte(s)
	}
	r.Payload = append(r.Payload, a.body()...)
	r.BlockSize = a.number("block")
	r.From = int64(a.number("from"))
	if s, ok := a.text("token"); ok {
		b, err := hex.DecodeString(s)
		if err == nil {
			r.Token, err = codec.MakeToken(b)
		}
		if err != nil {
			a.fail("token: %v", err)
		}
	}
	for s, ok := a.text("opt"); ok; s, ok = a.text("opt") {
		key, value, _ := strings.Cut(s, ":")
		o, err := codec.ParseOption(key, value)
		if err != nil {
			a.fail("%v", err)
		}
		r.Options = r.Options.Add(o)
	}
	return name, n, target, r
}
