package actors

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coap2/coap2/codec"
)

// maxWild is how many resources SubscribeAll follows at a time, and maxListed the
// longest list of links in bytes that it reads.
const (
	maxWild   = 256
	maxListed = 1 << 20
	// defaultList is the time from one look at a node's links to the next.
	defaultList = time.Minute
)

// errWild: the pattern fits more than maxWild resources.
var errWild = fmt.Errorf("the pattern fits more than %d resources; write a narrower one", maxWild)

// SubscribeAll subscribes to all resources of a node whose path fits the pattern
// in s.URI, in which "+" stands for any one segment:
//
//	coap://node/rooms/+/temp
//
// They are found in the node's links (RFC 6690), which are looked at again every
// minute, or so often as list says: what is new then is subscribed to, and what
// ended is tried again. Notification.URI says which resource a state is of. What
// cannot be observed is left alone, and a subscription that its publisher ends is
// told as its last notification (ReasonFinal). What ends all of them is an error:
// that of the first look at the links, a rule that is wrong, too many matches, the
// end of ctx, or ErrStopped.
func (n *Node) SubscribeAll(ctx context.Context, s Subscription, list time.Duration) iter.Seq2[*Notification, error] {
	return func(yield func(*Notification, error) bool) {
		if t := taskOf(ctx); t != nil && t.inline {
			yield(nil, ErrInline)
			return
		}
		u, err := codec.ParseURI(s.URI)
		if err == nil {
			check := s
			_, err = newFilter(&check)
		}
		if err != nil {
			yield(nil, &RequestError{Method: codec.GET, URI: s.URI, Err: err})
			return
		}
		if list <= 0 {
			list = defaultList
		}
		w := &wild{node: n, s: s, pattern: u, every: list, q: &inbox{env: n.env, most: s.Queue}}
		defer w.end()
		if err := w.look(ctx); err != nil {
			yield(nil, err)
			return
		}
		for {
			if w.q.nudged() {
				if err := w.look(ctx); errors.Is(err, ErrStopped) || errors.Is(err, errWild) || ctx.Err() != nil {
					yield(nil, err)
					return
				}
				continue
			}
			note, _, ok := w.q.take()
			switch {
			case ok:
				if !yield(note, nil) {
					return
				}
			case w.q.wait(ctx) != nil:
				yield(nil, unsubscribed(ctx, &s.Request))
				return
			}
		}
	}
}

// wild is a SubscribeAll under way. It belongs to the loop, but for q and what is
// atomic.
type wild struct {
	node    *Node
	s       Subscription
	pattern codec.URI
	every   time.Duration
	q       *inbox
	timer   interface{ Stop() bool }
	matches []*match // in the order in which they were found
}

// match is a resource that fits.
type match struct {
	path  string
	o     *Observation
	ended atomic.Bool
	never atomic.Bool // it cannot be observed
}

// look reads the node's links and subscribes to what is new.
func (w *wild) look(ctx context.Context) error {
	defer func() { w.timer = w.node.env.Clock.AfterFunc(w.every, w.q.nudge) }()
	core := w.pattern
	core.Path, core.Query = []string{".well-known", "core"}, nil
	res, err := w.node.Do(ctx, Request{Method: codec.GET, URI: core.String(), MaxBody: maxListed})
	if err != nil {
		return err
	}
	links, err := codec.ParseLinks(res.Payload)
	if err != nil {
		return &RequestError{Method: codec.GET, URI: core.String(), Peer: res.Peer, Err: err}
	}
	for _, l := range links {
		u, ok := w.fits(l.Target)
		if !ok {
			continue
		}
		path := u.Resource()
		i := slices.IndexFunc(w.matches, func(m *match) bool { return m.path == path })
		switch {
		case i < 0 && len(w.matches) >= maxWild:
			return &RequestError{Method: codec.GET, URI: w.s.URI, Err: errWild}
		case i < 0:
			w.matches = append(w.matches, w.follow(u, path))
		case w.matches[i].ended.Load() && !w.matches[i].never.Load():
			w.matches[i] = w.follow(u, path)
		}
	}
	return nil
}

// fits returns the URI of a link of the node if its path fits the pattern.
func (w *wild) fits(target string) (codec.URI, bool) {
	if !strings.HasPrefix(target, "/") || strings.HasPrefix(target, "//") {
		return codec.URI{}, false
	}
	u, err := codec.ParseURI("coap://x" + target)
	if err != nil || len(u.Query) > 0 || len(u.Path) != len(w.pattern.Path) {
		return codec.URI{}, false
	}
	for i, segment := range w.pattern.Path {
		if segment != "+" && segment != u.Path[i] {
			return codec.URI{}, false
		}
	}
	path := u.Path
	u = w.pattern
	u.Path = path
	return u, true
}

func (w *wild) follow(u codec.URI, path string) *match {
	m := &match{path: path}
	s := w.s
	s.URI = u.String()
	uri := s.URI
	m.o = w.node.SubscribeFunc(s, func(n *Notification, err error) {
		if err != nil {
			m.never.Store(errors.Is(err, ErrNotObservable))
			m.ended.Store(true)
			if n == nil || n.Reason != ReasonFinal {
				return
			}
		}
		n.URI = uri
		w.q.put(n, nil)
	})
	return m
}

func (w *wild) end() {
	if w.timer != nil {
		w.timer.Stop()
	}
	for _, m := range w.matches {
		m.o.Cancel()
	}
}
