package sim

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// messageKey stands for a message between two hosts, as one of them sees it in
// one of its lives.
type messageKey struct {
	peer uint64 // see addrKey
	host hostID
	life uint16
	mid  uint16
}

func (h *host) messageKey(peer netio.Peer, mid uint16) messageKey {
	return messageKey{addrKey(peer.Addr), h.id, uint16(h.starts), mid}
}

// addrKey returns a number that stands for an address: keys of which it is part
// are hashed in one go. For IPv4 it is the address; that two of IPv6 have the same
// does not happen.
func addrKey(a netip.AddrPort) uint64 {
	ip := a.Addr()
	if ip.Is4() {
		b := ip.As4()
		return uint64(binary.BigEndian.Uint32(b[:]))<<16 | uint64(a.Port())
	}
	b := ip.As16()
	k := mix64(binary.BigEndian.Uint64(b[:8])) ^ binary.BigEndian.Uint64(b[8:])
	if zone := ip.Zone(); zone != "" {
		k = hashName(k, zone)
	}
	return mix64(k) ^ uint64(a.Port())<<48 | 1<<63
}

// tokenKey stands for a request that a host has received.
type tokenKey struct {
	peer  uint64
	host  hostID
	life  uint16
	token codec.Token
}

func (h *host) tokenKey(peer uint64, t codec.Token) tokenKey {
	return tokenKey{peer, h.id, uint16(h.starts), t}
}

// received is what the rules know of messages that nodes have received and not
// done with.
type received struct {
	open  map[messageKey]*receipt
	spare []*receipt
	// separate has those whose response will come in a message of its own.
	separate map[tokenKey]messageKey
	timely   fifo // when they must have been reacted to
	kept     fifo // when they are forgotten
}

// receipt is a message that a node has received.
type receipt struct {
	peer     netip.AddrPort
	token    codec.Token
	at       netio.Instant
	code     codec.Code
	con      bool
	once     bool // it must not be handled twice
	block    bool // part of a block-wise transfer: it may need no handler
	listed   bool // kept has it
	handled  int
	reacted  bool // it has been acknowledged or reset
	answered bool // a response has been sent in a message of its own
}

// message notes that a message has arrived.
func (r *received) message(w *World, h *host, e *actors.TapEvent) {
	m := e.Message
	con := m.Type == codec.CON
	once := m.Code.IsRequest() && !m.Code.Idempotent()
	if !con && (!once || m.Type != codec.NON) {
		return
	}
	key := h.messageKey(e.Peer, m.MessageID)
	if r.open[key] != nil {
		return
	}
	if r.open == nil {
		r.open = map[messageKey]*receipt{}
	}
	var x *receipt
	if n := len(r.spare); n > 0 {
		x, r.spare = r.spare[n-1], r.spare[:n-1]
	} else {
		x = &receipt{}
	}
	*x = receipt{peer: e.Peer.Addr, token: m.Token, at: h.now(), code: m.Code, con: con, once: once, block: isBlock(m)}
	r.open[key] = x
	if con {
		r.timely.push(w.now.Add(h.stretch(separateAfter(h.spec)+slack)), key)
	}
	if once {
		r.keep(w, h, key, x)
	}
}

// isBlock reports whether a request is one of those of a block-wise transfer
// that are answered without a handler: a block of a payload, which completes it at
// most, or one that asks for a later block of a response (RFC 7959).
func isBlock(m *codec.Message) bool {
	b, ok, err := m.Options.Block(codec.OptionBlock2)
	return m.Options.Has(codec.OptionBlock1) || ok && err == nil && b.Num > 0
}

// keep remembers a message until its copies cannot come any more.
func (r *received) keep(w *World, h *host, key messageKey, x *receipt) {
	if !x.listed {
		x.listed = true
		lifetime := h.spec.params.NonLifetime()
		if x.con {
			lifetime = h.spec.params.ExchangeLifetime()
		}
		r.kept.push(w.now.Add(h.stretch(lifetime)), key)
	}
}

// ignored: the message is a copy that the node has recognised, or an answer that
// it does not know.
func (r *received) ignored(w *World, h *host, e *actors.TapEvent) {
	key := h.messageKey(e.Peer, e.Message.MessageID)
	x := r.open[key]
	if x != nil && x.reacted && e.Note != "duplicate" {
		x.answered = true // the node says that it gives it up
	}
	if x != nil && x.at == h.now() && x.handled == 0 && !x.reacted && e.Note != "unmatched" {
		r.forget(key, x)
	}
}

// handles notes that a handler is called.
func (r *received) handles(w *World, h *host, peer netio.Peer, m *codec.Message) {
	x := r.open[h.messageKey(peer, m.MessageID)]
	if x == nil || x.code != m.Code || x.token != m.Token {
		// The latter is no copy: its sender has restarted, knows nothing of the
		// ID that it used, and chance gave it that once more.
		return
	}
	if x.handled++; x.handled > 1 && x.once {
		w.violated(h.name, RuleOnce, encoded(m), "%s has handled it %d times", h.name, x.handled)
	}
}

// encoded returns the datagram of a message.
func encoded(m *codec.Message) []byte {
	b, _ := m.Append(nil) // it has been parsed
	return b
}

// reaction notes an ACK or RST.
func (r *received) reaction(w *World, h *host, e *actors.TapEvent) {
	m := e.Message
	key := h.messageKey(e.Peer, m.MessageID)
	x := r.open[key]
	if x == nil || x.reacted {
		return
	}
	x.reacted, x.answered = true, m.Code != codec.Empty
	if x.code.IsRequest() && m.Code.IsSuccess() && x.handled == 0 && !x.block {
		w.violated(h.name, RuleHandled, e.Data, "it answers a request that no handler was asked about")
	}
	if x.code.IsRequest() && m.Code == codec.Empty && m.Type == codec.ACK {
		if r.separate == nil {
			r.separate = map[tokenKey]messageKey{}
		}
		r.separate[h.tokenKey(key.peer, x.token)] = key
	}
	switch {
	case x.once && m.Type == codec.ACK:
	case x.code.IsRequest() && m.Code == codec.Empty && m.Type == codec.ACK:
		r.keep(w, h, key, x)
	default:
		r.forget(key, x)
	}
}

// answered notes a response in a message of its own.
func (r *received) answered(h *host, e *actors.TapEvent) {
	if len(r.separate) == 0 || e.Note != "" || !e.Message.Code.IsResponse() {
		return
	}
	key, ok := r.separate[h.tokenKey(addrKey(e.Peer.Addr), e.Message.Token)]
	if x := r.open[key]; ok && x != nil {
		x.answered = true
	}
}

// expire looks for messages that have not been reacted to in time, and forgets
// those whose copies cannot come any more.
func (r *received) expire(w *World) {
	for r.timely.n > 0 && r.timely.at(0).at < w.now {
		key := r.timely.pop()
		h := w.hosts[key.host]
		if x := r.open[key]; x != nil && !x.reacted && h.lives(key) {
			w.violated(h.name, RuleReaction, nil, "it has not reacted to the CON message 0x%04x (%v) of %s", key.mid, x.code, w.nameOf(x.peer))
			x.reacted = true
		}
	}
	for r.kept.n > 0 && r.kept.at(0).at < w.now {
		key := r.kept.pop()
		x := r.open[key]
		if x == nil {
			continue
		}
		if h := w.hosts[key.host]; x.con && x.reacted && x.handled == 0 && !x.answered && h.lives(key) && x.code.IsRequest() {
			w.violated(h.name, RuleHandled, nil, "it has acknowledged the request 0x%04x (%v) of %s, and neither handled nor answered it", key.mid, x.code, w.nameOf(x.peer))
		}
		r.forget(key, x)
	}
}

func (r *received) forget(key messageKey, x *receipt) {
	delete(r.open, key)
	if x.listed && len(r.separate) > 0 {
		t := tokenKey{key.peer, key.host, key.life, x.token}
		if r.separate[t] == key {
			delete(r.separate, t)
		}
	}
	if len(r.spare) < 1024 {
		r.spare = append(r.spare, x)
	}
}

// lives reports whether the host still has the life in which it saw a message.
func (h *host) lives(key messageKey) bool {
	return key.life == uint16(h.starts) && h.sock != nil
}

func separateAfter(s *spec) time.Duration {
	if s.cfg.SeparateAfter > 0 {
		return s.cfg.SeparateAfter
	}
	return 100 * time.Millisecond
}

// fifo is a queue of messages by time.
type fifo struct {
	ring []deadline
	head int
	n    int
}

type deadline struct {
	at  netio.Instant
	key messageKey
}

func (q *fifo) at(i int) *deadline { return &q.ring[(q.head+i)&(len(q.ring)-1)] }

func (q *fifo) push(at netio.Instant, key messageKey) {
	if q.n == len(q.ring) {
		ring := make([]deadline, max(16, 2*q.n))
		n := copy(ring, q.ring[q.head:])
		copy(ring[n:], q.ring[:q.head])
		q.ring, q.head = ring, 0
	}
	q.n++
	*q.at(q.n - 1) = deadline{at, key}
}

func (q *fifo) pop() messageKey {
	key := q.at(0).key
	q.head = (q.head + 1) & (len(q.ring) - 1)
	q.n--
	return key
}
