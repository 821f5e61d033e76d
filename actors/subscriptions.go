package actors

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coap2/coap2/netio"
)

// LiveSubscription is what somebody has subscribed to at this node with
// a rule, as it was at one moment.
type LiveSubscription struct {
	// Peer is who has it, and Number what resumes it.
	Peer   netio.Peer
	Number uint32
	// Path is that of the resource, with its query, and Rule the rule in its
	// canonical form.
	Path, Rule string
	// QoS is 1 if all notifications are confirmable, or else 0.
	QoS int
	// Age is how long ago it began, and Left how long it will be kept without a
	// renewal; 0 = until the peer does not acknowledge, because a rule in c.*
	// parameters has no lease.
	Age, Left time.Duration
	// Sent counts the notifications that were sent, repetitions and what
	// pmax forces included; Dropped those that were chosen and not sent, because
	// newer ones came before or the queue was full. Both are known with the next
	// one that is sent.
	Sent, Dropped uint64
}

// tally is what has become of the notifications for one subscriber.
type tally struct {
	last          uint32 // the version that was sent last, or what it begins with
	sent, dropped uint64
}

// count counts a notification that has been sent: those between it and the last
// never will be.
func (t *tally) count(version uint32) {
	t.sent++
	if n := int32(version - t.last); n > 0 {
		t.dropped += uint64(n - 1)
		t.last = version
	}
}

// DefaultSubscriptions is how many Node.Subscriptions returns where its caller does
// not say.
const DefaultSubscriptions = 1000

// Subscriptions returns what others have subscribed to at this node with rules,
// the oldest first; no more than most, 0 = 1,000, whichever are found first.
// Observers without a rule are only counted: see ObserveStats. The error is the context's, ErrInline from an
// Inline handler, or says that the node has not started.
func (n *Node) Subscriptions(ctx context.Context, most int) ([]LiveSubscription, error) {
	if t := taskOf(ctx); t != nil && t.inline {
		return nil, ErrInline
	}
	if n.shard.endpoint == nil {
		return nil, fmt.Errorf("actors: Subscriptions: %w", errNotStarted)
	}
	if most <= 0 {
		most = DefaultSubscriptions
	}
	parts := make([][]LiveSubscription, len(n.shards))
	left := atomic.Int64{}
	left.Store(int64(len(parts)))
	s := n.env.Runner.NewSignal()
	for i, sh := range n.shards {
		n.soonAt(sh, func() {
			parts[i] = sh.obs.list(most)
			if left.Add(-1) == 0 {
				s.Set()
			}
		})
	}
	if err := s.Wait(ctx); err != nil {
		return nil, err
	}
	all := slices.Concat(parts...)
	slices.SortStableFunc(all, func(a, b LiveSubscription) int { return cmp.Compare(b.Age, a.Age) })
	return all[:min(len(all), most)], nil
}

// list returns what there is to be known of subscribers, most at most. It takes
// a turn of the node's goroutine: microseconds for each.
func (o *observing) list(most int) []LiveSubscription {
	if o == nil {
		return nil
	}
	now := o.sh.now()
	list := make([]LiveSubscription, 0, min(most, len(o.byNumber)))
	for _, sub := range o.subs {
		if len(list) == most {
			break
		}
		if sub == nil {
			continue
		}
		s := LiveSubscription{
			Peer: sub.identity(o).Peer, Number: sub.number, Path: sub.view.options.Path(), Rule: sub.text,
			Age: now.Sub(sub.since), Sent: sub.tally.sent, Dropped: sub.tally.dropped,
		}
		if q := sub.view.options.Queries(); len(q) > 0 {
			s.Path += "?" + strings.Join(q, "&")
		}
		if sub.con {
			s.QoS = 1
		}
		if at, ok := o.sh.timers.When(sub.lease); ok {
			s.Left = at.Sub(now)
		}
		list = append(list, s)
	}
	return list
}
