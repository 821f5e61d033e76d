package actors

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// hostile makes datagrams that nobody should send, and some that anybody may.
// All it does follows from its seed, and from what it hears.
type hostile struct {
	rng   *rand.Rand
	local netip.AddrPort // of the node that suffers
	// peer returns the i-th of its addresses; there are so many, of which the
	// first hot send half of all.
	peer       func(i int) netip.AddrPort
	peers, hot int
	// spoof has the addresses of the honest, where it can forge them.
	spoof []netip.AddrPort
	// group: datagrams can be marked as sent to a group, or as undelivered.
	group bool

	cold         int
	posts        uint64 // POSTs made; each carries its number
	past         [512]netio.Datagram
	sent, recent int
	replay       bool // the datagram being made is one

	mu    sync.Mutex
	heard [64]netio.Datagram // of the honest, and not long ago; Peer is who sent it
	n     int
}

const longestHeard = 256

func newHostile(seed uint64, local netip.AddrPort, peer func(int) netip.AddrPort, peers, hot int) *hostile {
	return &hostile{rng: rand.New(rand.NewPCG(seed, 0x705711e)), local: local, peer: peer, peers: peers, hot: hot}
}

// hear remembers a real message, to be mutated and replayed.
func (h *hostile) hear(from netip.AddrPort, data []byte) {
	if len(data) > longestHeard { // the test's own memory is to be flat, too
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	d := &h.heard[h.n%len(h.heard)]
	d.Data, d.Peer.Addr = append(d.Data[:0], data...), from
	h.n++
}

// overheard returns one of the real messages, copied.
func (h *hostile) overheard() netio.Datagram {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.n == 0 {
		return netio.Datagram{Data: []byte{0x40, 1, 0, 1}}
	}
	d := h.heard[h.rng.IntN(min(h.n, len(h.heard)))]
	d.Data = append([]byte(nil), d.Data...)
	return d
}

// batch replaces what is in ds by its next n datagrams.
func (h *hostile) batch(ds []netio.Datagram, n int) []netio.Datagram {
	ds = ds[:0]
	for range n {
		d := netio.Datagram{Local: h.local, Peer: netio.Peer{Addr: h.from()}}
		h.replay = false
		h.fill(&d)
		ds = append(ds, d)
		// What is repeated is not repeated once more: after EXCHANGE_LIFETIME it
		// would be executed again, with every right.
		if h.sent++; h.sent%8 == 0 && !h.replay && len(d.Data) <= longestHeard {
			p := &h.past[h.recent%len(h.past)]
			h.recent++
			p.Data, p.Peer, p.Local = append(p.Data[:0], d.Data...), d.Peer, d.Local
		}
	}
	return ds
}

func (h *hostile) from() netip.AddrPort {
	if h.rng.IntN(2) == 0 {
		return h.peer(h.rng.IntN(h.hot))
	}
	h.cold++
	return h.peer(h.hot + h.cold%(h.peers-h.hot))
}

// fill chooses what a datagram is. The shares are such that every bound of small
// Limits is reached, and those of the defaults are not.
func (h *hostile) fill(d *netio.Datagram) {
	switch k := h.rng.IntN(100); {
	case k < 6:
		d.Data = h.noise(h.rng.IntN(64))
	case k < 12: // a valid first byte lets it come further
		d.Data = h.noise(4 + h.rng.IntN(40))
		d.Data[0] = 0x40 | d.Data[0]&0x38
	case k < 26:
		d.Data = h.mutate(h.overheard().Data)
	case k < 30:
		d.Data = h.overheard().Data
	case k < 38: // a replay, a duplicate
		if p := h.past[h.rng.IntN(len(h.past))]; p.Peer.Addr.IsValid() {
			d.Data, d.Peer, h.replay = slices.Clone(p.Data), p.Peer, true
		}
	case k < 41:
		d.Data = h.noise(4 + h.rng.IntN(20))
		d.Data[0] = d.Data[0]&0x3f | byte(h.rng.IntN(3)+2)%4<<6 // any version but 1
	case k < 46:
		h.empty(d)
	case k < 54:
		h.malformed(d)
	case k < 60:
		h.answer(d)
	case k < 64 && len(h.spoof) > 0:
		h.forge(d)
	case k < 66 && h.group:
		h.toGroup(d)
	case k < 67 && h.group:
		d.Err, d.Data = errors.New("forged ICMP"), h.overheard().Data
	default:
		h.request(d)
	}
}

func (h *hostile) noise(n int) []byte {
	b := make([]byte, 0, n+8)
	for len(b) < n {
		b = binary.LittleEndian.AppendUint64(b, h.rng.Uint64())
	}
	return b[:n]
}

// mutate damages a message.
func (h *hostile) mutate(b []byte) []byte {
	for range 1 + h.rng.IntN(3) {
		if len(b) == 0 {
			return b
		}
		at := h.rng.IntN(len(b))
		switch h.rng.IntN(5) {
		case 0:
			b[at] ^= 1 << h.rng.IntN(8)
		case 1:
			b[at] = byte(h.rng.Uint32())
		case 2:
			b = b[:at]
		case 3:
			b = append(b[:at], b[at+1:]...)
		case 4:
			b = append(b, b[at:min(at+64, len(b))]...)
		}
	}
	return b
}

func (h *hostile) encode(m *codec.Message) []byte {
	b, err := m.Append(nil)
	if err != nil {
		panic(err)
	}
	return b
}

func (h *hostile) mid() uint16 { return uint16(h.rng.Uint32()) }

func (h *hostile) token() codec.Token {
	t, _ := codec.MakeToken(h.noise(h.rng.IntN(9)))
	return t
}

func (h *hostile) typ() codec.Type { return codec.Type(h.rng.IntN(4)) }

// empty: pings, acknowledgements and resets of nothing, and with too much.
func (h *hostile) empty(d *netio.Datagram) {
	d.Data = h.encode(&codec.Message{Type: h.typ(), MessageID: h.mid()})
	if h.rng.IntN(4) == 0 {
		d.Data[0] |= byte(1 + h.rng.IntN(8))
		d.Data = append(d.Data, 1, 2, 3)
	}
}

// malformed: every way to break the format of RFC 7252 §3.
func (h *hostile) malformed(d *netio.Datagram) {
	m := codec.Message{Type: h.typ(), Code: codec.GET, MessageID: h.mid(), Token: h.token()}
	var tail []byte
	switch h.rng.IntN(11) {
	case 0: // token lengths that are reserved
		d.Data = h.encode(&m)
		d.Data[0] = d.Data[0]&0xf0 | byte(9+h.rng.IntN(7))
		return
	case 1: // cut off anywhere
		d.Data = h.encode(&m)
		d.Data = d.Data[:h.rng.IntN(len(d.Data))]
		return
	case 2: // classes that are reserved
		m.Code = codec.Code([]byte{1, 3, 6, 7}[h.rng.IntN(4)]<<5 | byte(h.rng.IntN(32)))
	case 3: // a flood of options
		for range 200 + h.rng.IntN(400) {
			tail = append(tail, byte(h.rng.IntN(2))<<4)
		}
	case 4: // numbers beyond the last
		for range 1 + h.rng.IntN(4) {
			tail = append(tail, 0xe0, 0xff, byte(h.rng.Uint32()))
		}
	case 5: // reserved nibbles
		tail = []byte{0xf1, 0}
	case 6:
		tail = []byte{0x1f, 0}
	case 7: // lengths beyond the end
		tail = []byte{0xbd, byte(h.rng.Uint32()), 'x'}
	case 8:
		tail = []byte{0xbe, byte(h.rng.Uint32()), 0xff, 'x'}
	case 9: // a marker without payload
		tail = []byte{0xb1, 'x', 0xff}
	case 10: // an ACK or RST that carries a request
		m.Type = codec.ACK + codec.Type(h.rng.IntN(2))
	}
	d.Data = append(h.encode(&m), tail...)
}

// answer: responses and acknowledgements that nobody waits for.
func (h *hostile) answer(d *netio.Datagram) {
	m := codec.Message{Type: codec.Type(h.rng.IntN(3)), Code: codec.Content, MessageID: h.mid(), Token: h.token(), Payload: []byte("forged")}
	if h.rng.IntN(4) == 0 {
		m.Code = codec.Code(2+h.rng.IntN(4))<<5 | codec.Code(h.rng.IntN(32))
		m.Options = codec.Options{{Number: codec.OptionNumber(h.rng.IntN(65536))}}
	}
	d.Data = h.encode(&m)
}

// forge sends in the name of an honest node what does no harm by the rules of
// the protocol. (What does: a reset or a request with a message ID that the
// honest node is using. Who can forge addresses has one chance in 65,536 with
// each datagram; against that there is DTLS and OSCORE, RFC 7252 §11.)
func (h *hostile) forge(d *netio.Datagram) {
	last := h.overheard()
	for i := 0; last.Peer.Addr != h.spoof[i%len(h.spoof)]; i++ {
		if i > 32 {
			return
		}
		last = h.overheard()
	}
	d.Peer.Addr, d.Data = last.Peer.Addr, last.Data
	if len(last.Data) < codec.HeaderLen || h.rng.IntN(3) == 0 {
		return // a replay
	}
	// It is far from whose IDs this one was: the node's, or the honest's own.
	acks := codec.Type(last.Data[0]>>4&3) == codec.ACK
	far := binary.BigEndian.Uint16(last.Data[2:]) + 8192 + uint16(h.rng.IntN(32768))
	switch h.rng.IntN(3) {
	case 0:
		t := codec.ACK + codec.Type(h.rng.IntN(2))
		if !acks { // a reset is for an ID of the node's
			t = codec.ACK
		}
		d.Data = h.encode(&codec.Message{Type: t, MessageID: far})
	case 1:
		t := codec.Type(h.rng.IntN(3))
		if acks { // what is not an ACK is reset, by an ID of the honest's
			t = codec.ACK
		}
		d.Data = h.encode(&codec.Message{Type: t, Code: codec.Content, MessageID: far, Token: codec.TokenFromUint64(h.rng.Uint64()), Payload: []byte("forged")})
	case 2:
		d.Data = h.noise(8)
		d.Data[0] = 0x80
	}
}

func (h *hostile) toGroup(d *netio.Datagram) {
	d.Multicast, d.Local = true, netip.MustParseAddrPort("224.0.1.187:5683")
	switch h.rng.IntN(4) {
	case 0:
		h.request(d)
		d.Data[0] = d.Data[0]&0xcf | byte(codec.NON)<<4
	case 1:
		h.request(d)
	case 2:
		h.answer(d)
	case 3:
		h.malformed(d)
	}
}

// paths that a hostile request has; the node serves most of them.
var hostilePaths = []string{"inline", "inline", "inline", "echo", "go", "go", "count", "slow", "panic", "gopanic",
	"error", "sep", "sep", "multi", ".well-known/core", "none", "", "none/none/none", "fail"}

func (h *hostile) request(d *netio.Datagram) {
	m := codec.Message{Type: codec.Type(h.rng.IntN(2)), Code: codec.Code(1 + h.rng.IntN(7)), MessageID: h.mid(), Token: h.token()}
	switch h.rng.IntN(4) {
	case 0, 1:
		m.Code = codec.GET
	case 2:
		m.Code = codec.POST
	}
	if h.rng.IntN(100) == 0 {
		m.Code = codec.Code(8 + h.rng.IntN(24))
	}
	for segment := range strings.SplitSeq(hostilePaths[h.rng.IntN(len(hostilePaths))], "/") {
		m.Options = append(m.Options, codec.URIPath(segment))
	}
	if h.rng.IntN(16) == 0 {
		n := codec.OptionNumber(h.rng.IntN(65536))
		if h.rng.IntN(2) == 0 {
			n = []codec.OptionNumber{codec.OptionIfMatch, codec.OptionObserve, codec.OptionProxyURI, codec.OptionAccept,
				codec.OptionURIQuery, codec.OptionURIHost, codec.OptionIfNoneMatch, codec.OptionContentFormat}[h.rng.IntN(8)]
		}
		m.Options = m.Options.Add(codec.Option{Number: n, Value: h.noise(h.rng.IntN(16))})
	}
	if m.Code != codec.GET && m.Code != codec.DELETE {
		h.posts++
		m.Payload = binary.BigEndian.AppendUint64([]byte(hostileMark), h.posts)
	}
	if h.rng.IntN(500) == 0 {
		m.Payload = h.noise(h.rng.IntN(60000))
	}
	d.Data = h.encode(&m)
}
