package sim

import (
	"errors"
	"fmt"
	"time"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// ErrInvariant is wrapped by every Violation.
var ErrInvariant = errors.New("sim: an invariant does not hold")

// Rule is an invariant that every World checks.
type Rule string

// The rules.
const (
	// RuleHandled: a CON request that is acknowledged with success has been
	// handled at least once, and one that is acknowledged without response is
	// handled or answered before its exchange is over. Of a block-wise transfer
	// (RFC 7959) not every request is handled.
	RuleHandled Rule = "handled"
	// RuleOnce: a request that is not idempotent is handled at most once in the
	// life of a node.
	RuleOnce Rule = "once"
	// RuleReaction: a node acknowledges or resets every CON message that it
	// receives.
	RuleReaction Rule = "reaction"
	// RuleEvidence: a node takes a message for acknowledged only when its peer
	// has answered it.
	RuleEvidence Rule = "evidence"
	// RuleBackOff: a CON message is sent again after the times of RFC 7252 §4.2,
	// and no more often than that.
	RuleBackOff Rule = "back-off"
	// RuleWindow: no more than NSTART interactions with a peer are outstanding.
	RuleWindow Rule = "window"
	// RuleNode: what a node itself counts agrees, is within its bounds, and no
	// exchange and no timer has outlived its time.
	RuleNode Rule = "node"
	// RuleNetwork: what was sent was delivered, lost, or is under way.
	RuleNetwork Rule = "network"
)

// Violation says which invariant does not hold.
type Violation struct {
	At   netio.Instant
	Node string // "" = the network
	Rule Rule
	// What says what is wrong.
	What string
	// Datagram is the offending one, as far as there is one.
	Datagram []byte
}

// Error implements error.
func (v *Violation) Error() string {
	text := fmt.Sprintf("%v: after %v", ErrInvariant, v.At.Sub(Epoch))
	if v.Node != "" {
		text += ", " + v.Node
	}
	text += fmt.Sprintf(" (%s): %s", v.Rule, v.What)
	if v.Datagram != nil {
		text += ": " + describe(v.Datagram)
	}
	return text
}

// Unwrap returns ErrInvariant.
func (v *Violation) Unwrap() error { return ErrInvariant }

const (
	// maxViolations is how many are kept.
	maxViolations = 100
	// auditEvery is how often, in virtual time, what could be overdue is looked
	// for.
	auditEvery = 10 * time.Second
	// slack is how late something may be: clocks round.
	slack = time.Microsecond
)

// audit checks the invariants of a World.
type audit struct {
	off      bool
	found    []*Violation
	received received
	sent     transmissions
	next     netio.Instant
}

// Violations returns the invariants that were found not to hold so far, the
// first hundred of them. There should be none.
func (w *World) Violations() []*Violation {
	defer w.hold()()
	return append([]*Violation(nil), w.audit.found...)
}

// violation returns the first that was found, as an error.
func (w *World) violation() error {
	if len(w.audit.found) == 0 {
		return nil
	}
	return w.audit.found[0]
}

func (w *World) violated(node string, rule Rule, data []byte, format string, args ...any) {
	a := &w.audit
	if len(a.found) >= maxViolations {
		return
	}
	v := &Violation{At: w.now, Node: node, Rule: rule, What: fmt.Sprintf(format, args...)}
	if data != nil {
		v.Datagram = append([]byte{}, data...)
	}
	a.found = append(a.found, v)
	w.trace.text(w, traceNote, node, "violates "+string(rule)+": "+v.What)
}

// overdue is called before time goes on to a moment: it looks for what should
// have happened.
func (w *World) overdue() {
	a := &w.audit
	if a.off {
		return
	}
	a.received.expire(w)
	if w.now < a.next {
		return
	}
	a.next = w.now.Add(auditEvery)
	a.sent.overdue(w)
	for _, h := range w.named {
		w.auditNode(h)
	}
	d := &w.dozing
	for i := range d.n {
		w.auditNode(w.hosts[d.ring[(d.head+i)&(len(d.ring)-1)]])
	}
}

// auditNode looks into the books of a node.
func (w *World) auditNode(h *host) {
	if w.audit.off || h.node == nil || h.sock == nil {
		return
	}
	if err := h.node.Audit(); err != nil {
		w.violated(h.name, RuleNode, nil, "%v", err)
	}
}

// auditAll looks at everything; idle: nothing is left to happen.
func (w *World) auditAll(idle bool) {
	if w.audit.off {
		return
	}
	w.audit.received.expire(w)
	w.audit.sent.overdue(w)
	s := &w.stats
	if !s.Balanced() {
		w.violated("", RuleNetwork, nil, "%d copies and %d duplicates were sent, %d were delivered, %d lost, %d are under way",
			s.Copies, s.Duplicated, s.Delivered, s.LostTotal(), s.Queued)
	}
	if idle && s.Queued > 0 {
		w.violated("", RuleNetwork, nil, "%d copies are under way, and nothing is left to happen", s.Queued)
	}
	for _, h := range w.hosts {
		if h == nil || h.node == nil {
			continue
		}
		w.auditNode(h)
		if idle && h.sock != nil && !h.node.Idle() && h.node.Stats().Exchanges > 0 {
			w.violated(h.name, RuleNode, nil, "%d exchanges are in use, and nothing is left to happen", h.node.Stats().Exchanges)
		}
	}
}

// audited tells the rules what a node says of a message.
func (w *World) audited(h *host, e *actors.TapEvent) {
	a, m := &w.audit, e.Message
	if a.off || m == nil {
		return
	}
	switch e.Direction {
	case actors.Received:
		if e.Note == "" {
			a.received.message(w, h, e)
			a.sent.evidence(h, e)
		}
	case actors.Ignored:
		a.received.ignored(w, h, e)
	case actors.Sent:
		switch m.Type {
		case codec.CON:
			a.sent.copied(w, h, e)
			a.received.answered(h, e)
		case codec.NON:
			a.received.answered(h, e)
		default:
			a.received.reaction(w, h, e)
		}
	}
}
