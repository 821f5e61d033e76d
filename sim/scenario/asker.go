package scenario

import (
	"net/netip"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// askerMark is in the names of askers, and in no other.
const askerMark = "~"

// asker is a host from which a node discovers with requests of its own making, for
// strategies that package actors does not have.
type asker struct {
	r       *run
	a       *action
	t       *tally
	node    int
	send    func(to netip.AddrPort, data []byte) error
	options codec.Options
	open    []*search
	asked   int
}

// search is one request to a group.
type search struct {
	finds
	token codec.Token
}

// armAskers prepares the hosts from which nodes discover.
func (r *run) armAskers(a *action, t *tally, options codec.Options) error {
	var err error
	askers := map[int]*asker{}
	all := a.from.all()
	if all.len() > maxAskers {
		// Only those that chance chooses: they are made when it has.
		all = members{}
	}
	make := func(i int) (*asker, error) {
		name := r.s.nodes.name(i) + askerMark + a.name
		p, err := r.w.Peer(name)
		if err != nil {
			return nil, err
		}
		k := &asker{r: r, a: a, t: t, node: i, send: p.Send, options: options}
		p.OnReceive = k.receive
		askers[i] = k
		return k, nil
	}
	all.each(func(i int) {
		if _, e := make(i); e != nil && err == nil {
			err = e
		}
	})
	if err != nil {
		return err
	}
	r.repeat(&a.schedule, func(n int) {
		from := r.chosen(a.from, "from/"+a.name, n)
		from.each(func(i int) {
			k := askers[i]
			if k == nil {
				if k, err = make(i); err != nil {
					r.broken = append(r.broken, err.Error())
					return
				}
			}
			k.search()
		})
	})
	return nil
}

// search asks the group.
func (k *asker) search() {
	r := k.r
	if r.down[k.node] {
		return
	}
	k.asked++
	token, err := codec.MakeToken([]byte{byte(k.asked >> 24), byte(k.asked >> 16), byte(k.asked >> 8), byte(k.asked)})
	if err != nil {
		panic(err) // four bytes are never too many
	}
	s := &search{finds: r.seek(k.a, k.t, k.node), token: token}
	m := codec.Message{Type: codec.NON, Code: codec.GET, MessageID: uint16(k.asked), Token: token, Options: k.options}
	data, err := m.Append(nil)
	if err != nil {
		r.broken = append(r.broken, err.Error())
		return
	}
	k.open = append(k.open, s)
	if err := k.send(netip.AddrPortFrom(k.a.group, 5683), data); err != nil {
		r.broken = append(r.broken, err.Error())
	}
	r.w.AfterFunc(k.a.wait, func() {
		for i, o := range k.open {
			if o == s {
				k.open = append(k.open[:i:i], k.open[i+1:]...)
				break
			}
		}
	})
}

// receive takes an answer.
func (k *asker) receive(d netio.Datagram) {
	var m codec.Message
	if d.Err != nil || m.Parse(d.Data) != nil || !m.Code.IsResponse() {
		return
	}
	if m.Type == codec.CON {
		ack := codec.Message{Type: codec.ACK, MessageID: m.MessageID}
		if data, err := ack.Append(nil); err == nil {
			_ = k.send(d.Peer.Addr, data) // what is lost is asked for again
		}
	}
	for _, s := range k.open {
		if s.token == m.Token {
			s.answer(k.r.nodeAt(d.Peer.Addr), m.Code.IsSuccess(), m.Code.String())
			return
		}
	}
}
