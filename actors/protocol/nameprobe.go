package protocol

import (
	"bytes"
	"time"

	"github.com/coap2/coap2/netio"
)

// Defaults of ProbeConfig.
const (
	DefaultProbes        = 3
	DefaultProbeInterval = 250 * time.Millisecond
	DefaultRenames       = 100
)

// ProbeConfig says how a node makes sure that nobody else has its name. The zero
// value asks three times, 250 ms apart, and takes another name if it must.
type ProbeConfig struct {
	// Probes is how often is asked who has the name; 0 = 3.
	Probes int
	// Interval is the time from one to the next, and from the last to when the name
	// is the node's; 0 = 250 ms.
	Interval time.Duration
	// Refuse: a node whose name is taken has none, instead of a numbered one.
	Refuse bool
	// Renames is how many numbered names are tried; 0 = 100.
	Renames int
}

// ProbeStep is what a Probe wants to be done.
type ProbeStep uint8

// Steps of a Probe.
const (
	// ProbeWait: nothing.
	ProbeWait ProbeStep = iota
	// ProbeAsk: a host query for Probe.Name is to be sent.
	ProbeAsk
	// ProbeHeld: the name is the node's now. It says hello.
	ProbeHeld
	// ProbeLost: somebody else has it, and the node has no name.
	ProbeLost
)

// String returns the name.
func (s ProbeStep) String() string {
	switch s {
	case ProbeWait:
		return "ProbeWait"
	case ProbeAsk:
		return "ProbeAsk"
	case ProbeHeld:
		return "ProbeHeld"
	case ProbeLost:
		return "ProbeLost"
	}
	return "ProbeStep(?)"
}

// Probe is how a node comes by its name, and keeps it. Before the name is its own
// it asks several times who has it. A holder answers, and has it. Somebody who
// probes for the same answers too, and says that it is no holder yet: of the two
// the one with the lower instance ID goes on. Who loses takes the next numbered
// name and begins again, or has none.
//
// A holder that hears of another, as when two networks become one, asks again:
// only an answer to its own question counts, so that nobody can talk it out of its
// name by shouting. Of two holders, too, the lower instance ID wins.
type Probe struct {
	cfg    ProbeConfig
	id     InstanceID
	wish   string // the name as configured
	name   string
	asked  int
	number int
	due    netio.Instant
	again  netio.Instant // no doubts before that
	held   bool          // at present
	holder bool          // it was when it began to ask
	lost   InstanceID    // to whom
}

// MakeProbe returns the probe for a canonical name.
func MakeProbe(cfg ProbeConfig, name string, id InstanceID) Probe {
	if cfg.Probes == 0 {
		cfg.Probes = DefaultProbes
	}
	if cfg.Interval == 0 {
		cfg.Interval = DefaultProbeInterval
	}
	if cfg.Renames == 0 {
		cfg.Renames = DefaultRenames
	}
	return Probe{cfg: cfg, id: id, wish: name, name: name, number: 1}
}

// Name returns the name that the node has or wants; "" when it has lost it.
func (p *Probe) Name() string { return p.name }

// Held reports whether the name is the node's own, also while it asks again
// because it has heard of another holder.
func (p *Probe) Held() bool { return p.held || p.holder && p.name != "" }

// Winner returns who had the name that was lost last; zero if none was.
func (p *Probe) Winner() InstanceID { return p.lost }

// Due returns when Step is to be called next; 0 = not before something happens.
func (p *Probe) Due() netio.Instant { return p.due }

// Start begins.
func (p *Probe) Start(now netio.Instant) ProbeStep {
	p.asked, p.held, p.due = 0, false, now
	return p.Step(now)
}

// Step says what is to be done at a moment.
func (p *Probe) Step(now netio.Instant) ProbeStep {
	switch {
	case p.name == "" || p.due == 0 || now < p.due:
		return ProbeWait
	case p.asked < p.cfg.Probes:
		p.asked++
		p.due = now.Add(p.cfg.Interval)
		return ProbeAsk
	}
	p.held, p.holder, p.due = true, false, 0
	return ProbeHeld
}

// Answer takes an answer to a question. tentative: from one that probes as well.
func (p *Probe) Answer(now netio.Instant, id InstanceID, tentative bool) ProbeStep {
	if p.due == 0 || p.name == "" || id == p.id {
		return ProbeWait
	}
	lower := bytes.Compare(id[:], p.id[:]) < 0
	// A holder yields to nobody who only probes, and a prober to every holder.
	if tentative && (p.holder || !lower) || p.holder && !lower {
		return ProbeWait
	}
	p.lost, p.holder, p.held = id, false, false
	if p.cfg.Refuse || p.number > p.cfg.Renames {
		p.name, p.due = "", 0
		return ProbeLost
	}
	p.number++
	p.name = NumberedName(p.wish, p.number)
	return p.Start(now)
}

// doubtEvery bounds how often what anybody can say makes a holder ask.
const doubtEvery = 10 * time.Second

// Doubt says that somebody else claims the name; see Probe.
func (p *Probe) Doubt(now netio.Instant, id InstanceID) ProbeStep {
	if !p.held || id == p.id || now < p.again {
		return ProbeWait
	}
	p.again = now.Add(doubtEvery)
	p.holder = true
	return p.Start(now)
}

// Resume begins with the name that was found in an earlier life, if it is one that
// this probe could find.
func (p *Probe) Resume(name string) {
	for n := 2; n <= p.cfg.Renames+1; n++ {
		if name == NumberedName(p.wish, n) {
			p.name, p.number = name, n
			return
		}
	}
}
