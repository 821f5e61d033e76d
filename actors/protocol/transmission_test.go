package protocol

import (
	"testing"
	"time"
	"unsafe"

	"github.com/coap2/coap2/netio"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// RFC 7252 §4.2 with the default parameters: the first timeout is 2 to 3 s, and
// each one is twice that before it.
func TestTransmissionSchedule(t *testing.T) {
	for _, c := range []struct {
		r     float64
		waits []time.Duration // until each retransmission, and at last until giving up
		total time.Duration
	}{
		{0, []time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 32 * time.Second}, 62 * time.Second},
		{0.5, []time.Duration{2500 * time.Millisecond, 5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second}, 77500 * time.Millisecond},
		{1, []time.Duration{3 * time.Second, 6 * time.Second, 12 * time.Second, 24 * time.Second, 48 * time.Second}, 93 * time.Second},
	} {
		p := Params{}.WithDefaults()
		var tr Transmission
		require.Equal(t, 0, tr.Attempts())
		at := tr.Start(t0, &p, c.r)
		now := t0
		for i, wait := range c.waits {
			require.True(t, tr.Active())
			require.Equal(t, i+1, tr.Attempts())
			require.Equal(t, wait, at.Sub(now))
			v, same := tr.Due(at - 1)
			require.Equal(t, Wait, v)
			require.Equal(t, at, same)
			now = at
			v, at = tr.Due(now)
			if i < len(c.waits)-1 {
				require.Equal(t, Resend, v)
			} else {
				require.Equal(t, GiveUp, v)
			}
		}
		require.Zero(t, at)
		require.False(t, tr.Active())
		require.Equal(t, 5, tr.Attempts())
		require.Equal(t, c.total, now.Sub(t0))
		v, at := tr.Due(now.Add(time.Hour))
		require.Equal(t, Wait, v, "idle after giving up")
		require.Zero(t, at)
	}
}

func TestTransmissionIntervals(t *testing.T) {
	p := Params{}.WithDefaults()
	rapid.Check(t, func(t *rapid.T) {
		r := rapid.Float64Range(0, 0.999999999).Draw(t, "r")
		var tr Transmission
		now, at := t0, tr.Start(t0, &p, r)
		for i := range 5 {
			wait := at.Sub(now)
			require.GreaterOrEqual(t, wait, 2*time.Second<<i)
			require.LessOrEqual(t, wait, 3*time.Second<<i)
			now = at
			var v Verdict
			v, at = tr.Due(now)
			if i < 4 {
				require.Equal(t, Resend, v)
				require.LessOrEqual(t, now.Sub(t0), p.MaxTransmitSpan())
			} else {
				require.Equal(t, GiveUp, v)
				require.LessOrEqual(t, now.Sub(t0), p.MaxTransmitWait())
			}
		}
	})
}

func TestTransmissionStop(t *testing.T) {
	p := Params{}.WithDefaults()
	var tr Transmission
	at := tr.Start(t0, &p, 0)
	v, at := tr.Due(at)
	require.Equal(t, Resend, v)
	tr.Stop()
	v, at = tr.Due(at)
	require.Equal(t, Wait, v)
	require.Zero(t, at)
	require.Equal(t, 2, tr.Attempts())

	// It can be started again.
	require.Equal(t, t0.Add(time.Hour+2*time.Second), tr.Start(t0.Add(time.Hour), &p, 0))
	require.Equal(t, 1, tr.Attempts())
}

func TestTransmissionNeverRepeated(t *testing.T) {
	p := Params{MaxRetransmit: -1}.WithDefaults()
	var tr Transmission
	at := tr.Start(t0, &p, 0)
	require.Equal(t, 2*time.Second, at.Sub(t0))
	v, _ := tr.Due(at)
	require.Equal(t, GiveUp, v)
}

// A late call moves what follows; copies do not bunch up.
func TestTransmissionLate(t *testing.T) {
	p := Params{}.WithDefaults()
	var tr Transmission
	at := tr.Start(t0, &p, 0)
	late := at.Add(700 * time.Millisecond)
	v, at := tr.Due(late)
	require.Equal(t, Resend, v)
	require.Equal(t, 4*time.Second, at.Sub(late))
}

// No copy leaves when the receiver may have forgotten the first.
func TestTransmissionTooLateToRepeat(t *testing.T) {
	p := Params{}.WithDefaults()
	last := t0.Add(p.MaxTransmitSpan() + p.AckTimeout)
	for _, c := range []struct {
		now  netio.Instant
		want Verdict
	}{{last, Resend}, {last + 1, GiveUp}} {
		var tr Transmission
		tr.Start(t0, &p, 0)
		v, _ := tr.Due(c.now)
		require.Equal(t, c.want, v)
	}
}

func TestTransmissionOddInput(t *testing.T) {
	p := Params{}.WithDefaults()
	for _, r := range []float64{-1, 2, nan()} {
		var tr Transmission
		wait := tr.Start(t0, &p, r).Sub(t0)
		require.GreaterOrEqual(t, wait, 2*time.Second)
		require.LessOrEqual(t, wait, 3*time.Second)
	}
	require.LessOrEqual(t, unsafe.Sizeof(Transmission{}), uintptr(32))
	require.Equal(t, "Resend", Resend.String())
	require.Equal(t, "Verdict(9)", Verdict(9).String())
}

func nan() float64 { z := 0.0; return z / z }

func BenchmarkTransmission(b *testing.B) {
	p := Params{}.WithDefaults()
	b.ReportAllocs()
	var tr Transmission
	for b.Loop() {
		_, at := tr.Due(tr.Start(t0, &p, 0.5))
		tr.Due(at)
		tr.Stop()
	}
}
