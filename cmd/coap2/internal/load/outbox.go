package load

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// outbox collects what one goroutine is to send. Every place of it holds a copy
// of the request's template, made once: only message ID and token are written.
type outbox struct {
	grams    []netio.Datagram
	requests [][]byte                // the copies
	empties  [][codec.HeaderLen]byte // for acknowledgements and resets
	via      []*socket               // by which each leaves
	slots    []stamp                 // which request each is
	refused  []refusal               // by the system
	msg      codec.Message           // what was received is parsed into
}

// stamp names a use of a slot; index -1 is none.
type stamp struct {
	index int32
	gen   uint32
	again bool // a retransmission
}

type refusal struct {
	stamp
	err error
}

func newOutbox(size int, template []byte, to netio.Peer) *outbox {
	o := &outbox{
		grams: make([]netio.Datagram, 0, size), requests: make([][]byte, size), empties: make([][codec.HeaderLen]byte, size),
		via: make([]*socket, size), slots: make([]stamp, size),
	}
	all := slices.Repeat(template, size)
	for i := range o.requests {
		o.requests[i] = all[i*len(template) : (i+1)*len(template)]
		o.grams[:size][i].Peer = to
	}
	return o
}

func (o *outbox) full() bool { return len(o.grams) == cap(o.grams) }

// request adds a request.
func (o *outbox) request(e *endpoint, via *socket, mid uint16, token uint64, s stamp) {
	i := len(o.grams)
	o.grams = o.grams[:i+1]
	b := o.requests[i]
	binary.BigEndian.PutUint16(b[messageIDAt:], mid)
	binary.BigEndian.PutUint64(b[tokenAt:], token)
	d := &o.grams[i]
	d.Data, d.Local = b, e.local
	o.via[i], o.slots[i] = via, s
}

// empty adds an acknowledgement or a reset for a message.
func (o *outbox) empty(t codec.Type, to *netio.Datagram, via *socket, mid uint16) {
	i := len(o.grams)
	o.grams = o.grams[:i+1]
	b := o.empties[i][:]
	b[0], b[1] = codec.Version<<6|byte(t)<<4, byte(codec.Empty)
	binary.BigEndian.PutUint16(b[messageIDAt:], mid)
	d := &o.grams[i]
	d.Data, d.Local = b, to.Local
	o.via[i], o.slots[i] = via, stamp{index: -1}
}

// send sends what was collected, a system call for each batch that leaves by one
// socket, and notes what was refused.
func (o *outbox) send() {
	for at := 0; at < len(o.grams); {
		end := at + 1
		for end < len(o.grams) && o.via[end] == o.via[at] {
			end++
		}
		n, err := o.via[at].transport.WriteBatch(o.grams[at:end])
		if err == nil || errors.Is(err, netio.ErrClosed) { // closed: it was renewed, or all is over
			at = end
			continue
		}
		at += n
		if o.slots[at].index >= 0 {
			o.refused = append(o.refused, refusal{o.slots[at], err})
		}
		at++
	}
	o.grams = o.grams[:0]
}
