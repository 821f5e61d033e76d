package sim

import (
	"time"

	"github.com/coap2/coap2/netio"
)

// AfterFunc calls f when d of virtual time has passed, unless the timer that it
// returns is stopped before. It is called by whoever lets the World run, when all
// that is ready has been done; it must not block, but may begin what does, by
// World.Go.
func (w *World) AfterFunc(d time.Duration, f func()) netio.Timer {
	return w.env.Clock.AfterFunc(d, f)
}
