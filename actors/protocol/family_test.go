package protocol

import (
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

func peerAt(text string) netio.Peer { return netio.Peer{Addr: netip.MustParseAddrPort(text)} }

func TestGather(t *testing.T) {
	g := NewGather(t0.Add(5*time.Second), 2)
	a, b, c := peerAt("[fe80::1]:5683"), peerAt("[fe80::2]:5683"), peerAt("[fe80::2]:5684")
	require.Equal(t, GatheredNew, g.Answer(t0, a))
	require.Equal(t, GatheredAgain, g.Answer(t0, a))
	require.Equal(t, GatheredNew, g.Answer(t0.Add(5*time.Second-1), b))
	require.Equal(t, GatheredTooMany, g.Answer(t0, c))
	require.Equal(t, GatheredLate, g.Answer(t0.Add(5*time.Second), c))
	require.True(t, g.Over(t0.Add(5*time.Second)))
	g.Extend(t0.Add(6 * time.Second))
	g.Extend(t0)
	require.Equal(t, t0.Add(6*time.Second), g.Deadline())
	require.Equal(t, GatheredAgain, g.Answer(t0.Add(5*time.Second), b))
	require.Equal(t, GatherStats{Responders: 2, Again: 2, TooMany: 1, Late: 1}, g.Stats())
	require.Equal(t, DefaultGatherMax, NewGather(t0, 0).max)
	for v := range Gathered(5) {
		require.NotEmpty(t, v.String())
	}

	p := Params{}.WithDefaults()
	require.Equal(t, 205*time.Second, GatherTime(&p, p.DefaultLeisure))
	require.Equal(t, 100*time.Second, GroupLeisure(100, 1000, 1000)) // the example of RFC 7252 §8.2
	require.Zero(t, GroupLeisure(100, 0, 1000))
	require.Zero(t, GroupLeisure(100, 1, math.NaN()))
	require.Equal(t, 24*time.Hour, GroupLeisure(math.MaxInt, math.MaxInt, 0))
}

// TestUnwanted: table 1 of RFC 7967 §2.1, and RFC 7252 §8.2.
func TestUnwanted(t *testing.T) {
	for _, c := range []struct {
		mask                      int // -1: no option
		multicast                 bool
		content, notFound, broken bool
	}{
		{-1, false, false, false, false},
		{-1, true, false, true, true},
		{0, false, false, false, false},
		{0, true, false, false, false}, // all are asked for
		{2, false, true, false, false},
		{8, false, false, true, false},
		{16, true, false, false, true},
		{24, false, false, true, true},
		{26, true, true, true, true},
	} {
		var o codec.Options
		if c.mask >= 0 {
			o = o.Add(codec.NoResponse(uint8(c.mask)))
		}
		for code, want := range map[codec.Code]bool{codec.Content: c.content, codec.NotFound: c.notFound, codec.InternalServerError: c.broken, codec.Empty: c.multicast && c.mask < 0} {
			require.Equal(t, want, Unwanted(o, code, c.multicast), "No-Response %d, multicast %v: %v", c.mask, c.multicast, code)
		}
	}
}

func TestNextHop(t *testing.T) {
	for _, c := range []struct {
		value []byte // nil: no option
		hops  uint8
		code  codec.Code
	}{
		{nil, 16, 0}, {[]byte{255}, 254, 0}, {[]byte{2}, 1, 0}, {[]byte{1}, 0, codec.HopLimitReached}, {[]byte{0}, 0, codec.BadRequest},
		{[]byte{}, 0, codec.BadRequest}, {[]byte{1, 2}, 0, codec.BadRequest}, {make([]byte, 9), 0, codec.BadRequest}, {[]byte{0, 2}, 1, 0},
	} {
		var o codec.Options
		if c.value != nil {
			o = o.Add(codec.OpaqueOption(codec.OptionHopLimit, c.value))
		}
		hops, code := NextHop(o)
		require.Equal(t, c.hops, hops)
		require.Equal(t, c.code, code)
		require.Equal(t, c.code == codec.BadRequest, BadHopLimit(o))
	}
}

func TestConditions(t *testing.T) {
	a, b := []byte("a"), []byte("b")
	for _, c := range []struct {
		what   string
		o      codec.Options
		exists bool
		etag   []byte
		ok     bool
	}{
		{"none", nil, false, nil, true},
		{"If-Match of what it is", codec.Options{codec.IfMatch(a)}, true, a, true},
		{"If-Match of what it was", codec.Options{codec.IfMatch(a)}, true, b, false},
		{"one of several", codec.Options{codec.IfMatch(a), codec.IfMatch(b)}, true, b, true},
		{"If-Match of what is gone", codec.Options{codec.IfMatch(a)}, false, nil, false},
		{"empty If-Match: it exists", codec.Options{codec.IfMatch(nil)}, true, nil, true},
		{"empty If-Match: it does not", codec.Options{codec.IfMatch(nil)}, false, nil, false},
		{"If-None-Match: it exists", codec.Options{codec.IfNoneMatch()}, true, a, false},
		{"If-None-Match: it does not", codec.Options{codec.IfNoneMatch()}, false, nil, true},
		{"both", codec.Options{codec.IfMatch(a), codec.IfNoneMatch()}, true, a, false},
	} {
		want := codec.PreconditionFailed
		if c.ok {
			want = 0
		}
		require.Equal(t, want, CheckConditions(c.o, c.exists, c.etag), c.what)
	}
	require.True(t, Revalidates(codec.Options{codec.ETag(b), codec.ETag(a)}, a))
	require.False(t, Revalidates(codec.Options{codec.ETag(b)}, a))
	require.False(t, Revalidates(nil, a))
	require.False(t, Revalidates(codec.Options{codec.OpaqueOption(codec.OptionETag, nil)}, nil))
}

func TestMaxAge(t *testing.T) {
	require.Equal(t, time.Minute, MaxAge(nil))
	require.Zero(t, MaxAge(codec.Options{codec.MaxAge(0)}))
	require.Equal(t, (1<<32-1)*time.Second, MaxAge(codec.Options{codec.MaxAge(math.MaxUint32)}))
	require.Equal(t, t0.Add(10*time.Second), FreshUntil(t0, codec.Options{codec.MaxAge(10)}))

	for _, code := range []codec.Code{codec.TooManyRequests, codec.ServiceUnavailable} {
		d, ok := RetryAfter(code, codec.Options{codec.MaxAge(7)})
		require.True(t, ok)
		require.Equal(t, 7*time.Second, d)
	}
	_, ok := RetryAfter(codec.InternalServerError, nil)
	require.False(t, ok)

	var p Patience
	_, ok = p.Until(t0)
	require.True(t, ok)
	p.Heard(t0, codec.TooManyRequests, codec.Options{codec.MaxAge(7)})
	p.Heard(t0, codec.TooManyRequests, codec.Options{codec.MaxAge(1)})
	p.Heard(t0, codec.Content, codec.Options{codec.MaxAge(100)})
	at, ok := p.Until(t0.Add(7*time.Second - 1))
	require.False(t, ok)
	require.Equal(t, t0.Add(7*time.Second), at)
	_, ok = p.Until(at)
	require.True(t, ok)
}

func TestRate(t *testing.T) {
	var r Rate
	for range 3 {
		_, ok := r.Allow(t0, time.Second, 3)
		require.True(t, ok)
	}
	after, ok := r.Allow(t0, time.Second, 3)
	require.False(t, ok)
	require.Equal(t, time.Second, after)
	_, ok = r.Allow(t0.Add(time.Second), time.Second, 3)
	require.True(t, ok)
	_, ok = r.Allow(t0.Add(time.Second), time.Second, 3)
	require.False(t, ok)

	rapid.Check(t, func(t *rapid.T) {
		var r Rate
		interval, burst := time.Second, rapid.IntRange(1, 5).Draw(t, "burst")
		now, n := t0, 0
		for range 100 {
			if _, ok := r.Allow(now, interval, burst); ok {
				n++
			}
			require.LessOrEqual(t, n, burst+int(now.Sub(t0)/interval))
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(time.Second)).Draw(t, "pause")))
		}
	})
}

func TestEcho(t *testing.T) {
	e := NewEcho([]byte("0123456789abcdef"), 10*time.Second)
	client := peerAt("192.0.2.1:5683")
	value := e.Append(nil, t0, client)
	require.Len(t, value, 16)
	require.LessOrEqual(t, len(value), 40) // RFC 9175 §2.2.1
	age, ok := e.Verify(t0.Add(3*time.Second), client, value)
	require.True(t, ok)
	require.Equal(t, 3*time.Second, age)
	_, ok = e.Verify(t0.Add(10*time.Second), client, value)
	require.True(t, ok)
	age, ok = e.Verify(t0.Add(10*time.Second+1), client, value)
	require.False(t, ok, "too old")
	require.Equal(t, 10*time.Second+1, age)
	_, ok = e.Verify(t0-1, client, value)
	require.False(t, ok, "from the future")

	for _, other := range []netio.Peer{peerAt("192.0.2.2:5683"), peerAt("192.0.2.1:5684"), {Addr: client.Addr, Session: 1}} {
		_, ok = e.Verify(t0, other, value)
		require.False(t, ok, "of another client")
	}
	for i := range 8 * len(value) {
		value[i/8] ^= 1 << (i % 8)
		_, ok = e.Verify(t0.Add(time.Second), client, value)
		require.False(t, ok, "bit %d", i)
		value[i/8] ^= 1 << (i % 8)
	}
	for n := range len(value) {
		_, ok = e.Verify(t0, client, value[:n])
		require.False(t, ok)
	}
	_, ok = NewEcho([]byte("another secret 0"), 0).Verify(t0, client, value)
	require.False(t, ok)
	require.Equal(t, DefaultEchoWindow, NewEcho([]byte("x"), 0).window)
	buf := make([]byte, 0, 16)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		buf = e.Append(buf[:0], t0, client)
		e.Verify(t0, client, buf)
	}))

	got, ok := EchoAsked(codec.Unauthorized, codec.Options{codec.Echo([]byte("v"))})
	require.True(t, ok)
	require.Equal(t, "v", string(got))
	_, ok = EchoAsked(codec.Unauthorized, nil)
	require.False(t, ok)
	_, ok = EchoAsked(codec.Forbidden, codec.Options{codec.Echo([]byte("v"))})
	require.False(t, ok)
}

func TestAmplification(t *testing.T) {
	var a Amplification
	require.True(t, a.Allow(t0, 136))
	require.False(t, a.Allow(t0, 137))
	a.Received(20)
	require.True(t, a.Allow(t0, 136))
	a.Received(80)
	require.True(t, a.Allow(t0, 300))
	require.False(t, a.Allow(t0, 301))
	a.Sent(200)
	require.True(t, a.Allow(t0, 100))
	require.False(t, a.Allow(t0, 101))
	a.Prove(t0, time.Minute)
	require.True(t, a.Proven(t0))
	require.True(t, a.Allow(t0, 1<<30))
	require.False(t, a.Allow(t0.Add(time.Minute), 1<<30))
	require.False(t, a.Proven(t0.Add(time.Minute)))
}
