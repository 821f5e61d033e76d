package protocol

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

func TestRegistrationRefresh(t *testing.T) {
	for _, c := range []struct {
		what   string
		cfg    RegistrationConfig
		maxAge time.Duration
		r      float64
		after  time.Duration
	}{
		{"at least 5 s after Max-Age", RegistrationConfig{}, time.Minute, 0, 65 * time.Second},
		{"at most 15 s", RegistrationConfig{}, time.Minute, 1, 75 * time.Second},
		{"Max-Age 0", RegistrationConfig{}, 0, 0, 5 * time.Second},
		{"Max-Age beyond all reason", RegistrationConfig{}, 1 << 32 * time.Second, 0, 24*time.Hour + 5*time.Second},
		{"configured", RegistrationConfig{RefreshDelay: time.Second, RefreshSpread: 2 * time.Second}, time.Minute, 0.5, 62 * time.Second},
	} {
		require.NoError(t, c.cfg.Validate())
		g := NewRegistration(c.cfg)
		require.Zero(t, g.Deadline(), "the request is under way; its exchange has a timeout of its own")
		h, at := g.Heard(t0, codec.Content, 12, true, c.maxAge, c.r)
		require.Equal(t, HeardNews, h)
		require.Equal(t, t0.Add(c.after), at, c.what)
		require.Equal(t, c.maxAge > 0, g.Fresh(t0))
		require.False(t, g.Fresh(t0.Add(min(c.maxAge, 24*time.Hour))))
		register, _ := g.Due(at - 1)
		require.False(t, register)
		register, next := g.Due(at)
		require.True(t, register)
		require.Zero(t, next)
	}
	require.Error(t, RegistrationConfig{MinBackOff: -1}.Validate())
}

// TestRegistrationHeard: what a message means.
func TestRegistrationHeard(t *testing.T) {
	type message struct {
		code     codec.Code
		seq      int // -1: no Observe option
		want     Heard
		deadline time.Duration // -1: never
	}
	fresh := 65 * time.Second
	for _, c := range []struct {
		what string
		ms   []message
	}{
		{"newer and older", []message{
			{codec.Content, 5, HeardNews, fresh}, {codec.Content, 4, HeardStale, fresh}, {codec.Content, 6, HeardNews, fresh},
			{codec.Valid, 7, HeardNews, fresh},
		}},
		{"not observable", []message{{codec.Content, -1, HeardLast, -1}, {codec.Content, 1, HeardNothing, -1}}},
		{"not any more", []message{{codec.Content, 5, HeardNews, fresh}, {codec.Content, -1, HeardLast, -1}, {codec.NotFound, -1, HeardNothing, -1}}},
		{"gone", []message{{codec.Content, 5, HeardNews, fresh}, {codec.NotFound, -1, HeardEnd, -1}, {codec.Content, 6, HeardNothing, -1}}},
		{"an error with an Observe option is an error", []message{{codec.NotAcceptable, 5, HeardEnd, -1}}},
		{"too busy", []message{{codec.ServiceUnavailable, -1, HeardRetry, time.Minute}, {codec.TooManyRequests, -1, HeardRetry, time.Minute}}},
	} {
		g := NewRegistration(RegistrationConfig{})
		for i, m := range c.ms {
			h, at := g.Heard(t0, m.code, uint32(max(m.seq, 0)), m.seq >= 0, time.Minute, 0)
			require.Equal(t, m.want.String(), h.String(), "%s: message %d", c.what, i)
			if m.deadline < 0 {
				require.Zero(t, at)
				require.True(t, g.Ended())
				require.False(t, g.End(), "nothing is left to cancel")
			} else {
				require.Equal(t, t0.Add(m.deadline), at, "%s: message %d", c.what, i)
			}
		}
	}
	require.Equal(t, "Heard(9)", Heard(9).String())
}

// TestRegistrationRestart: a server that has lost its state begins with a lower
// number; the answer to the new registration counts.
func TestRegistrationRestart(t *testing.T) {
	g := NewRegistration(RegistrationConfig{})
	g.Heard(t0, codec.Content, 5000, true, 10*time.Second, 0)
	h, _ := g.Heard(t0, codec.Content, 3, true, time.Minute, 0)
	require.Equal(t, HeardStale, h)
	at := g.Renew(t0, time.Second, 0.5)
	require.Equal(t, t0.Add(500*time.Millisecond), at)
	require.Equal(t, at, g.Renew(t0, time.Second, 0.5))
	register, _ := g.Due(at)
	require.True(t, register)
	require.Zero(t, g.Renew(at, time.Second, 0.5), "it is being asked already")
	h, _ = g.Heard(at, codec.Content, 3, true, time.Minute, 0)
	require.Equal(t, HeardNews, h)
	require.True(t, g.End())
	require.Zero(t, g.Renew(at, time.Second, 0))
	require.Zero(t, g.Failed(at, 0))
	register, _ = g.Due(at.Add(time.Hour))
	require.False(t, register)
}

func TestRegistrationBackOff(t *testing.T) {
	g := NewRegistration(RegistrationConfig{})
	now := t0
	for _, want := range []time.Duration{5, 10, 20, 40, 80, 160, 300, 300} {
		low := *g
		require.Equal(t, now.Add(want*time.Second/2), low.Failed(now, 0))
		at := g.Failed(now, 1)
		require.Equal(t, now.Add(want*time.Second), at)
		register, _ := g.Due(at)
		require.True(t, register)
		now = at
	}
	// Success forgets the failures.
	_, at := g.Heard(now, codec.Content, 1, true, time.Minute, 0)
	g.Due(at)
	require.Equal(t, at.Add(5*time.Second), g.Failed(at, 1))
	// A server that asks for patience gets it.
	g.Due(at.Add(5 * time.Second))
	h, next := g.Heard(at, codec.ServiceUnavailable, 0, false, time.Hour, 0)
	require.Equal(t, HeardRetry, h)
	require.Equal(t, at.Add(time.Hour), next)
}

// TestRegistrationModel: as long as it has not ended, a registration always has
// a request under way or a deadline ahead, and never registers more often than
// its times allow.
func TestRegistrationModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := NewRegistration(RegistrationConfig{})
		now, asked, renewed := t0, t0, false
		t.Repeat(map[string]func(*rapid.T){
			"heard": func(t *rapid.T) {
				code := rapid.SampledFrom([]codec.Code{codec.Content, codec.Content, codec.Valid, codec.ServiceUnavailable}).Draw(t, "code")
				g.Heard(now, code, rapid.Uint32().Draw(t, "seq"), true, time.Duration(rapid.Uint32().Draw(t, "age"))*time.Second, 0.3)
			},
			"failed": func(t *rapid.T) {
				if g.state == regAsking {
					g.Failed(now, rapid.Float64Range(0, 1).Draw(t, "r"))
				}
			},
			"renew": func(t *rapid.T) { g.Renew(now, time.Second, 0); renewed = true },
			"time": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "pause")))
				if register, _ := g.Due(now); register {
					if !renewed {
						require.GreaterOrEqual(t, now.Sub(asked), 2500*time.Millisecond)
					}
					asked, renewed = now, false
				}
			},
			"": func(t *rapid.T) {
				require.False(t, g.Ended())
				require.Equal(t, g.state == regAsking, g.Deadline() == 0)
				require.LessOrEqual(t, g.Deadline(), netio.Instant(now.Add(1<<32*time.Second)))
			},
		})
	})
}

// TestRegistrationTellsOldNewsFromAnswers: a notification that was on its way
// for long is not the answer to a registration, whatever that is doing.
func TestRegistrationTellsOldNewsFromAnswers(t *testing.T) {
	g := NewRegistration(RegistrationConfig{})
	require.False(t, g.Stale(t0, 7), "nothing has been heard")
	require.False(t, g.Overtaken(t0, 7))
	g.Heard(t0, codec.Content, 10, true, time.Second, 0)
	at := t0.Add(time.Minute)
	register, _ := g.Due(at)
	require.True(t, register)
	for _, c := range []struct {
		seq              uint32
		stale, overtaken bool
	}{{9, true, true}, {10, true, false}, {11, false, false}} {
		require.Equal(t, c.stale, g.Stale(at, c.seq), "%d", c.seq)
		require.Equal(t, c.overtaken, g.Overtaken(at, c.seq), "%d", c.seq)
	}
	require.False(t, g.Overtaken(t0.Add(129*time.Second), 9), "by now it counts as newer")
	h, _ := g.Heard(at, codec.Content, 3, true, time.Second, 0)
	require.Equal(t, HeardNews, h, "the answer of a server that has started again")
}
