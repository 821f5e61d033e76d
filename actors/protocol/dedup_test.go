package protocol

import (
	"bytes"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/coap2/coap2/netio"
	"github.com/stretchr/testify/require"
)

const (
	conLife = 247 * time.Second
	nonLife = 145 * time.Second
)

func requireSeen(t *testing.T, d *Dedup, now netio.Instant, key DedupKey, class DedupClass, want Seen, answer ...string) {
	t.Helper()
	s, b := d.Admit(now, key, class, conLife)
	require.Equal(t, want.String(), s.String())
	if len(answer) > 0 {
		require.Equal(t, answer[0], string(b))
	} else {
		require.Empty(t, b)
	}
}

func TestDedupWalk(t *testing.T) {
	for _, class := range []DedupClass{Idempotent, Kept} {
		d := NewDedup(DedupConfig{})
		key := MakeDedupKey(1, 0x1234)
		requireSeen(t, d, t0, key, class, New)
		requireSeen(t, d, t0, key, class, InProgress)
		buf := []byte("answer")
		require.True(t, d.Answer(t0, key, buf))
		buf[0] = 'X' // it was copied
		requireSeen(t, d, t0, key, class, Answered, "answer")
		requireSeen(t, d, t0.Add(conLife)-1, key, class, Answered, "answer")
		requireSeen(t, d, t0.Add(conLife), key, class, New)
		require.Equal(t, uint64(3), d.Stats().Hits)
		require.Zero(t, d.Stats().Evicted)
	}
}

func TestDedupKeys(t *testing.T) {
	require.Equal(t, DedupKey(0xabcdef0123451234), MakeDedupKey(0xabcdef012345, 0x1234))
	d := NewDedup(DedupConfig{})
	requireSeen(t, d, t0, MakeDedupKey(1, 1), Idempotent, New)
	requireSeen(t, d, t0, MakeDedupKey(2, 1), Idempotent, New)
	requireSeen(t, d, t0, MakeDedupKey(1, 2), Idempotent, New)
	requireSeen(t, d, t0, MakeDedupKey(0, 0), Idempotent, New)
	requireSeen(t, d, t0, MakeDedupKey(0, 0), Idempotent, InProgress)
}

func TestDedupLifetimesMayDiffer(t *testing.T) {
	d := NewDedup(DedupConfig{})
	d.Admit(t0, 1, Idempotent, conLife)
	d.Admit(t0, 2, Idempotent, nonLife)
	d.Admit(t0, 3, Idempotent, math.MaxInt64)
	d.Admit(t0, 4, Idempotent, -1)
	now := t0.Add(nonLife)
	requireSeen(t, d, now, 1, Idempotent, InProgress)
	requireSeen(t, d, now, 2, Idempotent, New)
	requireSeen(t, d, now, 3, Idempotent, InProgress)
	requireSeen(t, d, t0, 4, Idempotent, New)
}

func TestDedupAnswerAgain(t *testing.T) {
	for _, class := range []DedupClass{Idempotent, Kept} {
		d := NewDedup(DedupConfig{})
		require.False(t, d.Answer(t0, 1, []byte("nobody asked")))
		requireSeen(t, d, t0, 1, class, New)
		require.True(t, d.Answer(t0, 1, nil)) // silence is an answer
		requireSeen(t, d, t0, 1, class, Answered)
		for _, a := range []string{"ab", "a", "abcdefgh", string(bytes.Repeat([]byte("x"), 500)), ""} {
			require.True(t, d.Answer(t0, 1, []byte(a)))
			requireSeen(t, d, t0, 1, class, Answered, a)
		}
		require.False(t, d.Answer(t0.Add(conLife), 1, []byte("too late")))
	}
}

func TestDedupForget(t *testing.T) {
	for _, class := range []DedupClass{Idempotent, Kept} {
		d := NewDedup(DedupConfig{})
		requireSeen(t, d, t0, 1, class, New)
		requireSeen(t, d, t0, 2, class, New)
		d.Forget(1)
		d.Forget(7)
		requireSeen(t, d, t0, 1, class, New)
		requireSeen(t, d, t0, 2, class, InProgress)
		require.Equal(t, 2, d.Stats().Entries+d.Stats().Kept)
	}
}

// Requests that are shed at once do not use the table up.
func TestDedupForgetLeavesRoom(t *testing.T) {
	for _, shed := range []int{1, 3} {
		d := NewDedup(DedupConfig{KeptEntries: 16})
		requireSeen(t, d, t0, 1, Kept, New)
		require.True(t, d.Answer(t0, 1, []byte("kept")))
		for i := range 1000 {
			for j := range shed {
				requireSeen(t, d, t0, DedupKey(100+shed*i+j), Kept, New)
			}
			for j := range shed {
				d.Forget(DedupKey(100 + shed*i + j))
			}
		}
		requireSeen(t, d, t0, 1, Kept, Answered, "kept")
	}
}

func TestDedupEvictsOldest(t *testing.T) {
	d := NewDedup(DedupConfig{Entries: 8})
	for k := range DedupKey(10) {
		requireSeen(t, d, t0, k, Idempotent, New)
	}
	require.Equal(t, uint64(2), d.Stats().Evicted)
	require.Equal(t, 8, d.Stats().Entries)
	for k := DedupKey(2); k < 10; k++ {
		requireSeen(t, d, t0, k, Idempotent, InProgress)
	}
	requireSeen(t, d, t0, 0, Idempotent, New)
	// Places of expired entries are used without an eviction.
	requireSeen(t, d, t0.Add(conLife), 20, Idempotent, New)
	require.Equal(t, uint64(3), d.Stats().Evicted)
}

func TestDedupOverwritesBytes(t *testing.T) {
	d := NewDedup(DedupConfig{Bytes: 1024})
	answer := func(k DedupKey) string { return fmt.Sprintf("%0100d", k) }
	for k := range DedupKey(20) {
		requireSeen(t, d, t0, k, Idempotent, New)
		require.True(t, d.Answer(t0, k, []byte(answer(k))))
	}
	st := d.Stats()
	require.LessOrEqual(t, st.Bytes, 1024)
	require.Equal(t, uint64(20-st.Entries), st.Evicted)
	for k := DedupKey(20 - st.Entries); k < 20; k++ {
		requireSeen(t, d, t0, k, Idempotent, Answered, answer(k))
	}
	requireSeen(t, d, t0, 0, Idempotent, New)

	// One that fits nowhere is not repeated, so the request is new again.
	require.False(t, d.Answer(t0, 0, make([]byte, 1025)))
	requireSeen(t, d, t0, 0, Idempotent, New)
	// But what it had stays.
	require.True(t, d.Answer(t0, 0, []byte("small")))
	require.False(t, d.Answer(t0, 0, make([]byte, 1025)))
	requireSeen(t, d, t0, 0, Idempotent, Answered, "small")
}

// A request that takes long is found although younger ones were overwritten.
func TestDedupSlowAnswer(t *testing.T) {
	d := NewDedup(DedupConfig{Bytes: 256})
	requireSeen(t, d, t0, 1, Idempotent, New)
	for k := DedupKey(2); k < 50; k++ {
		requireSeen(t, d, t0, k, Idempotent, New)
		require.True(t, d.Answer(t0, k, make([]byte, 60)))
	}
	requireSeen(t, d, t0, 1, Idempotent, InProgress)
	requireSeen(t, d, t0, 2, Idempotent, New) // its bytes are gone
	require.True(t, d.Answer(t0, 1, []byte("at last")))
	requireSeen(t, d, t0, 1, Idempotent, Answered, "at last")
}

func TestDedupKeptFull(t *testing.T) {
	d := NewDedup(DedupConfig{KeptEntries: 4})
	for k := range DedupKey(4) {
		requireSeen(t, d, t0, k, Kept, New)
	}
	requireSeen(t, d, t0, 4, Kept, Full)
	requireSeen(t, d, t0, 4, Idempotent, New) // floods of one class leave the other alone
	requireSeen(t, d, t0, 0, Kept, InProgress)
	require.Equal(t, uint64(1), d.Stats().Refused)
	requireSeen(t, d, t0.Add(conLife), 4, Kept, New)
}

func TestDedupKeptBytes(t *testing.T) {
	d := NewDedup(DedupConfig{KeptEntries: 64, KeptBytes: 4096}) // 64 bytes are set aside for each
	key := DedupKey(0)
	for ; ; key++ {
		s, _ := d.Admit(t0, key, Kept, conLife)
		if s == Full {
			break
		}
		require.True(t, d.Answer(t0, key, make([]byte, 112)))
	}
	require.Equal(t, DedupKey(32), key, "128 bytes each")
	// Space that is set aside for one is not taken by the long answer of another.
	d = NewDedup(DedupConfig{KeptEntries: 64, KeptBytes: 4096})
	for k := range DedupKey(60) {
		requireSeen(t, d, t0, k, Kept, New)
	}
	require.False(t, d.Answer(t0, 0, make([]byte, 500)))
	requireSeen(t, d, t0, 0, Kept, InProgress) // it stays, without bytes
	require.True(t, d.Answer(t0, 1, make([]byte, 200)))
	for k := DedupKey(2); k < 60; k++ {
		require.True(t, d.Answer(t0, k, bytes.Repeat([]byte{byte(k)}, 48)), k)
	}
	for k := DedupKey(2); k < 60; k++ {
		requireSeen(t, d, t0, k, Kept, Answered, string(bytes.Repeat([]byte{byte(k)}, 48)))
	}
	// Old records are freed, whatever the order in which they were written.
	now := t0.Add(conLife)
	for k := DedupKey(100); k < 160; k++ {
		requireSeen(t, d, now, k, Kept, New)
	}
	for k := DedupKey(159); k >= 100; k-- {
		require.True(t, d.Answer(now, k, make([]byte, 40)), k)
	}
}

func TestDedupKeep(t *testing.T) {
	d := NewDedup(DedupConfig{Entries: 4})
	require.False(t, d.Keep(t0, 1))
	requireSeen(t, d, t0, 1, Idempotent, New)
	requireSeen(t, d, t0, 2, Idempotent, New)
	require.True(t, d.Answer(t0, 2, []byte("ack")))
	require.True(t, d.Keep(t0, 1))
	require.True(t, d.Keep(t0, 1), "it is kept already")
	require.True(t, d.Keep(t0, 2))
	for k := DedupKey(10); k < 30; k++ { // a flood
		requireSeen(t, d, t0, k, Idempotent, New)
	}
	requireSeen(t, d, t0, 1, Idempotent, InProgress)
	requireSeen(t, d, t0, 2, Idempotent, Answered, "ack")
	require.True(t, d.Answer(t0, 1, []byte("separate")))
	requireSeen(t, d, t0, 1, Idempotent, Answered, "separate")
	require.Equal(t, 2, d.Stats().Kept)
	requireSeen(t, d, t0.Add(conLife), 1, Idempotent, New)
	require.False(t, d.Keep(t0.Add(3*conLife), 1), "expired")

	full := NewDedup(DedupConfig{KeptEntries: 1})
	requireSeen(t, full, t0, 1, Idempotent, New)
	requireSeen(t, full, t0, 2, Kept, New)
	require.False(t, full.Keep(t0, 1))
	requireSeen(t, full, t0, 1, Idempotent, InProgress)
}

// Entries that come by Keep leave half of the places to the others.
func TestDedupKeepLeavesRoom(t *testing.T) {
	d := NewDedup(DedupConfig{KeptEntries: 8})
	for k := range DedupKey(8) {
		requireSeen(t, d, t0, k, Idempotent, New)
		require.Equal(t, k < 4, d.Keep(t0, k))
		requireSeen(t, d, t0, k, Idempotent, InProgress)
	}
	for k := DedupKey(10); k < 14; k++ {
		requireSeen(t, d, t0, k, Kept, New)
	}
	requireSeen(t, d, t0, 14, Kept, Full)
	later := t0.Add(2 * conLife)
	requireSeen(t, d, later, 20, Idempotent, New)
	require.True(t, d.Keep(later, 20), "the others have expired")
}

// A message ID that a peer uses again too soon, for a request of another class.
func TestDedupClassChanges(t *testing.T) {
	d := NewDedup(DedupConfig{})
	requireSeen(t, d, t0, 1, Idempotent, New)
	require.True(t, d.Answer(t0, 1, []byte("get")))
	requireSeen(t, d, t0, 1, Kept, New)
	require.True(t, d.Answer(t0, 1, []byte("post")))
	requireSeen(t, d, t0, 1, Kept, Answered, "post")
	requireSeen(t, d, t0, 1, Idempotent, New)
	require.True(t, d.Keep(t0, 1))
	requireSeen(t, d, t0, 1, Kept, InProgress)
	require.Equal(t, 1, d.Stats().Kept)
}

// Peek remembers nothing and looks at what is kept only.
func TestDedupPeek(t *testing.T) {
	d := NewDedup(DedupConfig{})
	peek := func(now netio.Instant, key DedupKey, want Seen, answer string) {
		t.Helper()
		s, b := d.Peek(now, key)
		require.Equal(t, want.String(), s.String())
		require.Equal(t, answer, string(b))
	}
	peek(t0, 1, New, "")
	requireSeen(t, d, t0, 1, Kept, New)
	requireSeen(t, d, t0, 2, Idempotent, New)
	peek(t0, 1, InProgress, "")
	peek(t0, 2, New, "")
	require.True(t, d.Answer(t0, 1, []byte("ack")))
	peek(t0, 1, Answered, "ack")
	peek(t0.Add(conLife), 1, New, "")
}

func TestDedupConfig(t *testing.T) {
	require.NoError(t, DedupConfig{}.Validate())
	require.ErrorContains(t, DedupConfig{Entries: -1}.Validate(), "DedupConfig.Entries")
	require.ErrorContains(t, DedupConfig{KeptBytes: 1<<30 + 1}.Validate(), "DedupConfig.KeptBytes")
	d := NewDedup(DedupConfig{Entries: 1000, Bytes: 1, KeptEntries: 1 << 30, KeptBytes: -4})
	require.Equal(t, 512, d.idem.max)
	require.Equal(t, 16, d.idem.answers.max)
	require.Equal(t, maxDedupEntries, d.kept.max)
	require.Equal(t, DefaultDedupKeptBytes, d.kept.answers.max)
}

// Thousands of simulated nodes have one each.
func TestDedupStartsSmall(t *testing.T) {
	d := NewDedup(DedupConfig{})
	require.Zero(t, d.Stats().Memory)
	d.Admit(t0, 1, Idempotent, conLife)
	d.Answer(t0, 1, make([]byte, 50))
	require.LessOrEqual(t, d.Stats().Memory, 512)
}

func TestDedupAllocatesNothing(t *testing.T) {
	d := NewDedup(DedupConfig{Entries: 64, Bytes: 4096, KeptEntries: 64, KeptBytes: 8192})
	answer := make([]byte, 60)
	key, now := DedupKey(0), t0
	step := func() {
		key++
		now = now.Add(10 * time.Second)
		d.Admit(now, key, Idempotent, conLife)
		d.Answer(now, key, answer)
		d.Keep(now, key)
		d.Admit(now, key+1<<20, Kept, conLife)
		d.Answer(now, key+1<<20, answer)
		d.Forget(key - 5)
	}
	for range 1000 {
		step()
	}
	require.Zero(t, testing.AllocsPerRun(1000, step))
	require.Zero(t, d.Stats().Refused)
}

func TestDedupSeedIsDeterministic(t *testing.T) {
	a, b, c := NewDedup(DedupConfig{Seed: 1}), NewDedup(DedupConfig{Seed: 1}), NewDedup(DedupConfig{Seed: 2})
	require.Equal(t, a.secret, b.secret)
	require.NotEqual(t, a.secret, c.secret)
	require.NotEqual(t, hashKey(&a.secret, 1), hashKey(&c.secret, 1))
	require.Equal(t, "Full", Full.String())
	require.Equal(t, "Seen(9)", Seen(9).String())
}
