package radio_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/sim/radio"
)

const ms = time.Millisecond

// drowsy makes an Air in which stations listen for 1 ms of 100, from a moment on.
func drowsy(t *testing.T, cfg radio.Config, phases ...time.Duration) (*radio.Air, *hand) {
	cfg.Duty.Wake = 100 * ms
	if cfg.Topology == nil {
		cfg.Topology = full(t, len(phases))
	}
	a, c := newAir(t, cfg)
	for i, d := range phases {
		a.Phase(i, d)
	}
	return a, c
}

// account is what a station has spent a second on, in µs: on is how long its
// receiver or sender was.
func account(t *testing.T, a *radio.Air, station int, sending, receiving, on time.Duration) {
	want := radio.Energy{Sending: sending, Receiving: receiving, Idle: on - sending - receiving, Asleep: time.Second - on}
	require.Equal(t, want, a.Energy(station), "station %d", station)
}

// TestSleep: where nobody sends, all sleep 99 % of the time.
func TestSleep(t *testing.T) {
	a, c := drowsy(t, radio.Config{}, 0, 40*ms, 99_500*µs)
	c.run(c.now.Add(time.Second))
	account(t, a, 0, 0, 0, 10*ms)
	account(t, a, 1, 0, 0, 10*ms)
	account(t, a, 2, 0, 0, 9500*µs)                      // half of the tenth time is to come
	require.Equal(t, 59_400, int(a.Energy(0).SleepNJ())) // 20 µA · 3 V · 990 ms = 59.4 µJ
	require.Equal(t, 564_000, int(a.Energy(0).IdleNJ())) // 18.8 mA · 3 V · 10 ms = 564 µJ
	require.Equal(t, 2*990*ms+990_500*µs, a.TotalEnergy().Asleep)
}

// TestSleepUnicast: a frame of 832 µs is on the air every 832 + 864 = 1696 µs,
// until it is acknowledged.
func TestSleepUnicast(t *testing.T) {
	// 1 wakes at 10,000, and hears the seventh from 10,176 to 11,008; it
	// acknowledges it until 11,552, and listens for another 640 + 8·320 + 1000 + 192
	// = 4392 µs.
	a, c := drowsy(t, radio.Config{Access: radio.NoAccess}, 90*ms, 10*ms)
	heard, over := post(a, c, posting{0, 0, 1, 0})
	require.Equal(t, "1@11008", heard)
	require.Equal(t, "0@11552", over)
	require.Equal(t, radio.Stats{Frames: 7, Acks: 1}, a.Stats())
	account(t, a, 0, 7*832*µs, 352*µs, 10*ms+11_552*µs)
	account(t, a, 1, 352*µs, 832*µs, 10*ms+(11_552+4392-11_000)*µs)

	// If 1 wakes at 8,900, it hears the rest of the sixth, which ends at 9,312, and
	// then waits for the seventh.
	a, c = drowsy(t, radio.Config{Access: radio.NoAccess}, 90*ms, 8900*µs)
	heard, _ = post(a, c, posting{0, 0, 1, 0})
	require.Equal(t, "1@11008", heard)
	account(t, a, 1, 352*µs, (412+832)*µs, 10*ms+(11_552+4392-9900)*µs)

	// 2, for whom it is not, hears one as well, and sleeps until it wakes again.
	a, c = drowsy(t, radio.Config{Access: radio.NoAccess}, 90*ms, 50*ms, 10*ms)
	heard, _ = post(a, c, posting{0, 0, 1, 0})
	require.Equal(t, "1@51712", heard) // the 31st, from 50,880 on
	account(t, a, 2, 0, 832*µs, 10*ms+8*µs)

	// Who has one fragment waits for the next: of 120 bytes (4032 µs) and 28 (1088).
	// The third copy is on the air from 9,792 to 13,824, its acknowledgement until
	// 14,368; 640 later comes the second.
	a, c = drowsy(t, radio.Config{Access: radio.NoAccess}, 90*ms, 9*ms)
	heard, over = post(a, c, posting{0, 0, 1, 108})
	require.Equal(t, "1@16096", heard)
	require.Equal(t, "0@16640", over)
	require.Equal(t, radio.Stats{Frames: 4, Acks: 2}, a.Stats())
}

// TestSleepBroadcast: what is for all is sent for as long as one interval and one
// frame (864 µs): 59 times, the last time from 58 · 1728 = 100,224 to 101,088.
func TestSleepBroadcast(t *testing.T) {
	a, c := drowsy(t, radio.Config{Access: radio.NoAccess}, 50*ms, 10*ms, 99_500*µs, 500*µs)
	heard, over := post(a, c, posting{0, 0, -1, 0})
	require.Equal(t, "3@2592 1@11232 2@101088", heard)
	require.Equal(t, "0@101088", over)
	require.Equal(t, radio.Stats{Frames: 59}, a.Stats())
	account(t, a, 0, 59*864*µs, 0, (101_088+9*1000)*µs)
	account(t, a, 1, 0, 864*µs, 10*ms+232*µs)
	account(t, a, 2, 0, 864*µs, 9500*µs+588*µs)
	// 3 hears the rest of the first, 364 µs, and the second until 2,592; and at
	// 100,500 the rest of the last, 588 µs, after which it listens for 1 ms.
	account(t, a, 3, 0, (364+864+588)*µs, 10*ms+(2592-1500)*µs+588*µs)

	// Without acknowledgements unicast is sent as often: until 100,832, 60 times.
	a, c = drowsy(t, radio.Config{Access: radio.NoAccess, NoAcks: true}, 50*ms, 10*ms)
	heard, over = post(a, c, posting{0, 0, 1, 0})
	require.Equal(t, "1@11008", heard)
	require.Equal(t, "0@100896", over) // 59 · 1696 + 832
	require.Equal(t, radio.Stats{Frames: 60}, a.Stats())
}

// TestSleepAccess: who wants to send listens for 1 ms, in which he would hear
// somebody who repeats a frame, and then waits for intervals.
func TestSleepAccess(t *testing.T) {
	for seed := range uint64(20) {
		a, c := drowsy(t, radio.Config{Topology: full(t, 4), MinBE: -1, Seed: seed})
		post(a, c, posting{0, 0, -1, 0}, posting{5000, 1, -1, 0}, posting{9000, 2, 3, 0})
		c.run(c.now.Add(3 * time.Second))
		s := a.Stats()
		require.Zero(t, s.Collisions, seed)
		require.NotZero(t, s.Busy, seed)
		require.LessOrEqual(t, s.Failures, uint64(1), seed)
		for i := range 4 {
			e := a.Energy(i)
			require.Equal(t, 4*time.Second, e.Sending+e.Receiving+e.Idle+e.Asleep)
			require.Less(t, e.Idle, 400*ms, seed)
		}
	}
	// Two that do not hear each other, and give way when they hear each other.
	a, c := drowsy(t, radio.Config{Topology: chain(t, 3), MinBE: -1}, 0, 50*ms, 0)
	_, over := post(a, c, posting{0, 0, 1, 0}, posting{100, 2, 1, 0})
	require.NotEmpty(t, over)
	require.NotZero(t, a.Stats().Retries+a.Stats().GivenUp+a.Stats().Acks)
}

func TestDutyRefused(t *testing.T) {
	for want, d := range map[string]radio.Duty{
		"Duty.Wake is 9ms":      {Wake: 9 * ms},
		"Duty.Wake is 0s":       {Listen: ms},
		"Duty.Wake is 2h0m0s":   {Wake: 2 * time.Hour},
		"Duty.Listen is 864µs":  {Wake: 100 * ms, Listen: 864 * µs},
		"Duty.Listen is 51ms; ": {Wake: 100 * ms, Listen: 51 * ms},
	} {
		_, err := radio.New(radio.Config{Topology: full(t, 1), Clock: &hand{}, Duty: d})
		require.ErrorContains(t, err, want)
	}
}
