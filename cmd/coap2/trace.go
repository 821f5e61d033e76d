package main

import (
	"fmt"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/cmd/internal/cli"
)

// maxTraceBytes is how much is shown of a datagram that is no message.
const maxTraceBytes = 64

// tap returns what prints the messages of a node to stderr: one line each, or
// the whole message from level 2 on. It returns nil for level 0.
func (a *app) tap(level int) func(actors.TapEvent) {
	if level == 0 {
		return nil
	}
	clock := actors.SystemEnv().Clock
	return func(e actors.TapEvent) {
		arrow := "<-"
		if e.Direction == actors.Sent {
			arrow = "->"
		}
		b := fmt.Appendf(nil, "%s %s %s ", clock.Wall(e.At).Format("15:04:05.000000"), arrow, e.Peer)
		if e.Note != "" {
			b = fmt.Appendf(b, "(%s) ", cli.Printable(e.Note))
		}
		switch {
		case e.Message == nil:
			b = fmt.Appendf(b, "%d bytes, no message: %x\n", len(e.Data), e.Data[:min(len(e.Data), maxTraceBytes)])
		case level == 1:
			b = fmt.Appendf(b, "%s\n", e.Message)
		default:
			b = e.Message.AppendDump(b)
		}
		_, _ = a.Err.Write(b)
	}
}
