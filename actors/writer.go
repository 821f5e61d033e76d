package actors

import (
	"errors"
	"net/netip"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// flushAt is how many datagrams wait at most before they are sent.
const flushAt = 64

// writer gathers what a shard sends and hands it to the transport in batches.
type writer struct {
	sh    *shard
	buf   []byte
	grams []netio.Datagram
}

// to is where a message goes: the peer, and the way it came.
type to struct {
	peer  netio.Peer
	local netip.AddrPort
	ifi   int
}

// writer returns the writer of the shard, which is one of those that lie there
// unless something waits to be sent already.
func (sh *shard) writer() *writer {
	if sh.out == nil {
		if n := len(sh.writers); n > 0 {
			sh.out = sh.writers[n-1]
			sh.writers = sh.writers[:n-1]
			sh.out.sh = sh
		} else {
			sh.out = &writer{sh: sh}
		}
	}
	return sh.out
}

// flush sends what waits.
func (sh *shard) flush() {
	if w := sh.out; w != nil {
		w.flush()
		// It stays until here, for to send is to call the transport.
		sh.out = nil
		sh.writers = append(sh.writers, w)
	}
}

// encode appends m to the batch and returns its bytes, valid until the next
// call. A message that cannot be encoded is reported, not sent.
func (w *writer) encode(m *codec.Message, dst to) ([]byte, error) {
	start := len(w.buf)
	// If the buffer grows, what was queued keeps pointing into the old one,
	// which lives as long as it is needed.
	buf, err := m.Append(w.buf)
	if err != nil {
		return nil, err
	}
	w.buf = buf
	data := w.buf[start:len(w.buf):len(w.buf)]
	w.queue(data, dst)
	return data, nil
}

// template queues a message made from a template and returns its bytes, valid
// until the next call.
func (w *writer) template(t *codec.Template, typ codec.Type, mid uint16, token codec.Token, dst to) []byte {
	start := len(w.buf)
	w.buf = t.Append(w.buf, typ, mid, token)
	data := w.buf[start:len(w.buf):len(w.buf)]
	w.queue(data, dst)
	return data
}

// copyOut queues a copy of data.
func (w *writer) copyOut(data []byte, dst to) {
	start := len(w.buf)
	w.buf = append(w.buf, data...)
	w.queue(w.buf[start:len(w.buf):len(w.buf)], dst)
}

func (w *writer) queue(data []byte, dst to) {
	w.grams = append(w.grams, netio.Datagram{Data: data, Peer: dst.peer, Local: dst.local, Interface: dst.ifi})
	if len(w.grams) >= flushAt {
		w.flush()
	}
}

func (w *writer) flush() {
	if len(w.grams) == 0 {
		return
	}
	rest := w.grams
	transport := w.sh.node.transport.Load()
	for len(rest) > 0 {
		if transport == nil {
			w.sh.stats.rare().sendDown.Add(uint64(len(rest)))
			break
		}
		n, err := (*transport).WriteBatch(rest)
		w.sh.stats.sent.Add(uint64(n))
		rest = rest[min(n, len(rest)):]
		if err == nil {
			if n == 0 {
				w.sh.stats.rare().sendDown.Add(uint64(len(rest)))
				break
			}
			continue
		}
		if errors.Is(err, netio.ErrClosed) || len(rest) == 0 {
			w.sh.stats.rare().sendDown.Add(uint64(len(rest)))
			break
		}
		w.sh.stats.rare().sendErrors.Add(1)
		if w.sh.endpoint != nil { // a node that dozes has no exchange that could fail
			w.sh.post(w.sh.endpoint, &undelivered{peer: rest[0].Peer, data: append([]byte(nil), rest[0].Data...), err: err})
		}
		rest = rest[1:]
	}
	clear(w.grams)
	w.grams = w.grams[:0]
	// The buffer may hold what the caller of encode still reads; it is only
	// written again by the next message, which is after that.
	w.buf = w.buf[:0]
	if cap(w.buf) > 1<<20 {
		w.buf = nil
	}
}
