package sim

import (
	"context"
	"fmt"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// life is what a World hears of a node from its start to its end: the
// actors.Observer of the node. Of one that has crashed it hears nothing more.
type life struct {
	host *host
	over bool
}

// Message implements actors.Observer.
func (l *life) Message(e *actors.TapEvent) {
	defer l.host.w.hold()()
	if !l.over {
		l.host.w.audited(l.host, e)
		l.host.message(e)
	}
}

// Handles implements actors.Observer.
func (l *life) Handles(r *actors.Request, m *codec.Message) {
	defer l.host.w.hold()()
	if l.over {
		return
	}
	h, w := l.host, l.host.w
	if !w.trace.closed {
		w.trace.handler(w, h.name, r)
	}
	if !w.audit.off {
		w.audit.received.handles(w, h, r.Peer, m)
	}
}

// Transmits implements actors.Observer.
func (l *life) Transmits(peer netio.Peer, mid uint16, p *protocol.Params) {
	if a := &l.host.w.audit; !a.off && !l.over {
		a.sent.begin(l.host.w, l.host, peer, mid, p)
	}
}

// Settled implements actors.Observer.
func (l *life) Settled(peer netio.Peer, mid uint16, answered bool) {
	if a := &l.host.w.audit; !a.off && !l.over {
		a.sent.settled(l.host.w, l.host, peer, mid, answered)
	}
}

// Renewed implements actors.Observer.
func (l *life) Renewed(peer netio.Peer, old, mid uint16) {
	if a := &l.host.w.audit; !a.off && !l.over {
		a.sent.renewed(l.host, peer, old, mid)
	}
}

// Crash ends a node as a power failure does: it sends nothing more, and all that
// it knew is lost but its Store. Its own calls end with actors.ErrStopped, and so
// do the contexts of its handlers, because what runs in the World for it must come
// to an end; nothing of that leaves the node. Restart lets it live again.
func (w *World) Crash(name string) error {
	n, err := w.crash(name)
	if n != nil {
		ctx, end := actors.NewTaskContext(w.env)
		end(actors.ErrStopped)
		w.Go(func(context.Context) { _ = n.Stop(ctx) })
	}
	return err
}

// crash takes a node away and returns what is left of it.
func (w *World) crash(name string) (*actors.Node, error) {
	defer w.hold()()
	id, ok := w.idOf(name)
	if !ok {
		return nil, fmt.Errorf("sim: there is no node %q", name)
	}
	h := w.hosts[id]
	if h == nil {
		h = w.member(id) // it has never been needed, and will not be
	}
	if h.spec == nil {
		return nil, fmt.Errorf("sim: %q is no node", name)
	}
	if h.down {
		return nil, fmt.Errorf("sim: %q has crashed already", name)
	}
	w.trace.text(w, traceNote, name, "crashes")
	h.down = true
	if h.sock != nil {
		h.sock.shut()
	}
	if h.life != nil {
		h.life.over = true
	}
	n := h.node
	h.node = nil
	return n, nil
}

// Restart starts a node that has crashed, or has been stopped, with the
// configuration that it had: what it is to have is in its Setup. It knows nothing
// of its lives before but what is in its Store: message IDs and tokens begin anew,
// from randomness keyed by seed, node and life.
func (w *World) Restart(name string) (*actors.Node, error) {
	h, err := w.endedHost(name)
	if err != nil {
		return nil, err
	}
	h.failed = w.start(h)
	return h.node, h.failed
}

// endedHost returns the host of a node that has crashed or stopped.
func (w *World) endedHost(name string) (*host, error) {
	defer w.hold()()
	id, ok := w.idOf(name)
	if !ok {
		return nil, fmt.Errorf("sim: there is no node %q", name)
	}
	if w.closed {
		return nil, fmt.Errorf("sim: node %q: %w", name, ErrClosed)
	}
	h := w.hosts[id]
	switch {
	case h == nil || h.sock != nil && h.spec != nil:
		return nil, fmt.Errorf("sim: node %q is running", name)
	case h.spec == nil:
		return nil, fmt.Errorf("sim: %q is no node", name)
	}
	w.trace.text(w, traceNote, name, "restarts")
	return h, nil
}

// Store is what a node keeps over a crash: values by key. A node finds its own in
// its Setup.
type Store struct {
	values map[string][]byte
}

// Store returns the Store of a node, which is empty at first; nil if there is no
// node of that name.
func (w *World) Store(name string) *Store {
	defer w.hold()()
	id, ok := w.idOf(name)
	if !ok {
		return nil
	}
	if w.stores == nil {
		w.stores = map[hostID]*Store{}
	}
	s := w.stores[id]
	if s == nil {
		s = &Store{}
		w.stores[id] = s
	}
	return s
}

// Get returns a copy of a value; ok is false if there is none.
func (s *Store) Get(key string) (value []byte, ok bool) {
	v, ok := s.values[key]
	return append([]byte(nil), v...), ok
}

// Put keeps a copy of a value.
func (s *Store) Put(key string, value []byte) {
	if s.values == nil {
		s.values = map[string][]byte{}
	}
	s.values[key] = append([]byte{}, value...)
}

// Delete forgets a value.
func (s *Store) Delete(key string) { delete(s.values, key) }

// Clear forgets all values, as a memory does that is broken or exchanged.
func (s *Store) Clear() { s.values = nil }

// lasting is a Store as actors.NamesConfig wants it, for one life of a node: what
// that does after it has crashed is lost.
type lasting struct {
	life  *life
	store *Store
}

// Get implements actors.Store.
func (l lasting) Get(key string) ([]byte, error) {
	v, ok := l.store.Get(key)
	if !ok {
		return nil, nil
	}
	return v, nil
}

// Put implements actors.Store.
func (l lasting) Put(key string, value []byte) error {
	if !l.life.over {
		l.store.Put(key, value)
	}
	return nil
}
