package sim

import (
	"net/netip"
	"time"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// transmissions are the CON messages that nodes send and that are not
// acknowledged yet, by who sends to whom: there are few for each pair.
type transmissions struct {
	open map[pairKey]*transmission // linked by next
	// all of them, in no order that matters
	list  []*transmission
	spare []*transmission
}

type pairKey struct{ to, from uint64 } // see addrKey

func (h *host) pairKey(to netip.AddrPort) pairKey { return pairKey{addrKey(to), uint64(h.id)} }

// transmission is a CON message that a node sends.
type transmission struct {
	host   *host
	to     netip.AddrPort
	next   *transmission
	place  int // in transmissions.list
	params *protocol.Params
	token  codec.Token
	data   [codec.HeaderLen]byte // its beginning
	mid    uint16
	ping   bool
	life   int

	// On the node's clock: when it was first sent and when last, and how long
	// the wait was before that.
	first, last netio.Instant
	wait        time.Duration
	copies      int // sent so far
	evidence    bool
}

// begin notes that a node is about to send a CON message for the first time.
func (s *transmissions) begin(w *World, h *host, to netio.Peer, mid uint16, p *protocol.Params) {
	key := h.pairKey(to.Addr)
	outstanding := 1
	for x := s.open[key]; x != nil; x = x.next {
		if x.life == h.starts {
			outstanding++
		}
	}
	if outstanding > max(p.NStart, 1) {
		w.violated(h.name, RuleWindow, nil, "%d messages to %s are outstanding; NSTART is %d", outstanding, w.nameOf(to.Addr), p.NStart)
	}
	if s.open == nil {
		s.open = map[pairKey]*transmission{}
	}
	var x *transmission
	if n := len(s.spare); n > 0 {
		x, s.spare = s.spare[n-1], s.spare[:n-1]
	} else {
		x = &transmission{}
	}
	*x = transmission{host: h, to: to.Addr, mid: mid, params: p, life: h.starts, place: len(s.list), next: s.open[key], first: h.now()}
	s.open[key] = x
	s.list = append(s.list, x)
}

func (s *transmissions) find(h *host, to netip.AddrPort, mid uint16) *transmission {
	for x := s.open[h.pairKey(to)]; x != nil; x = x.next {
		if x.mid == mid && x.life == h.starts {
			return x
		}
	}
	return nil
}

// copied notes a copy of a CON message that a node sends.
func (s *transmissions) copied(w *World, h *host, e *actors.TapEvent) {
	m := e.Message
	x := s.find(h, e.Peer.Addr, m.MessageID)
	if x == nil {
		if e.Note == "" && m.Code != codec.Empty {
			w.violated(h.name, RuleBackOff, e.Data, "it is sent, and no transmission has begun")
		}
		return
	}
	now := h.now()
	wait := now.Sub(x.last)
	p := x.params
	switch x.copies++; {
	case x.copies == 1:
		x.token, x.ping = m.Token, m.Code == codec.Empty
		copy(x.data[:], e.Data)
	case x.copies > 1+p.Retransmits():
		w.violated(h.name, RuleBackOff, e.Data, "it is sent for the %dth time; MAX_RETRANSMIT is %d", x.copies, p.Retransmits())
	case x.copies == 2:
		if most := time.Duration(float64(p.AckTimeout) * p.AckRandomFactor); wait < p.AckTimeout-slack || wait > most+slack {
			w.violated(h.name, RuleBackOff, e.Data, "it is sent again after %v; that must be between %v and %v", wait, p.AckTimeout, most)
		}
	case wait < 2*x.wait-slack || wait > 2*x.wait+slack:
		w.violated(h.name, RuleBackOff, e.Data, "it is sent again after %v; the wait before was %v", wait, x.wait)
	}
	x.last, x.wait = now, wait
}

// evidence notes what a node receives that can end a transmission of its own.
func (s *transmissions) evidence(h *host, e *actors.TapEvent) {
	m := e.Message
	if m.Code.IsRequest() || len(s.list) == 0 {
		return
	}
	for x := s.open[h.pairKey(e.Peer.Addr)]; x != nil; x = x.next {
		switch m.Type {
		case codec.ACK, codec.RST:
			if x.mid == m.MessageID && (m.Code == codec.Empty || m.Token == x.token) {
				x.evidence = true
			}
		default:
			if m.Code.IsResponse() && m.Token == x.token {
				x.evidence = true
			}
		}
	}
}

// settled notes that a node waits for no answer any more.
func (s *transmissions) settled(w *World, h *host, to netio.Peer, mid uint16, answered bool) {
	x := s.find(h, to.Addr, mid)
	if x == nil {
		return
	}
	if answered && !x.evidence {
		w.violated(h.name, RuleEvidence, x.data[:], "it counts as answered, and %s has not answered it", w.nameOf(to.Addr))
	}
	s.remove(x)
}

// renewed notes that a transmission goes on with another message ID.
func (s *transmissions) renewed(h *host, to netio.Peer, old, mid uint16) {
	if x := s.find(h, to.Addr, old); x != nil {
		x.mid = mid
	}
}

func (s *transmissions) remove(x *transmission) {
	key := x.host.pairKey(x.to)
	if first := s.open[key]; first == x {
		if x.next == nil {
			delete(s.open, key)
		} else {
			s.open[key] = x.next
		}
	} else {
		for first.next != x {
			first = first.next
		}
		first.next = x.next
	}
	last := len(s.list) - 1
	s.list[x.place] = s.list[last]
	s.list[x.place].place = x.place
	s.list[last] = nil
	s.list = s.list[:last]
	if len(s.spare) < 1024 {
		s.spare = append(s.spare, x)
	}
}

// overdue looks for messages that should have been sent again, or given up.
func (s *transmissions) overdue(w *World) {
	for i := len(s.list) - 1; i >= 0; i-- { // downwards: remove moves the last
		x := s.list[i]
		if x.life != x.host.starts || x.host.node == nil {
			s.remove(x)
			continue
		}
		if x.copies == 0 {
			continue
		}
		now, p := x.host.now(), x.params
		next := x.last.Add(2 * x.wait)
		if x.copies == 1 {
			next = x.last.Add(time.Duration(float64(p.AckTimeout) * p.AckRandomFactor))
		}
		if now > next.Add(slack) {
			w.violated(x.host.name, RuleBackOff, x.data[:], "after %d transmissions it is neither sent again nor given up, for %v", x.copies, now.Sub(x.last))
			s.remove(x)
		}
	}
}
