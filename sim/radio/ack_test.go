package radio_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/sim/radio"
)

// posting is a datagram that is sent at a time, in µs; to all if to is below 0.
type posting struct{ at, from, to, size int }

// post sends datagrams, and returns what became of them within a second: who had
// what when, and when it was over with which loss.
func post(a *radio.Air, c *hand, list ...posting) (heard, over string) {
	var got, ends []string
	for _, s := range list {
		h := unicast(s.from, max(s.to, radio.Everyone))
		c.AfterFunc(time.Duration(s.at)*µs, func() {
			a.Send(&radio.Datagram{Header: h, Size: s.size,
				Heard: func(i int) { got = append(got, fmt.Sprintf("%d@%d", i, c.now.Sub(0)/µs)) },
				Done:  func(l radio.Loss) { ends = append(ends, fmt.Sprintf("%d@%d", l, c.now.Sub(0)/µs)) }})
		})
	}
	c.run(c.now.Add(time.Second))
	return strings.Join(got, " "), strings.Join(ends, " ")
}

// TestAcks: a frame of 20 bytes takes 832 µs, 192 µs later an acknowledgement
// begins, which takes (5 + 6) · 32 = 352 µs. Whoever waits for 864 µs in vain sends
// again. Nobody listens before he sends.
func TestAcks(t *testing.T) {
	for _, x := range []struct {
		name        string
		topology    *radio.Topology
		posts       []posting
		heard, over string
		stats       radio.Stats
	}{
		{"one", full(t, 2), []posting{{0, 0, 1, 0}}, "1@832", "0@1376", radio.Stats{Frames: 1, Acks: 1}},
		{"for all: a byte more, and none", full(t, 2), []posting{{0, 0, -1, 0}}, "1@864", "0@864", radio.Stats{Frames: 1}},
		{"two, and a gap of 640 after the acknowledgement", full(t, 2), []posting{{0, 0, 1, 0}, {0, 0, 1, 0}}, "1@832 1@2848", "0@1376 0@3392", radio.Stats{Frames: 2, Acks: 2}},
		{"fragments of 120 and 28 bytes: 4032 + 544 + 640 + 1088", full(t, 2), []posting{{0, 0, 1, 108}}, "1@6304", "0@6848", radio.Stats{Frames: 2, Acks: 2}},
		// 1 does not get the acknowledgement (1024-1376) of 2, for 0 sends from 1100
		// to 1964. At 1696 it sends again, 2 knows the frame and acknowledges it
		// until 2528 + 544. The frame of 0 is lost at 1.
		{"an acknowledgement is lost", chain(t, 3), []posting{{0, 1, 2, 0}, {1100, 0, -1, 0}}, "2@832", "1@1964 0@3072", radio.Stats{Frames: 3, Acks: 2, Retries: 1, Collisions: 2}},
		// They begin at 0, 1696, 3392 and 5088.
		{"hidden nodes that do not listen", chain(t, 3), []posting{{0, 0, 1, 0}, {0, 2, 1, 0}}, "", "1@6784 1@6784", radio.Stats{Frames: 8, Retries: 6, GivenUp: 2, Collisions: 8}},
		// The frames of 0 are on the air from 0, 1696, 3392 and 5088 on, those of 2
		// (1024 µs) from 500, 2388, 4276 and 6164: only the last is alone.
		{"hidden nodes, one of them in the end", chain(t, 3), []posting{{0, 0, 1, 0}, {500, 2, 1, 6}}, "1@7188", "1@6784 0@7732", radio.Stats{Frames: 8, Acks: 1, Retries: 6, GivenUp: 1, Collisions: 7}},
		// 1 has to acknowledge until 1376 what 0 sends, before it sends itself.
		{"an acknowledgement goes first", chain(t, 3), []posting{{0, 0, 1, 0}, {900, 1, 2, 0}}, "1@832 2@2208", "0@1376 0@2752", radio.Stats{Frames: 2, Acks: 2}},
	} {
		t.Run(x.name, func(t *testing.T) {
			a, c := newAir(t, radio.Config{Topology: x.topology, Access: radio.NoAccess})
			heard, over := post(a, c, x.posts...)
			require.Equal(t, x.heard, heard)
			require.Equal(t, x.over, over)
			require.Equal(t, x.stats, a.Stats())
		})
	}
}

// TestAckEnergy: acknowledgements cost who sends them and all who hear them.
func TestAckEnergy(t *testing.T) {
	a, c := newAir(t, radio.Config{Topology: chain(t, 4), Access: radio.NoAccess})
	post(a, c, posting{0, 0, 1, 0})
	for i, want := range []radio.Energy{{Sending: 832 * µs, Receiving: 352 * µs}, {Sending: 352 * µs, Receiving: 832 * µs}, {Receiving: 352 * µs}, {}} {
		want.Idle = time.Second - want.Sending - want.Receiving
		require.Equal(t, want, a.Energy(i), i)
	}
	require.Equal(t, 18_374, int(a.Energy(1).SendNJ()))    // 17.4 mA · 3 V · 352 µs = 18.3744 µJ
	require.Equal(t, 19_852, int(a.Energy(0).ReceiveNJ())) // 18.8 mA · 3 V · 352 µs = 19.8528 µJ
}

// TestAckAccess: an acknowledgement comes without listening, so who listens between
// a frame and its acknowledgement hears nothing and hits it.
func TestAckAccess(t *testing.T) {
	// 0 listens until 128, and sends from 320 to 1152; the acknowledgement takes
	// from 1344 to 1696. 2 listens from 1152 to 1280 and hits it from 1472 to 2336,
	// which 1 does not hear from the beginning. 0 listens again at 2016, 2144, 2272
	// and 2400, and sends from 2720 to 3552.
	a, c := newAir(t, radio.Config{Topology: full(t, 3), MinBE: -1, MaxBE: -1})
	heard, over := post(a, c, posting{0, 0, 1, 0}, posting{1152, 2, -1, 0})
	require.Equal(t, "1@1152", heard)
	require.Equal(t, "1@2336 0@4096", over)
	require.Equal(t, radio.Stats{Frames: 3, Collisions: 2, Assessments: 6, Busy: 3, Acks: 2, Retries: 1}, a.Stats())

	// 65 µs later it hears the acknowledgement, four times; the fifth time begins at
	// 1217 + 4 · 128.
	a, c = newAir(t, radio.Config{Topology: full(t, 3), MinBE: -1, MaxBE: -1})
	heard, over = post(a, c, posting{0, 0, 1, 0}, posting{1217, 2, -1, 0})
	require.Equal(t, "1@1152 0@2913 1@2913", heard)
	require.Equal(t, "0@1696 0@2913", over)
	require.Zero(t, a.Stats().Collisions)

	// Whoever never gets through gives up after so many times.
	for _, retries := range []int{-1, 0, 7} {
		n := map[int]int{-1: 0, 0: 3, 7: 7}[retries]
		a, c = newAir(t, radio.Config{Topology: chain(t, 3), Access: radio.NoAccess, Retries: retries})
		_, over = post(a, c, posting{0, 0, 1, 0}, posting{0, 2, 1, 0})
		require.Equal(t, radio.Stats{Frames: uint64(2 * (n + 1)), Collisions: uint64(2 * (n + 1)), Retries: uint64(2 * n), GivenUp: 2}, a.Stats())
		require.Equal(t, fmt.Sprintf("1@%d", (n+1)*1696), strings.Fields(over)[0])
	}
}

// TestAckFrames: a frame that is sent again has the same number, and so has its
// acknowledgement.
func TestAckFrames(t *testing.T) {
	var frames []string
	cfg := radio.Config{Topology: chain(t, 3), Access: radio.NoAccess, Sniff: func(f *radio.Frame) {
		frames = append(frames, fmt.Sprintf("%d %x %d", f.At, f.Append(nil)[:3], f.Size()))
	}}
	a, c := newAir(t, cfg)
	post(a, c, posting{0, 1, 2, 0}, posting{1100, 0, -1, 0})
	require.Equal(t, []string{
		"0 618801 20", "1024000 020001 5", "1100000 418801 21", "1696000 618801 20", "2720000 020001 5",
	}, frames)
	require.Equal(t, netio.Instant(time.Second), c.Now())
}
