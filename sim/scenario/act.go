package scenario

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/coap2/coap2/actors"
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
