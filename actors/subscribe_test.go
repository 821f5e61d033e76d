package actors

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/rules"
)

// follower is a subscription whose notifications are taken one by one.
type follower struct {
	t  *testing.T
	o  *Observation
	ch chan followed
}

type followed struct {
	n   *Notification
	err error
}

func follow(t *testing.T, n *Node, s Subscription) *follower {
	f := &follower{t: t, ch: make(chan followed, 1000)}
	f.o = n.SubscribeFunc(s, func(n *Notification, err error) { f.ch <- followed{n, err} })
	t.Cleanup(f.o.Cancel)
	return f
}

// next expects a notification.
func (f *follower) next(payload string, reason Reason, at Side) *Notification {
	f.t.Helper()
	x := <-f.ch
	require.NoError(f.t, x.err)
	require.Equal(f.t, payload, string(x.n.Payload))
	require.Equal(f.t, reason, x.n.Reason)
	require.Equal(f.t, at, x.n.FiltersAt)
	return x.n
}

func to8(uri, rule string) Subscription {
	return Subscription{Request: Request{URI: uri}, Rule: rule}
}

func TestSubscribeWithARule(t *testing.T) {
	srv, cli := startNode(t, Config{Observe: unpaced}), startNode(t, Config{})
	x := serveNumber(t, srv, "/x", Resource{Queue: 100})
	x.set(t, 10)
	hot := follow(t, cli, to8(srv.URI("/x"), "> 20"))
	n := hot.next("10", ReasonFirst, Publisher)
	age, ok := n.Options.Uint(codec.OptionMaxAge)
	require.True(t, ok)
	require.EqualValues(t, 3600, age)
	digest, _ := n.Options.Get(codec.OptionRule)
	sum := sha256.Sum256([]byte("> 20"))
	require.Equal(t, sum[:4], digest)
	require.True(t, n.Options.Has(codec.OptionNotification))
	compact := to8(srv.URI("/x"), "delta >= 5; pmax=1h")
	compact.Compact, compact.QoS = true, 1
	moved := follow(t, cli, compact)
	moved.next("10", ReasonFirst, Publisher)
	for _, v := range []int{11, 25, 20, 21} {
		x.set(t, v)
	}
	hot.next("25", ReasonSelected, Publisher)
	hot.next("21", ReasonSelected, Publisher)
	require.True(t, moved.next("25", ReasonSelected, Publisher).Confirmable)
	require.True(t, moved.next("20", ReasonSelected, Publisher).Confirmable)
	s := srv.Stats().Observe
	require.Equal(t, 2, s.Subscribers)
	require.EqualValues(t, 4, s.Samples)
	require.EqualValues(t, 4, s.Selected)
	require.Zero(t, s.Unevaluated)
	hot.o.Cancel()
	require.ErrorIs(t, (<-hot.ch).err, ErrCanceled)
	require.NoError(t, x.route.Publish(errors.New("broken")))
	end := <-moved.ch
	requireCode(t, end.err, codec.InternalServerError)
	require.Equal(t, ReasonFinal, end.n.Reason)
	eventually(t, func() bool { s := srv.Stats().Observe; return s.Observers == 0 && s.Subscribers == 0 }, "nobody is left")
	require.Empty(t, hot.ch)
}

// TestSubscribeLoop: the iterator, and what ends it.
func TestSubscribeLoop(t *testing.T) {
	srv, cli := startNode(t, Config{Observe: unpaced}), startNode(t, Config{})
	x := serveNumber(t, srv, "/x", Resource{})
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	var err error
	seen := 0
	for n, e := range cli.Subscribe(ctx, srv.URI("/x"), "> 20") {
		if err = e; err != nil {
			break
		}
		if seen++; seen == 1 {
			x.set(t, 30)
		} else {
			require.Equal(t, "30", string(n.Payload))
			cancel(errors.New("enough"))
		}
	}
	require.ErrorContains(t, err, "enough")
	eventually(t, func() bool { return srv.Stats().Observe.Observers == 0 }, "unsubscribed")
	for _, bad := range []Subscription{{Rule: "> >"}, {QoS: 2}, {Lease: -1}, {Queue: -1}} {
		bad.URI = srv.URI("/x")
		for _, err = range cli.SubscribeWith(t.Context(), bad) {
			require.Error(t, err)
		}
	}
	var se *rules.SyntaxError
	for _, err = range cli.Subscribe(t.Context(), srv.URI("/x"), "value >") {
	}
	require.ErrorAs(t, err, &se)
}

// TestSubscribeThroughAnIgnorantProxy: the rule is evaluated here where somebody
// on the way refuses to forward it.
func TestSubscribeThroughAnIgnorantProxy(t *testing.T) {
	for _, code := range []codec.Code{codec.BadOption, codec.BadGateway} {
		srv, cli := startNode(t, Config{Observe: unpaced}), startNode(t, Config{})
		x := &numbered{}
		x.route = handle(t, srv, "/x", Resource{Observable: true, Queue: 100, Get: func(ctx context.Context, r *Request) (*Response, error) {
			if r.Options.Has(codec.OptionRule) {
				return nil, &CodeError{Code: code}
			}
			return x.get(ctx, r)
		}})
		f := follow(t, cli, to8(srv.URI("/x"), "> 20"))
		f.next("0", ReasonFirst, Subscriber)
		for _, v := range []int{10, 21, 20, 22} {
			x.set(t, v)
		}
		f.next("21", ReasonSelected, Subscriber)
		f.next("22", ReasonSelected, Subscriber)
		require.Zero(t, srv.Stats().Observe.Subscribers)
		require.EqualValues(t, 3, cli.Stats().Observe.Received)
	}
}

// blind is a transport that does not let options 400 and 410 through: what is
// behind it is a server of RFC 7641 alone.
type blind struct{ netio.Transport }

func (b blind) Start(r netio.Receiver) error {
	pass := r.Datagrams
	r.Datagrams = func(ds []netio.Datagram) {
		for i := range ds {
			var m codec.Message
			if m.Parse(ds[i].Data) == nil && m.Options.Has(codec.OptionRule) {
				m.Options = m.Options.Clone().Remove(codec.OptionRule).Remove(codec.OptionNotification)
				ds[i].Data, _ = m.Append(nil)
			}
		}
		pass(ds)
	}
	return b.Transport.Start(r)
}

func TestSubscribeToAPlainServer(t *testing.T) {
	srv := startNode(t, Config{Observe: unpaced, Open: func() (netio.Transport, error) {
		tr, err := openUDP(&Config{Listen: []string{"127.0.0.1:0"}})
		return blind{tr}, err
	}})
	cli := startNode(t, Config{})
	x := serveNumber(t, srv, "/x", Resource{Queue: 100})
	f := follow(t, cli, to8(srv.URI("/x"), "rising(> 20) or falling(> 20)"))
	late := follow(t, cli, to8(srv.URI("/x"), "> 20; pmin=100ms"))
	f.next("0", ReasonFirst, Subscriber)
	late.next("0", ReasonFirst, Subscriber)
	for _, v := range []int{10, 21, 22, 23, 5} {
		x.set(t, v)
	}
	f.next("21", ReasonSelected, Subscriber)
	f.next("5", ReasonSelected, Subscriber)
	require.Subset(t, []string{"21", "22", "23"}, []string{string((<-late.ch).n.Payload)}) // as the clock has it
}

// TestResume: who has proved who it is goes on with its subscription at another
// address; nobody else does.
func TestResumeByNumber(t *testing.T) {
	for _, known := range []bool{true, false} {
		srv := startNode(t, Config{Observe: unpaced})
		if known {
			srv.identify = func(netio.Peer) (string, bool) { return "the same", true }
		}
		require.False(t, startNode(t, Config{}).same(&peerEntry{}, &peerEntry{}), "plain UDP proves nothing")
		x := serveNumber(t, srv, "/x", Resource{Queue: 100})
		old, moved := startNode(t, Config{}), startNode(t, Config{})
		f := follow(t, old, to8(srv.URI("/x"), "delta >= 10"))
		n := f.next("0", ReasonFirst, Publisher)
		number, _ := n.Options.Uint(codec.OptionNotification)
		x.set(t, 12)
		f.next("12", ReasonSelected, Publisher)
		x.set(t, 14)
		resume := to8(srv.URI("/x"), "delta >= 10")
		resume.Options = codec.Options{codec.UintOption(codec.OptionNotification, number)}
		g := follow(t, moved, resume)
		n = g.next("14", ReasonFirst, Publisher)
		got, _ := n.Options.Uint(codec.OptionNotification)
		require.Equal(t, known, got == number)
		x.set(t, 22) // 10 from what was selected last, 8 from what was told at first
		x.set(t, 40)
		if known {
			g.next("22", ReasonSelected, Publisher)
			require.Equal(t, 1, srv.Stats().Observe.Observers)
		} else {
			g.next("40", ReasonSelected, Publisher)
			require.Equal(t, 2, srv.Stats().Observe.Observers)
		}
	}
}

// TestSubscribeOnTheWire: the bytes of a subscription, its answer, a notification,
// and what is said to a rule that is wrong.
func TestSubscribeOnTheWire(t *testing.T) {
	mem := &recording{}
	n := startNode(t, Config{Open: func() (netio.Transport, error) { return mem, nil }})
	route := handle(t, n, "/x", Resource{Observable: true, Inline: true, Get: text("10")})
	said := func(want string) {
		t.Helper()
		require.Regexp(t, "^"+strings.ReplaceAll(want, " ", "")+"$", hex.EncodeToString(mem.take(t)))
	}
	for _, c := range []struct{ what, request, answer string }{
		{
			`CON GET, token 42, Observe 0, Uri-Path "x", option 410 "> 20"`,
			"41011234 42 60 5178 e40082 3e203230",
			// 2.05, Observe, text/plain, Max-Age 3600, 400 with the number, 410
			// with the hash, "10"
			"61451234 42 63...... 60 220e10 e[1-4]0075(..){1,4} a4774dd00a ff 3130",
		},
		{
			`the compact form of the same`,
			"41011235 43 60 5178 e40082 01019429",
			"61451235 43 63...... 60 220e10 e[1-4]0075(..){1,4} a4........ ff 3130",
		},
		{
			`"> or  ": 4.00, "rule: col 3: …"`,
			"41011236 44 60 5178 e60082 3e206f722020",
			"61801236 44 ff 72756c653a20636f6c20333a20.*",
		},
		{
			`?c.gt=warm: 4.00, "c.gt: …"`,
			"41011237 45 60 5178 49632e67743d7761726d",
			"61801237 45 ff 632e67743a20.*",
		},
	} {
		b, err := hex.DecodeString(strings.ReplaceAll(c.request, " ", ""))
		require.NoError(t, err, c.what)
		mem.recv.Datagrams([]netio.Datagram{{Data: b, Peer: netio.Peer{Addr: netip.MustParseAddrPort("127.0.0.2:5683")}}})
		said(c.answer)
	}
	require.NoError(t, route.Publish("25"))
	said("4145.... 42 63...... 60 ff 3235") // CON 2.05, Observe, text/plain, "25"
}

// TestTurnsAreShort: however many rules there are, and however costly, a turn
// does so many evaluations and no more.
func TestTurnsAreShort(t *testing.T) {
	const peers = 3*maxRulePart + 100
	env, clock := *SystemEnv(), newStillClock()
	env.Clock = clock
	n, route, mem := subscribed(t, &env, peers, Resource{Queue: 10}, func(i int) string {
		return "value > " + strconv.Itoa(i) + "; epmin=1ms" // looked at with every sample
	})
	const samples = 5
	for i := range samples {
		clock.advance(time.Millisecond)
		require.NoError(t, route.Publish(strconv.Itoa(peers+i)))
		settle(n)
		require.EqualValues(t, i+1, n.Stats().Observe.Samples)
		require.EqualValues(t, peers*(i+1), n.Stats().Observe.Selected)
	}
	mem.drive(0)
	done := make(chan int)
	n.soon(func() { done <- n.shard.obs.longest })
	longest := <-done
	t.Logf("%d rules, longest turn: %d", peers, longest)
	require.LessOrEqual(t, longest, evaluateAtOnce+2*maxRulePart+1)
	require.Greater(t, longest, maxRulePart)
}

// TestManyRulesOfOnePeer: beyond the bound they are refused with a diagnostic,
// and cost nothing that stays.
func TestManyRulesOfOnePeer(t *testing.T) {
	srv, cli := startNode(t, Config{}), startNode(t, Config{})
	x := serveNumber(t, srv, "/x", Resource{})
	refused := 0
	for i := range 1000 {
		_, err := cli.Do(t.Context(), Request{URI: srv.URI("/x"), Options: codec.Options{codec.Observe(0), codec.OpaqueOption(codec.OptionRule, []byte("> "+strconv.Itoa(i)))}})
		if err != nil {
			require.Contains(t, requireCode(t, err, codec.TooManyRequests).Diagnostic, "too many rules")
			refused++
		}
	}
	require.Equal(t, 1000-64, refused)
	require.Equal(t, 64, srv.Stats().Observe.Subscribers)
	x.route.Forget()
	eventually(t, func() bool { return srv.Stats().Observe.Subscribers == 0 }, "forgotten")
	_, err := cli.Do(t.Context(), Request{URI: srv.URI("/x"), Options: codec.Options{codec.Observe(0), codec.OpaqueOption(codec.OptionRule, []byte("> 1"))}})
	require.NoError(t, err)
}

// TestHostileSamples: what is published may be anything; rules find no fields in
// it, and go on.
func TestHostileSamples(t *testing.T) {
	srv, cli := startNode(t, Config{Observe: unpaced}), startNode(t, Config{})
	bomb := bytes.Repeat([]byte("["), 1<<20)
	for i, c := range []struct {
		format codec.Format
		bad    [][]byte
		good   string
	}{
		{codec.TextPlain, [][]byte{bomb, {0xff}}, "21"},
		{codec.JSON, [][]byte{bomb, []byte(`{"value":`), []byte(`{"value":1,"value":30}`)}, `{"value":21}`},
		{codec.CBOR, [][]byte{bytes.Repeat([]byte{0x81}, 1<<20), {0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}, "\x15"},
	} {
		path := "/" + strconv.Itoa(i)
		route := handle(t, srv, path, Resource{Observable: true, Queue: 100, Get: func(context.Context, *Request) (*Response, error) {
			return Bytes(c.format, []byte("0"))
		}})
		f := follow(t, cli, to8(srv.URI(path), "value > 20"))
		f.next("0", ReasonFirst, Publisher)
		for _, b := range append(c.bad, []byte(c.good)) {
			res, err := Bytes(c.format, b)
			require.NoError(t, err)
			require.NoError(t, route.Publish(res))
		}
		f.next(c.good, ReasonSelected, Publisher)
	}
}

// recording is a transport in memory that keeps what is sent.
type recording struct {
	memory
	mu  sync.Mutex
	out [][]byte
}

func (r *recording) WriteBatch(ds []netio.Datagram) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range ds {
		r.out = append(r.out, bytes.Clone(d.Data))
	}
	return len(ds), nil
}

func (r *recording) take(t *testing.T) (b []byte) {
	eventually(t, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.out) == 0 {
			return false
		}
		b, r.out = r.out[0], r.out[1:]
		return true
	}, "something is sent")
	return b
}
