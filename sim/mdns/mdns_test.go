package mdns

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/sim"
)

var addrs = []netip.Addr{netip.MustParseAddr("10.0.0.7"), netip.MustParseAddr("fe80::7")}

// TestSizes: messages have the size that they have on the wire, name compression
// included, counted by hand from RFC 1035 §4.1.
func TestSizes(t *testing.T) {
	avahi, hashicorp := Avahi(), Hashicorp()
	i := Instance{Name: "s7", Subtypes: []string{"hum"}, TXT: []string{"path=/hum"}, Addr: addrs, Service: 5683}
	const head, name, fields = 12, 18, 10 // _coap._udp.local. in full; type, class, TTL, length
	ptr := name + fields + 1 + 2 + 2      // its instance is a label and a pointer
	srv := 2 + fields + 6 + 3 + 8         // s7.local. in full: RFC 2782 wants no compression
	txt := 2 + fields + 10
	v4, v6 := 2+fields+4, 2+fields+16
	for _, x := range []struct {
		name string
		p    Profile
		q    Question
		want int
		slop int // what a pointer more or less makes
	}{
		{"everything", avahi, Question{}, head + ptr + srv + txt + v4 + v6, 8},
		{"the same in the answer section", hashicorp, Question{}, head + ptr + srv + txt + v4 + v6, 8},
		{"a subtype", avahi, Question{Subtype: "hum"}, head + ptr + 10 + srv + txt + v4 + v6, 8},
		{"a host", avahi, Question{Host: "s7"}, head + 10 + fields + 4 + v6, 0},
	} {
		msg, err := i.response(&x.p, &x.q)
		require.NoError(t, err)
		require.InDelta(t, x.want, len(msg), float64(x.slop), x.name)
		var m dnsmessage.Message
		require.NoError(t, m.Unpack(msg))
		require.True(t, m.Response && m.Authoritative)
		records := map[dnsmessage.Type]int{}
		for _, r := range append(append([]dnsmessage.Resource{}, m.Answers...), m.Additionals...) {
			records[r.Header.Type]++
			require.Equal(t, r.Header.Type != dnsmessage.TypePTR, r.Header.Class&flush != 0, "unique records replace others")
		}
		require.Equal(t, 1, records[dnsmessage.TypeA])
		require.Equal(t, 1, records[dnsmessage.TypeAAAA])
		if x.q.Host == "" {
			require.Equal(t, map[dnsmessage.Type]int{dnsmessage.TypePTR: 1, dnsmessage.TypeSRV: 1, dnsmessage.TypeTXT: 1, dnsmessage.TypeA: 1, dnsmessage.TypeAAAA: 1}, records)
			require.Len(t, m.Answers, map[bool]int{true: 1, false: 5}[x.p.Selective])
		}
		h, err := parse(msg)
		require.NoError(t, err)
		require.Equal(t, []string{"s7"}, h.instances)
	}

	msg, done, err := question(&avahi, &Question{}, true, nil)
	require.NoError(t, err)
	require.Zero(t, done)
	require.Len(t, msg, head+name+4)
	var m dnsmessage.Message
	require.NoError(t, m.Unpack(msg))
	require.Equal(t, dnsmessage.ClassINET, m.Questions[0].Class)
	unicast := Avahi()
	unicast.Unicast = true
	msg, _, err = question(&unicast, &Question{Subtype: "hum"}, true, nil)
	require.NoError(t, err)
	require.NoError(t, m.Unpack(msg))
	require.Equal(t, "_hum._sub._coap._udp.local.", m.Questions[0].Name.String())
	require.Equal(t, dnsmessage.ClassINET|flush, m.Questions[0].Class)
}

// TestKnownAnswers: they take as many messages as they need, none longer than
// may be, all but the last truncated, and every one is in them.
func TestKnownAnswers(t *testing.T) {
	p := Avahi()
	for _, n := range []int{0, 1, 80, 81, 82, 83, 1000} {
		var names []string
		for i := range n {
			names = append(names, fmt.Sprint("sensor", i))
		}
		known, seen, messages := names, []string(nil), 0
		for first := true; first || len(known) > 0; first = false {
			msg, done, err := question(&p, &Question{}, first, known)
			require.NoError(t, err)
			require.LessOrEqual(t, len(msg), p.message())
			known = known[done:]
			messages++
			h, err := parse(msg)
			require.NoError(t, err)
			require.Equal(t, first, h.asks)
			seen = append(seen, h.instances...)
			var m dnsmessage.Message
			require.NoError(t, m.Unpack(msg))
			require.Equal(t, len(known) > 0, m.Truncated)
			if len(known) > 0 {
				require.Greater(t, len(msg), p.message()-26, "it is full")
			}
		}
		require.Equal(t, names, seen)
		require.InDelta(t, max(1, float64(n)*24.5/1440), messages, 1, n)
	}
	_, _, err := question(&p, &Question{Host: strings.Repeat("x", 260)}, true, nil)
	require.ErrorContains(t, err, "mdns: ")
	_, err = parse([]byte{1, 2})
	require.Error(t, err)
}

// house has a querier and responders s0, s1, …, the even ones with the subtype.
type house struct {
	w         *sim.World
	q         *Querier
	found     map[string]int
	last      time.Duration
	questions []time.Duration // when they were sent
	responses []time.Duration
	down      map[string]bool
}

func newHouse(t *testing.T, p Profile, n int, link sim.Link) *house {
	h := &house{w: sim.New(3), found: map[string]int{}, down: map[string]bool{}}
	t.Cleanup(h.w.Close)
	require.NoError(t, h.w.Link("", "", link))
	peer := func(name string) *sim.Peer {
		x, err := h.w.Peer(name, fmt.Sprintf(":%d", Port))
		require.NoError(t, err)
		require.NoError(t, h.w.Join(name, Group().Addr()))
		return x
	}
	h.q = NewQuerier(h.w, peer("client"), &p)
	h.q.OnFound = func(name string) { h.found[name]++; h.last = h.w.Elapsed() }
	ear := &Ear{}
	for i := range n {
		name := fmt.Sprint("s", i)
		x := Instance{Name: name, Addr: addrs, Service: 5683}
		if i%2 == 0 {
			x.Subtypes = []string{"hum"}
		}
		NewResponder(h.w, peer(name), &p, x, rand.New(rand.NewPCG(1, uint64(i))), ear).Silent = func() bool { return h.down[name] }
	}
	h.w.Watch(func(x *sim.Transit) {
		switch {
		case x.Kind != sim.TransitSent:
		case x.From == "client":
			h.questions = append(h.questions, h.w.Elapsed())
		default:
			h.responses = append(h.responses, h.w.Elapsed())
		}
	})
	return h
}

func TestAvahi(t *testing.T) {
	h := newHouse(t, Avahi(), 200, sim.Link{})
	stop := h.q.Browse(Question{})
	h.w.RunFor(8 * time.Second)
	require.Len(t, h.found, 200)
	var rounds []time.Duration // of those that came with the same question, the first
	for _, at := range h.questions {
		if len(rounds) == 0 || at > rounds[len(rounds)-1] {
			rounds = append(rounds, at)
		}
	}
	const ms = time.Millisecond
	require.Equal(t, []time.Duration{100 * ms, 1100 * ms, 3100 * ms, 7100 * ms}, rounds)
	require.Len(t, h.questions, 1+3*3, "200 known answers take three messages")
	require.Len(t, h.responses, 200, "who knows does not ask again")
	var mean time.Duration
	for _, at := range h.responses {
		require.GreaterOrEqual(t, at, 120*ms)
		require.LessOrEqual(t, at, 220*ms)
		mean += at / 200
	}
	require.InDelta(t, 170, mean.Milliseconds(), 8)
	stop()
	sent := len(h.questions)
	h.w.RunFor(time.Minute)
	require.Len(t, h.questions, sent)

	// What is known is found at once the next time; another question is another.
	h.found = map[string]int{}
	h.q.Browse(Question{})
	require.Len(t, h.found, 200)
	h.found = map[string]int{}
	h.q.Browse(Question{Subtype: "hum"})
	h.w.RunFor(time.Second)
	require.Len(t, h.found, 100)
	h.found, h.responses = map[string]int{}, nil
	asked := h.w.Elapsed()
	h.q.Browse(Question{Host: "s17"})
	h.w.RunFor(time.Second)
	require.Equal(t, map[string]int{"s17": 1}, h.found)
	require.Equal(t, []time.Duration{asked + 100*ms}, h.responses, "a unique record waits for nobody")
}

// TestAvahiWithLoss: what was lost is found by the questions that come after, and
// only that is sent again.
func TestAvahiWithLoss(t *testing.T) {
	h := newHouse(t, Avahi(), 100, sim.Link{Loss: 0.2})
	h.down["s5"] = true
	h.q.Browse(Question{})
	h.w.RunFor(20 * time.Second)
	require.Len(t, h.found, 99)
	require.Greater(t, len(h.responses), 99)
	require.Less(t, len(h.responses), 200)
}

func TestHashicorp(t *testing.T) {
	h := newHouse(t, Hashicorp(), 50, sim.Link{Latency: 10 * time.Millisecond})
	h.q.Browse(Question{Subtype: "hum"}) // which it does not have: all answer
	h.w.RunFor(10 * time.Second)
	require.Len(t, h.found, 50)
	require.Equal(t, []time.Duration{0}, h.questions)
	for _, at := range h.responses {
		require.Equal(t, 10*time.Millisecond, at)
	}
	slow := newHouse(t, Hashicorp(), 5, sim.Link{Latency: 501 * time.Millisecond})
	slow.q.Browse(Question{})
	slow.w.RunFor(10 * time.Second)
	require.Len(t, slow.responses, 5)
	require.Empty(t, slow.found, "it has gone after a second")
}

// TestNonsense: what is no message of theirs changes nothing.
func TestNonsense(t *testing.T) {
	h := newHouse(t, Avahi(), 3, sim.Link{})
	h.q.Browse(Question{})
	x, err := h.w.Peer("x")
	require.NoError(t, err)
	for _, b := range [][]byte{nil, {1}, []byte(strings.Repeat("\xff", 40))} {
		require.NoError(t, x.Send(Group(), b))
		require.NoError(t, x.Send(h.w.Addr("client"), b))
	}
	h.w.RunFor(time.Second)
	require.Len(t, h.found, 3)
	h.q.receive(netio.Datagram{Err: netio.ErrTransient})
}

func FuzzParse(f *testing.F) {
	p := Avahi()
	i := Instance{Name: "s7", Addr: addrs, Service: 5683}
	a, err := i.response(&p, &Question{})
	require.NoError(f, err)
	b, _, err := question(&p, &Question{Subtype: "hum"}, true, []string{"a", "b"})
	require.NoError(f, err)
	f.Add(a)
	f.Add(b)
	f.Fuzz(func(_ *testing.T, data []byte) {
		h, err := parse(data)
		if err == nil {
			h.knows("s7")
		}
	})
}
