package mdns

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/sim"
)

// Clock is the time of a World.
type Clock interface {
	Now() netio.Instant
	AfterFunc(d time.Duration, f func()) netio.Timer
}

// Ear reads messages for all who hear the same one: a World has one for its
// responders.
type Ear struct {
	last []byte
	was  heard
	err  error
}

func (e *Ear) parse(data []byte) (*heard, error) {
	if e.last == nil || !bytes.Equal(e.last, data) {
		e.last = append(e.last[:0], data...)
		e.was, e.err = parse(data)
	}
	return &e.was, e.err
}

// Responder answers for one Instance.
type Responder struct {
	// Silent, where set and true, keeps it from hearing and saying anything.
	Silent func() bool

	clock    Clock
	peer     *sim.Peer
	profile  *Profile
	instance Instance
	random   *rand.Rand
	ear      *Ear

	pending netio.Timer // nil: nothing waits
	asked   Question
	by      netip.AddrPort
	sent    netio.Instant
	said    bool
	// until then it does not answer to who knows it
	known   netio.Instant
	knownBy netip.AddrPort
}

// NewResponder lets a peer, which listens to Port and has joined the Group, answer
// for an Instance. The Profile is shared, and must not change.
func NewResponder(c Clock, p *sim.Peer, profile *Profile, i Instance, random *rand.Rand, ear *Ear) *Responder {
	r := &Responder{clock: c, peer: p, profile: profile, instance: i, random: random, ear: ear}
	p.OnReceive = r.receive
	return r
}

func (r *Responder) receive(d netio.Datagram) {
	if d.Err != nil || r.Silent != nil && r.Silent() {
		return
	}
	h, err := r.ear.parse(d.Data)
	if err != nil || h.response {
		return
	}
	if r.profile.KnownAnswers && h.knows(r.instance.Name) {
		r.known, r.knownBy = r.clock.Now().Add(r.profile.History), d.Peer.Addr
		if r.pending != nil && r.by == d.Peer.Addr {
			r.pending.Stop()
			r.pending = nil
		}
		return
	}
	if !h.asks || !r.answers(&h.question) || r.pending != nil {
		return
	}
	now := r.clock.Now()
	if r.said && now < r.sent.Add(r.profile.History) || now < r.known && r.knownBy == d.Peer.Addr {
		return
	}
	r.asked, r.by = h.question, d.Peer.Addr
	wait := time.Duration(0)
	if spread := r.profile.MaxDelay - r.profile.MinDelay; spread > 0 && h.question.Host == "" {
		wait = r.profile.MinDelay + time.Duration(r.random.Int64N(int64(spread)+1))
	}
	if wait == 0 {
		r.respond()
		return
	}
	r.pending = r.clock.AfterFunc(wait, r.respond)
}

// answers reports whether it has a record that a question asks for.
func (r *Responder) answers(q *Question) bool {
	switch {
	case q.Host != "":
		return r.profile.Selective && q.Host == r.instance.Name
	case q.Subtype != "":
		return r.profile.Selective && r.instance.has(q.Subtype)
	}
	return true
}

func (r *Responder) respond() {
	r.pending = nil
	if r.Silent != nil && r.Silent() {
		return
	}
	msg, err := r.instance.response(r.profile, &r.asked)
	if err != nil {
		return // its names are none; then nobody finds it
	}
	r.sent, r.said = r.clock.Now(), true
	_ = r.peer.Send(r.by, msg) // what is lost is asked for again
}
