package protocol

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/netio"
)

func TestProbe(t *testing.T) {
	const t0 = netio.Instant(time.Second)
	me, low, high := InstanceID{5}, InstanceID{4}, InstanceID{6}
	// A step: at so many ms, by the clock or by an answer.
	type step struct {
		at        int
		answer    *InstanceID
		tentative bool
		doubt     *InstanceID
		want      ProbeStep
		name      string
		held      bool
	}
	n := "n.local"
	for _, c := range []struct {
		what  string
		cfg   ProbeConfig
		steps []step
	}{
		{"nobody has it", ProbeConfig{}, []step{
			{at: 0, want: ProbeAsk, name: n}, {at: 249, want: ProbeWait, name: n}, {at: 250, want: ProbeAsk, name: n},
			{at: 500, want: ProbeAsk, name: n}, {at: 749, want: ProbeWait, name: n}, {at: 750, want: ProbeHeld, name: n, held: true},
			{at: 9999, want: ProbeWait, name: n, held: true}}},
		{"a holder has it, whatever its ID", ProbeConfig{}, []step{
			{at: 0, want: ProbeAsk, name: n}, {at: 5, answer: &high, want: ProbeAsk, name: "n-2.local"},
			{at: 255, want: ProbeAsk, name: "n-2.local"}, {at: 505, want: ProbeAsk, name: "n-2.local"}, {at: 755, want: ProbeHeld, name: "n-2.local", held: true}}},
		{"the renamed one is taken too", ProbeConfig{}, []step{
			{at: 0, want: ProbeAsk, name: n}, {at: 5, answer: &high, want: ProbeAsk, name: "n-2.local"},
			{at: 6, answer: &low, want: ProbeAsk, name: "n-3.local"}}},
		{"refuse", ProbeConfig{Refuse: true}, []step{
			{at: 0, want: ProbeAsk, name: n}, {at: 5, answer: &high, want: ProbeLost}, {at: 250, want: ProbeWait}, {at: 251, answer: &low, want: ProbeWait}}},
		{"of two probers the lower wins", ProbeConfig{}, []step{
			{at: 0, want: ProbeAsk, name: n}, {at: 5, answer: &high, tentative: true, want: ProbeWait, name: n},
			{at: 250, want: ProbeAsk, name: n}, {at: 255, answer: &low, tentative: true, want: ProbeAsk, name: "n-2.local"}}},
		{"own echo", ProbeConfig{Probes: 1, Interval: time.Millisecond}, []step{
			{at: 0, want: ProbeAsk, name: n}, {at: 1, answer: &me, want: ProbeWait, name: n}, {at: 1, want: ProbeHeld, name: n, held: true},
			{at: 2, answer: &low, want: ProbeWait, name: n, held: true}}},
		{"a holder asks before it believes", ProbeConfig{Probes: 1}, []step{
			{at: 0, want: ProbeAsk, name: n}, {at: 250, want: ProbeHeld, name: n, held: true},
			{at: 300, doubt: &me, want: ProbeWait, name: n, held: true},
			{at: 300, doubt: &low, want: ProbeAsk, name: n, held: true}, {at: 550, want: ProbeHeld, name: n, held: true},
			{at: 600, doubt: &low, want: ProbeWait, name: n, held: true}, // too soon again
			{at: 10300, doubt: &low, want: ProbeAsk, name: n, held: true},
			{at: 10301, answer: &high, want: ProbeWait, name: n, held: true},
			{at: 10302, answer: &low, tentative: true, want: ProbeWait, name: n, held: true},
			{at: 10303, answer: &low, want: ProbeAsk, name: "n-2.local"},
			{at: 10553, want: ProbeHeld, name: "n-2.local", held: true}}},
		{"names end", ProbeConfig{Renames: 1}, []step{
			{at: 0, want: ProbeAsk, name: n}, {at: 1, answer: &low, want: ProbeAsk, name: "n-2.local"}, {at: 2, answer: &low, want: ProbeLost}}},
	} {
		t.Run(c.what, func(t *testing.T) {
			p := MakeProbe(c.cfg, n, me)
			for i, s := range c.steps {
				now := t0.Add(time.Duration(s.at) * time.Millisecond)
				var got ProbeStep
				switch {
				case i == 0:
					got = p.Start(now)
				case s.answer != nil:
					got = p.Answer(now, *s.answer, s.tentative)
				case s.doubt != nil:
					got = p.Doubt(now, *s.doubt)
				default:
					got = p.Step(now)
				}
				require.Equal(t, s.want, got, "step %d", i)
				require.Equal(t, s.name, p.Name(), "step %d", i)
				require.Equal(t, s.held, p.Held(), "step %d", i)
				if s.want == ProbeLost || s.want == ProbeHeld {
					require.Zero(t, p.Due())
				}
			}
		})
	}
}
