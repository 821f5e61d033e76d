package main

import (
	"math/rand/v2"
	"sync"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// lossy is a transport that loses datagrams: of every confirmable request that
// goes out, the first few transmissions, and of the acknowledgements that come
// in for it, the first few. How many is drawn once per request from a seed, so
// that a run loses the same datagrams however fast the machine is.
type lossy struct {
	netio.Transport
	mu    sync.Mutex
	rand  *rand.Rand
	fates map[uint16]*fate // by message ID
	sent  int              // lost on the way out
	back  int              // lost on the way back
}

// fate is what is still to be lost of one exchange.
type fate struct{ out, in int }

func newLossy(t netio.Transport, seed uint64) *lossy {
	return &lossy{Transport: t, rand: rand.New(rand.NewPCG(seed, seed)), fates: map[uint16]*fate{}}
}

// lost returns how many datagrams were lost so far, on the way out and back.
func (l *lossy) lost() (out, in int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sent, l.back
}

// Start implements netio.Transport.
func (l *lossy) Start(r netio.Receiver) error {
	deliver := r.Datagrams
	r.Datagrams = func(ds []netio.Datagram) {
		kept := make([]netio.Datagram, 0, len(ds))
		for _, d := range ds {
			if !l.loseIncoming(&d) {
				kept = append(kept, d)
			}
		}
		if len(kept) > 0 {
			deliver(kept)
		}
	}
	return l.Transport.Start(r)
}

// WriteTo implements netio.Transport.
func (l *lossy) WriteTo(d netio.Datagram) error {
	if l.loseOutgoing(&d) {
		return nil
	}
	return l.Transport.WriteTo(d)
}

// WriteBatch implements netio.Transport.
func (l *lossy) WriteBatch(ds []netio.Datagram) (int, error) {
	for i := range ds {
		if err := l.WriteTo(ds[i]); err != nil {
			return i, err
		}
	}
	return len(ds), nil
}

func (l *lossy) loseOutgoing(d *netio.Datagram) bool {
	var m codec.Message
	if m.Parse(d.Data) != nil || m.Type != codec.CON || !m.Code.IsRequest() {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.fates[m.MessageID]
	if f == nil {
		f = &fate{out: l.rand.IntN(3), in: l.rand.IntN(2)}
		l.fates[m.MessageID] = f
	}
	if f.out == 0 {
		return false
	}
	f.out--
	l.sent++
	return true
}

func (l *lossy) loseIncoming(d *netio.Datagram) bool {
	var m codec.Message
	if d.Err != nil || m.Parse(d.Data) != nil || m.Type != codec.ACK {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.fates[m.MessageID]
	if f == nil || f.in == 0 {
		return false
	}
	f.in--
	l.back++
	return true
}
