package scenario

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// cancelAfter is when requests are given up that are.
const cancelAfter = time.Second

// errDown: a node that has crashed asks nothing.
var errDown = errors.New("the node is down")

// ask lets a node make a request; done is called when it has ended. While the
// node is down it makes none.
func (r *run) ask(a *action, t *tally, from, to int, q ask, random *rand.Rand, done func(err error)) {
	if r.down[from] {
		if done != nil {
			done(errDown)
		}
		return
	}
	t.asked(r.w.Now())
	t.open++
	since := r.w.Now()
	r.event(a.name, "asks", from, to, "")
	var c *carried // nil but for a transfer
	ended := func(res *actors.Response, err error) {
		what, detail := t.ended(r.w.Now(), since, res, err)
		if err == nil {
			r.answers++
			if c != nil && !c.right(&r.states, res) {
				t.wrong++
				what, detail = "is wrong", fmt.Sprintf("%v with %d bytes, for %d", res.Code, len(res.Payload), len(c.sent))
			}
		}
		r.event(a.name, what, from, to, detail)
		if done != nil {
			done(err)
		}
	}
	n, err := r.node(from)
	if err != nil {
		ended(nil, err)
		return
	}
	req := actors.Request{
		Method: q.method, URI: "coap://" + r.addr(to).String() + q.path, Payload: a.payload,
		NonConfirmable: happens(a.non, random), Timeout: a.timeout,
	}
	if a.verb == transfer {
		req.Payload = nil
		c = r.carry(a, to, q, random, &req)
	}
	call := n.Go(req, ended)
	if happens(a.cancel, random) {
		r.w.AfterFunc(cancelAfter, call.Cancel)
	}
}

// request lets every node of from ask every node of to.
func (r *run) request(a *action, t *tally, n int) {
	from, to := r.chosen(a.from, "from/"+a.name, n), r.chosen(a.to, "to/"+a.name, n)
	random := r.rand(fmt.Sprintf("run/%s/%d", a.name, n))
	from.each(func(i int) {
		to.each(func(k int) {
			for _, q := range a.asks {
				r.ask(a, t, i, k, q, random, nil)
			}
		})
	})
}

// Pauses keep one moment from lasting for ever: a node that gets its answer at
// once, or is told at once that there is none, asks again a little later.
const (
	pauseAnswered = time.Millisecond
	pauseFailed   = time.Second
)

// loader is one node that makes a load.
type loader struct {
	r      *run
	a      *action
	t      *tally
	node   int
	to     members
	random *rand.Rand
	made   int
	until  netio.Instant // no request is made from then on; 0 = no bound
}

// load lets each node of from ask nodes of to, again and again.
func (r *run) load(a *action, t *tally, n int) {
	from, to := r.chosen(a.from, "from/"+a.name, n), r.chosen(a.to, "to/"+a.name, n)
	from.each(func(i int) {
		l := &loader{r: r, a: a, t: t, node: i, to: to, random: r.w.Rand(r.s.nodes.name(i), fmt.Sprintf("load/%s/%d", a.name, n))}
		if a.length > 0 {
			l.until = r.w.Now().Add(a.length)
		}
		if a.interval > 0 {
			// They do not all ask at the same moment.
			r.w.AfterFunc(time.Duration(l.random.Int64N(int64(a.interval))), l.tick)
			return
		}
		for range a.outstanding {
			l.next()
		}
	})
}

func (l *loader) ended() bool {
	return l.until > 0 && l.r.w.Now() >= l.until || l.a.count > 0 && l.made >= l.a.count
}

// ask makes one request, of a node and a kind that chance chooses. A node does
// not ask itself where it has a choice.
func (l *loader) ask(done func(error)) {
	l.made++
	k := l.random.IntN(l.to.len())
	if l.to.at(k) == l.node && l.to.len() > 1 {
		k = (k + 1 + l.random.IntN(l.to.len()-1)) % l.to.len()
	}
	q := l.a.asks[0]
	if len(l.a.asks) > 1 {
		q = l.a.asks[l.random.IntN(len(l.a.asks))]
	}
	l.r.ask(l.a, l.t, l.node, l.to.at(k), q, l.random, done)
}

// tick makes a request, answered or not, and so on at its rate.
func (l *loader) tick() {
	if l.ended() {
		return
	}
	l.ask(nil)
	l.r.w.AfterFunc(l.a.interval, l.tick)
}

// next makes a request, and the next one when that has ended.
func (l *loader) next() {
	if l.ended() {
		return
	}
	began := l.r.w.Now()
	l.ask(func(err error) {
		switch {
		case l.r.w.Now() > began:
			l.next()
		case err == nil:
			l.r.w.AfterFunc(pauseAnswered, l.next)
		default:
			l.r.w.AfterFunc(pauseFailed, l.next)
		}
	})
}

// askerMark is in the names of askers, and in no other.
const askerMark = "~"

// asker is a host from which a node discovers: package actors has no requests
// to groups yet.
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
	token codec.Token
	since netio.Instant
	lots  [][]*lot // by group: the resources that are looked for
	found []uint64 // bits, by node
}

// armDiscovery prepares the hosts from which nodes discover.
func (r *run) armDiscovery(a *action, t *tally) error {
	u, err := codec.ParseURI("coap://group" + corePath)
	if err != nil {
		return err
	}
	u.Query = a.queries
	options := u.AppendOptions(nil, netip.AddrPortFrom(a.group, u.Port))
	options = options.Remove(codec.OptionURIHost)
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
	s := &search{token: token, since: r.w.Now(), found: make([]uint64, (r.s.nodes.total+63)/64)}
	expected := 0
	for _, p := range r.places {
		lots := p.listing(k.a.filters)
		s.lots = append(s.lots, lots)
		expected += union0(lots, p.count)
	}
	m := codec.Message{Type: codec.NON, Code: codec.GET, MessageID: uint16(k.asked), Token: token, Options: k.options}
	data, err := m.Append(nil)
	if err != nil {
		r.broken = append(r.broken, err.Error())
		return
	}
	k.t.asked(r.w.Now())
	k.t.expected += uint64(expected)
	k.open = append(k.open, s)
	r.event(k.a.name, "asks", k.node, -1, "")
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

// union0 returns how many of n nodes have one of the lots.
func union0(lots []*lot, n int) int {
	if len(lots) == 1 {
		return lots[0].n
	}
	all := 0
	for i := range n {
		for _, l := range lots {
			if l.has(i) {
				all++
				break
			}
		}
	}
	return all
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
			k.answer(s, &m, d.Peer.Addr)
			return
		}
	}
}

func (k *asker) answer(s *search, m *codec.Message, from netip.AddrPort) {
	r, t := k.r, k.t
	i := r.nodeAt(from)
	if i < 0 || !m.Code.IsSuccess() || !s.wanted(r, i) {
		t.others++
		return
	}
	if s.found[i/64]>>(i%64)&1 == 1 {
		t.duplicates++
		return
	}
	s.found[i/64] |= 1 << (i % 64)
	t.responders++
	t.answered(r.w.Now(), s.since)
	t.found = append(t.found, r.w.Now().Sub(s.since))
	t.foundSorted = false
	r.answers++
	r.event(k.a.name, "answered", k.node, i, m.Code.String())
}

// wanted reports whether a node should answer.
func (s *search) wanted(r *run, i int) bool {
	for g, p := range r.places {
		if i >= p.first && i < p.first+p.count {
			for _, l := range s.lots[g] {
				if l.has(i - p.first) {
					return true
				}
			}
		}
	}
	return false
}
