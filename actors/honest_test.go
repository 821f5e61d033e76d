package actors

import (
	"encoding/binary"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/codec"
)

// honest is a node that asks what anybody may ask, and expects to be answered.
type honest struct {
	t             testing.TB
	v             *victim
	srv, cli      *Node
	asked         atomic.Uint64
	open, refused atomic.Int64
	wrong         chan error
	full          bool   // bounds are reached: what is not idempotent may be refused
	answered      func() // called for each answer
}

func newHonest(t testing.TB, v *victim, cli *Node) *honest {
	handle(t, cli, "/inline", Resource{Inline: true, Get: text("inline")})
	v.mu.Lock()
	v.from = cli.Addrs()[0]
	v.mu.Unlock()
	return &honest{t: t, v: v, srv: v.n, cli: cli, wrong: make(chan error, 1), answered: func() {}}
}

// start makes the next request.
func (h *honest) start() {
	i := h.asked.Add(1)
	h.open.Add(1)
	if i%11 == 10 { // the other way round: the node under siege is a client, too
		h.srv.Go(Request{URI: h.cli.URI("/inline")}, func(res *Response, err error) {
			h.done(Request{Method: codec.GET}, "inline", false, res, err)
		})
		return
	}
	req, want, busy := h.ask(i)
	h.cli.Go(req, func(res *Response, err error) { h.done(req, want, busy, res, err) })
}

func (h *honest) done(req Request, want string, busy bool, res *Response, err error) {
	if res != nil && res.Code == codec.ServiceUnavailable && busy && h.full {
		h.refused.Add(1)
	} else if err := h.judge(req, want, res, err); err != nil {
		select {
		case h.wrong <- fmt.Errorf("honest request %d: %w", h.asked.Load(), err):
		default:
		}
	}
	h.open.Add(-1)
	h.answered()
}

// check fails the test if an answer was wrong.
func (h *honest) check() {
	h.t.Helper()
	select {
	case err := <-h.wrong:
		require.NoError(h.t, err)
	default:
	}
	h.v.mu.Lock()
	defer h.v.mu.Unlock()
	require.Zero(h.t, h.v.twice, "POSTs executed twice")
}

// ask returns the i-th honest request, and what the answer must be. busy says
// that a node which remembers as much as it may has the right to refuse it.
func (h *honest) ask(i uint64) (req Request, want string, busy bool) {
	base := h.srv.URI("")
	body := string(binary.BigEndian.AppendUint64([]byte(honestMark), i))
	switch i % 10 {
	case 0:
		return Request{URI: base + "/go"}, "go", false
	case 1:
		return Request{URI: base + "/inline"}, "inline", false
	case 2:
		return Request{Method: codec.PUT, URI: base + "/inline", Payload: []byte(body)}, body, false
	case 3:
		return Request{Method: codec.POST, URI: base + "/count", Payload: []byte(body)}, body, true
	case 4:
		return Request{URI: base + "/sep"}, "separate", false
	case 5:
		return Request{Method: codec.FETCH, URI: base + "/go", Payload: []byte(body)}, body, false
	case 6:
		return Request{Method: codec.DELETE, URI: base + "/inline"}, "", false
	case 7:
		body += strings.Repeat(".", 1000)
		return Request{Method: codec.PUT, URI: base + "/echo", Payload: []byte(body)}, body, false
	case 8:
		return Request{URI: base + "/.well-known/core?href=/sep"}, "</sep>", false
	}
	return Request{Method: codec.PATCH, URI: base + "/echo", Payload: []byte(body)}, body, true
}

// judge says what is wrong with the answer to an honest request, if anything.
func (h *honest) judge(req Request, want string, res *Response, err error) error {
	if err != nil {
		return err
	}
	if string(res.Payload) != want {
		return fmt.Errorf("%v %s: answered %q, not %q", req.Method, req.URI, res.Payload, want)
	}
	if req.Method == codec.POST {
		h.v.mu.Lock()
		defer h.v.mu.Unlock()
		if i, _ := postNumber([]byte(want), honestMark); h.v.honest[i] != 1 {
			return fmt.Errorf("POST %q: executed %d times", want, h.v.honest[i])
		}
	}
	return nil
}
