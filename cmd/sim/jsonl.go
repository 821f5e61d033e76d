package main

import (
	"io"

	"github.com/coap2/coap2/cmd/internal/cli"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/sim"
	"github.com/coap2/coap2/sim/scenario"
)

// eventLog writes what happens in a World, one JSON object a line. What cannot be
// written is found out when the file is put in its place.
type eventLog struct {
	w   *sim.World
	out io.Writer
}

// moment is what every line begins with.
type moment struct {
	TMS float64 `json:"t_ms"` // of virtual time since the beginning
}

func (l *eventLog) now() moment { return moment{float64(l.w.Elapsed()) / 1e6} }

// transitLine is a line about a datagram.
type transitLine struct {
	moment
	Event     string `json:"event"` // sent, delivered, lost
	From      string `json:"from"`
	To        string `json:"to,omitempty"` // none in what is sent to a group
	Source    string `json:"source"`
	Dest      string `json:"dest"`
	Multicast bool   `json:"multicast,omitempty"`
	Bytes     int    `json:"bytes"`
	Message   string `json:"message,omitempty"` // none in what is no CoAP
	Cause     string `json:"cause,omitempty"`   // why it is lost
}

var transits = map[sim.TransitKind]string{sim.TransitSent: "sent", sim.TransitDelivered: "delivered", sim.TransitLost: "lost"}

func (l *eventLog) transit(t *sim.Transit) {
	line := transitLine{
		moment: l.now(), Event: transits[t.Kind], From: t.From, To: t.To, Source: t.Source.String(), Dest: t.Dest.String(),
		Multicast: t.Multicast, Bytes: len(t.Data), Cause: t.Cause.String(),
	}
	var m codec.Message
	if m.Parse(t.Data) == nil {
		line.Message = m.String()
	}
	_, _ = l.out.Write(cli.EncodeJSON(line, false))
}

func (l *eventLog) event(e scenario.Event) {
	_, _ = l.out.Write(cli.EncodeJSON(struct {
		moment
		scenario.Event
	}{l.now(), e}, false))
}
