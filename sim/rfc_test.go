package sim_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/sim"
)

// attempts is what the network sees of one CON request.
type attempts struct {
	sent []time.Duration // from the first transmission on
	end  time.Duration   // when the caller hears of it
	err  error
}

// lossy makes CON requests one after the other, of which the first lost
// transmissions do not arrive, and lets the network say when each was sent.
func lossy(t *testing.T, requests, lost int, params protocol.Params) (as []attempts) {
	w, a, b := pair(t, 11)
	handle(t, b, "/x", actors.Resource{Inline: true, Get: hello})
	require.NoError(t, w.Link("", "", sim.Link{}))
	uri := "coap://" + w.Addr("b").String() + "/x"
	for range requests {
		var x attempts
		start := netio.Instant(0)
		n := 0
		stop := w.Watch(func(tr *sim.Transit) {
			if tr.Kind == sim.TransitSent && tr.From == "a" {
				if start == 0 {
					start = tr.At
				}
				x.sent = append(x.sent, tr.At.Sub(start))
			}
		})
		remove := w.Fault(sim.Fault{From: "a", Judge: func(*sim.Packet) sim.Verdict { n++; return sim.Verdict{Drop: n <= lost} }})
		done := false
		a.Go(actors.Request{Method: codec.GET, URI: uri, Params: params}, func(_ *actors.Response, err error) {
			x.end, x.err, done = w.Now().Sub(start), err, true
		})
		w.RunFor(5 * time.Minute) // longer than EXCHANGE_LIFETIME
		require.True(t, done)
		stop()
		remove()
		as = append(as, x)
	}
	return as
}

// TestRetransmissionTiming: what the network sees of lossy exchanges is what RFC
// 7252 §4.2 and §4.8 say, to the nanosecond.
func TestRetransmissionTiming(t *testing.T) {
	const timeout = 2 * time.Second
	var first []time.Duration
	for _, x := range lossy(t, 400, 5, protocol.Params{}) {
		// ACK_TIMEOUT to ACK_TIMEOUT·ACK_RANDOM_FACTOR, doubled each time,
		// MAX_RETRANSMIT times.
		require.Len(t, x.sent, 5)
		t0 := x.sent[1]
		require.GreaterOrEqual(t, t0, timeout)
		require.LessOrEqual(t, t0, timeout*3/2)
		for i, at := range x.sent {
			require.Equal(t, t0*time.Duration(1<<i-1), at, "transmission %d", i+1)
		}
		require.LessOrEqual(t, x.sent[4], 45*time.Second, "MAX_TRANSMIT_SPAN")
		require.Equal(t, 31*t0, x.end)
		require.LessOrEqual(t, x.end, 93*time.Second, "MAX_TRANSMIT_WAIT")
		require.ErrorIs(t, x.err, actors.ErrTimeout)
		first = append(first, t0)
	}
	// The first timeout is uniform in its bounds (Kolmogorov and Smirnov).
	slices.Sort(first)
	worst, n := 0.0, float64(len(first))
	for i, d := range first {
		p := float64(d-timeout) / float64(timeout/2)
		worst = max(worst, p-float64(i)/n, float64(i+1)/n-p)
	}
	require.Less(t, worst*math.Sqrt(n), 1.63)
	require.Greater(t, first[len(first)-1], 2950*time.Millisecond, "some come close to MAX_TRANSMIT_WAIT")

	// One that gets through ends at once.
	for lost := range 5 {
		for _, x := range lossy(t, 3, lost, protocol.Params{}) {
			require.NoError(t, x.err)
			require.Len(t, x.sent, lost+1)
			require.Equal(t, x.sent[lost], x.end)
		}
	}
	// Without randomness these are the figures themselves: 2, 4, 8, 16 s.
	for _, x := range lossy(t, 1, 5, protocol.Params{AckRandomFactor: 1}) {
		require.Equal(t, []time.Duration{0, 2 * time.Second, 6 * time.Second, 14 * time.Second, 30 * time.Second}, x.sent)
		require.Equal(t, 62*time.Second, x.end)
	}
}

// TestLossRateOfExchanges: an exchange fails as often as five losses in a row
// come, of the request or of its answer.
func TestLossRateOfExchanges(t *testing.T) {
	const n, loss = 4000, 0.4
	w, a, b := pair(t, 3)
	handle(t, b, "/x", actors.Resource{Inline: true, Get: hello})
	require.NoError(t, w.Link("", "", sim.Link{Latency: time.Millisecond, Loss: loss}))
	failed, sent := 0, 0
	w.Watch(func(tr *sim.Transit) {
		if tr.Kind == sim.TransitSent && tr.From == "a" {
			sent++
		}
	})
	for i := range n {
		a.Go(actors.Request{Method: codec.GET, URI: fmt.Sprintf("coap://%v/x", w.Addr("b")), Params: protocol.Params{NStart: n}}, func(_ *actors.Response, err error) {
			if err != nil {
				require.True(t, errors.Is(err, actors.ErrTimeout), "%v", err)
				failed++
			}
		})
		if i%100 == 99 {
			w.RunFor(2 * time.Minute)
		}
	}
	w.RunFor(5 * time.Minute)
	miss := 1 - (1-loss)*(1-loss)
	require.InDelta(t, math.Pow(miss, 5), float64(failed)/n, 0.015)
	expected := (1 - math.Pow(miss, 5)) / (1 - miss) // transmissions of an exchange
	require.InDelta(t, expected, float64(sent)/n, 0.06)
}
