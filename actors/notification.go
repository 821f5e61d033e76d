package actors

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"

	"github.com/coap2/coap2/codec"
)

// ErrNotObservable: the server has answered, but does not observe the resource,
// or not any more (RFC 7641 §4.1).
var ErrNotObservable = errors.New("the resource cannot be observed")

// errRules: package rules has no part in this node yet.
var errRules = errors.New(`rules are not supported; use "" for every notification`)

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
}

// missable is how many notifications wait for the loop of a Subscribe.
const missable = 64

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
// rule chooses among the states; "" = all, and nothing else is supported yet.
func (n *Node) Subscribe(ctx context.Context, uri, rule string) iter.Seq2[*Notification, error] {
	if rule != "" {
		return func(yield func(*Notification, error) bool) {
			yield(nil, fmt.Errorf("actors: Subscribe %s: rule %q: %w", uri, rule, errRules))
		}
	}
	return n.Watch(ctx, Request{URI: uri})
}

// Watch is Subscribe with a request that says more than its URI; see
// Node.Observe.
func (n *Node) Watch(ctx context.Context, req Request) iter.Seq2[*Notification, error] {
	return func(yield func(*Notification, error) bool) {
		if t := taskOf(ctx); t != nil && t.inline {
			yield(nil, ErrInline)
			return
		}
		if ctx.Err() != nil {
			yield(nil, unsubscribed(ctx, &req))
			return
		}
		q := &inbox{env: n.env}
		o := n.Observe(req, q.put)
		defer o.Cancel()
		for {
			note, err, ok := q.take()
			if !ok {
				if q.wait(ctx) != nil {
					yield(nil, unsubscribed(ctx, &req))
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

func unsubscribed(ctx context.Context, req *Request) error {
	return &RequestError{Method: max(req.Method, codec.GET), URI: req.URI, Err: context.Cause(ctx)}
}

// inbox brings notifications from the node's goroutine to a loop.
type inbox struct {
	env *Env

	mu     sync.Mutex
	notes  []*Notification
	missed int
	err    error // the end, when all notes are taken
	last   *Notification
	ended  bool
	signal Signal // of the loop, while it waits
}

// put is the callback of the observation.
func (q *inbox) put(n *Notification, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err != nil {
		q.err, q.last, q.ended = err, n, true
	} else {
		if len(q.notes) >= missable {
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
	if len(q.notes) > 0 || q.ended {
		q.mu.Unlock()
		return nil
	}
	s := q.env.Runner.NewSignal()
	q.signal = s
	q.mu.Unlock()
	return s.Wait(ctx)
}
