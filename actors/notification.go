package actors

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/coap2/coap2/codec"
)

// ErrNotObservable: the server has answered, but does not observe the resource,
// or not any more (RFC 7641 §4.1).
var ErrNotObservable = errors.New("the resource cannot be observed")

// Notification is one state of an observed resource.
type Notification struct {
	// Response is the representation, with its options.
	Response
	// Sequence is the number in the Observe option: later states have higher
	// numbers, modulo 2^24.
	Sequence uint32
	// Confirmable: it came in a CON message, or in the answer to one.
	Confirmable bool
	// Renewal: it answers a registration that renewed the observation. The state
	// may be the one that was told before.
	Renewal bool
	// Missed is how many notifications have been lost before this one because
	// Subscribe's loop was slower than they came.
	Missed int
	// Reason says why it is told, and FiltersAt which side evaluates the rule.
	Reason    Reason
	FiltersAt Side
	// URI says which resource it is of, where SubscribeAll follows several.
	URI string

	answers bool // it is the answer of a publisher that filters
}

// missable is how many notifications wait for the loop of a Subscribe, where it
// does not say otherwise.
const missable = 64

// Subscription is what a subscriber wants.
type Subscription struct {
	// Request is as for Node.Observe.
	Request
	// Rule is the rule in the language of package rules; "" = every state.
	Rule string
	// QoS is 1 if every notification is to be acknowledged, and sent again until
	// it is: the rule is sent with the control con. 0: most are not, and what is
	// lost is lost, until the next one. A publisher that knows no rules decides
	// itself.
	QoS int
	// Queue is how many notifications wait for the loop of SubscribeWith; 0 = 64.
	// Beyond it the oldest are dropped, see Notification.Missed.
	Queue int
	// Lease is the longest time after which the subscription is renewed; 0 = as
	// the publisher says, which ends it if it is not renewed in time.
	Lease time.Duration
	// Compact sends the rule in its compact form, if that is shorter.
	Compact bool
}

// Subscribe observes a resource and yields its states as they come, the present
// one first (RFC 7641):
//
//	for n, err := range node.Subscribe(ctx, "coap://[2001:db8::1]/temp", "") {
//		if err != nil {
//			return err // it has ended
//		}
//		fmt.Printf("%s\n", n.Payload)
//	}
//
// Node.Observe says what happens meanwhile, and which errors end it. The end of
// ctx is one of them; it and the end of the loop end the observation. States
// that come faster than the loop takes them wait, up to 64; then the oldest are
// dropped, which Notification.Missed tells.
//
// rule chooses among the states, in the language of package rules; "" = all. It
// is evaluated by the publisher, so that nothing else is sent, or here if that
// one knows no rules: Notification.FiltersAt tells. The first state is told
// whatever the rule says; Notification.Reason tells why each is. A rule that is
// wrong is a *rules.SyntaxError, or a 4.00 where only the publisher finds it so.
func (n *Node) Subscribe(ctx context.Context, uri, rule string) iter.Seq2[*Notification, error] {
	return n.SubscribeWith(ctx, Subscription{Request: Request{URI: uri}, Rule: rule})
}

// SubscribeWith is Subscribe with a subscription that says more than its URI and
// its rule.
func (n *Node) SubscribeWith(ctx context.Context, s Subscription) iter.Seq2[*Notification, error] {
	return func(yield func(*Notification, error) bool) {
		if t := taskOf(ctx); t != nil && t.inline {
			yield(nil, ErrInline)
			return
		}
		if ctx.Err() != nil {
			yield(nil, unsubscribed(ctx, &s.Request))
			return
		}
		q := &inbox{env: n.env, most: s.Queue}
		o := n.SubscribeFunc(s, q.put)
		defer o.Cancel()
		for {
			note, err, ok := q.take()
			if !ok {
				if q.wait(ctx) != nil {
					yield(nil, unsubscribed(ctx, &s.Request))
					return
				}
				continue
			}
			if !yield(note, err) || err != nil {
				return
			}
		}
	}
}

// SubscribeFunc subscribes and returns at once: Node.Observe with a rule. done is
// called as Observe says, with what the rule selects. If the publisher ends the
// subscription, the last call has both a notification (ReasonFinal) and an error.
func (n *Node) SubscribeFunc(s Subscription, done func(*Notification, error)) *Observation {
	f, err := newFilter(&s)
	if err != nil {
		err = fmt.Errorf("rule %q: %w", s.Rule, err)
	}
	return n.observe(s.Request, f, err, done)
}

// Watch is Subscribe with a request that says more than its URI, and no rule;
// see Node.Observe.
func (n *Node) Watch(ctx context.Context, req Request) iter.Seq2[*Notification, error] {
	return n.SubscribeWith(ctx, Subscription{Request: req})
}

func unsubscribed(ctx context.Context, req *Request) error {
	return &RequestError{Method: max(req.Method, codec.GET), URI: req.URI, Err: context.Cause(ctx)}
}

// inbox brings notifications from the node's goroutine to a loop.
type inbox struct {
	env  *Env
	most int // notes; 0 = missable

	mu     sync.Mutex
	notes  []*Notification
	missed int
	err    error // the end, when all notes are taken
	last   *Notification
	ended  bool
	look   bool   // nudge was called
	signal Signal // of the loop, while it waits
}

// put is the callback of the observation.
func (q *inbox) put(n *Notification, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err != nil {
		q.err, q.last, q.ended = err, n, true
	} else {
		if len(q.notes) >= or(q.most, missable) {
			q.notes[0] = nil
			q.notes = q.notes[1:]
			q.missed++
		}
		q.notes = append(q.notes, n)
	}
	if q.signal != nil {
		q.signal.Set()
		q.signal = nil
	}
}

// nudge has the loop do something else for once.
func (q *inbox) nudge() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.look = true
	if q.signal != nil {
		q.signal.Set()
		q.signal = nil
	}
}

// nudged reports whether nudge was called since it was asked last.
func (q *inbox) nudged() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	was := q.look
	q.look = false
	return was
}

// take returns what is next; ok is false if there is nothing yet.
func (q *inbox) take() (n *Notification, err error, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case len(q.notes) > 0:
		n, q.notes[0] = q.notes[0], nil
		q.notes = q.notes[1:]
		n.Missed, q.missed = q.missed, 0
		return n, nil, true
	case q.ended:
		return q.last, q.err, true
	}
	return nil, nil, false
}

// wait waits until there is something to take, or for the end of ctx.
func (q *inbox) wait(ctx context.Context) error {
	q.mu.Lock()
	if len(q.notes) > 0 || q.ended || q.look {
		q.mu.Unlock()
		return nil
	}
	s := q.env.Runner.NewSignal()
	q.signal = s
	q.mu.Unlock()
	return s.Wait(ctx)
}
