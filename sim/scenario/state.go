package scenario

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// Bodies tell by themselves whether they are whole: one follows from a number,
// with which it begins, and no other eight bytes of it are those of another place
// or another body.

// numberLen is the length of the shortest body, which is its number.
const numberLen = 8

func bodyOf(number uint64, size int) []byte {
	size = max(size, numberLen)
	b := make([]byte, 0, size+numberLen)
	for i := uint64(0); len(b) < size; i++ {
		b = binary.BigEndian.AppendUint64(b, number+i*0x9e3779b97f4a7c15)
	}
	return b[:size]
}

// numberOf returns the number of a body; ok is false if it is not whole.
func numberOf(b []byte) (number uint64, ok bool) {
	if len(b) < numberLen {
		return 0, false
	}
	number = binary.BigEndian.Uint64(b)
	return number, string(bodyOf(number, len(b))) == string(b)
}

// Numbers of bodies: of the states of a node's resources, and of what is sent.
const (
	nodeShift = 32
	sentBit   = 1 << 63
)

// stateKey is a resource of a node.
type stateKey struct {
	node int
	path string
}

// states are the resources that change. They outlive the nodes.
type states struct {
	now    map[stateKey]uint64
	routes map[stateKey]*actors.Route // in the node's present life
	sent   uint64                     // how many bodies have been sent
}

// serve lets a resource with a state answer.
func (s *states) serve(key stateKey, res *resource) (*actors.Response, error) {
	r, err := actors.Bytes(codec.OctetStream, bodyOf(uint64(key.node)<<nodeShift|s.now[key], res.state))
	if err == nil {
		r.Options = r.Options.Add(codec.MaxAge(uint32(res.maxAge / time.Second)))
	}
	return r, err
}

// isState reports whether a body is a state that a resource has or had, and
// which.
func (s *states) isState(key stateKey, b []byte, size int) (state uint64, ok bool) {
	number, ok := numberOf(b)
	state = number &^ (uint64(key.node) << nodeShift)
	return state, ok && len(b) == max(size, numberLen) && number>>nodeShift == uint64(key.node) && state <= s.now[key]
}

// change changes a resource of each node of from.
func (r *run) change(a *action, t *tally, n int) {
	from := r.chosen(a.from, "from/"+a.name, n)
	from.each(func(i int) {
		key := stateKey{i, a.path}
		p, k := r.placeOf(i)
		if res := p.resource(a.path, k); res == nil {
			return
		}
		r.states.now[key]++
		t.asked(r.w.Now())
		t.answered(r.w.Now(), r.w.Now())
		r.event(a.name, "changes", i, -1, "")
		if route := r.states.routes[key]; route != nil && !r.down[i] {
			if err := route.Changed(); err != nil {
				r.broken = append(r.broken, err.Error())
			}
		}
	})
}

// resource returns what the i-th node of a group has at a path; nil if nothing
// that changes, as with a plain server.
func (p *place) resource(path string, i int) *resource {
	if p.plain != nil && p.plain.has(i) {
		return nil
	}
	for k, res := range p.resources {
		if res.path == path && p.has[k].has(i) {
			return res
		}
	}
	return nil
}

// watcher is a node that observes a resource of another, and does so again where
// that ends too early.
type watcher struct {
	r     *run
	a     *action
	t     *tally
	node  int
	key   stateKey
	size  int
	rand  *rand.Rand
	until netio.Instant

	o    *actors.Observation // under way
	told bool                // something, in this observation
	last uint64              // state
}

// observe lets every node of from observe every node of to.
func (r *run) observe(a *action, t *tally, n int) {
	from, to := r.chosen(a.from, "from/"+a.name, n), r.chosen(a.to, "to/"+a.name, n)
	random := r.rand(fmt.Sprintf("run/%s/%d", a.name, n))
	from.each(func(i int) {
		to.each(func(k int) {
			p, at := r.placeOf(k)
			res := p.resource(a.path, at)
			if i == k || res == nil {
				return
			}
			w := &watcher{r: r, a: a, t: t, node: i, key: stateKey{k, a.path}, size: res.state, rand: random, until: r.w.Now().Add(a.length)}
			w.begin()
			r.w.AfterFunc(a.length, w.end)
		})
	})
}

// pauseWatch is how long a watcher waits until it observes again.
const pauseWatch = 5 * time.Second

func (w *watcher) over() bool { return w.r.w.Now() >= w.until }

// begin begins an observation, or later if the node is down.
func (w *watcher) begin() {
	r := w.r
	if w.over() {
		return
	}
	if r.down[w.node] {
		r.w.AfterFunc(pauseWatch, w.begin)
		return
	}
	n, err := r.node(w.node)
	if err != nil {
		r.broken = append(r.broken, err.Error())
		return
	}
	w.told, w.last = false, 0
	w.t.asked(r.w.Now())
	w.t.open++
	r.event(w.a.name, "asks", w.node, w.key.node, "")
	since := r.w.Now()
	w.o = n.Observe(actors.Request{
		URI: "coap://" + r.addr(w.key.node).String() + w.a.path, NonConfirmable: happens(w.a.non, w.rand),
	}, func(note *actors.Notification, err error) { w.tell(since, note, err) })
}

// tell takes a state, or the end.
func (w *watcher) tell(since netio.Instant, note *actors.Notification, err error) {
	r, t := w.r, w.t
	if err == nil {
		state, ok := r.states.isState(w.key, note.Payload, w.size)
		if !ok || w.told && state < w.last {
			t.wrong++
			r.event(w.a.name, "is told wrong", w.node, w.key.node, fmt.Sprintf("%d bytes, state %d after %d", len(note.Payload), state, w.last))
		}
		if !w.told {
			t.answered(r.w.Now(), since)
		}
		t.states++
		r.answers++
		w.told, w.last = true, state
		return
	}
	w.o = nil
	if w.over() && errors.Is(err, actors.ErrCanceled) {
		t.open--
		return
	}
	what, detail := t.ended(r.w.Now(), since, nil, err)
	r.event(w.a.name, what, w.node, w.key.node, detail)
	if !w.over() {
		r.w.AfterFunc(pauseWatch, w.begin)
	}
}

// end looks what the watcher knows when its time is over.
func (w *watcher) end() {
	if w.r.down[w.node] {
		return
	}
	if now := w.r.states.now[w.key]; !w.told || w.last != now {
		w.t.behind++
		w.r.event(w.a.name, "is behind", w.node, w.key.node, fmt.Sprintf("state %d of %d", w.last, now))
	}
	if w.o != nil {
		w.o.Cancel()
	}
}

// carried is what a transfer carries there, and where it goes.
type carried struct {
	method codec.Code
	key    stateKey
	sent   []byte
	size   int // of a state
}

// carry fills in a request of a transfer.
func (r *run) carry(a *action, to int, q ask, random *rand.Rand, req *actors.Request) *carried {
	c := &carried{method: q.method, key: stateKey{to, q.path}}
	p, k := r.placeOf(to)
	if res := p.resource(q.path, k); res != nil {
		c.size = res.state
	}
	if q.method != codec.GET {
		r.states.sent++
		c.sent = bodyOf(sentBit|r.states.sent, numberLen+random.IntN(max(len(a.payload)-numberLen, 0)+1))
		req.Payload = c.sent
	}
	if random.IntN(2) == 0 {
		req.BlockSize = 16 << random.IntN(7)
	}
	return c
}

// right reports whether a response is what it is to be: the state of the
// resource, or what was sent, which comes back.
func (c *carried) right(s *states, res *actors.Response) bool {
	if c.sent != nil {
		return string(res.Payload) == string(c.sent)
	}
	_, ok := s.isState(c.key, res.Payload, c.size)
	return ok
}
