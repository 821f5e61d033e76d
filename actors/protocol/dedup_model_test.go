package protocol

import (
	"bytes"
	"testing"
	"time"

	"github.com/coap2/coap2/netio"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// dedupModel is a Dedup without bounds, as maps. Where the real one has
// bounds, it may know less, and says so in its counters.
type dedupModel struct {
	idem, kept map[DedupKey]*modelEntry
	// lost counts what the real one should have known but for its bounds.
	lost uint64
}

type modelEntry struct {
	expire          netio.Instant
	answer          []byte
	answered, moved bool
}

type dedupPair struct {
	d   *Dedup
	m   dedupModel
	now netio.Instant
}

func newDedupPair(cfg DedupConfig) *dedupPair {
	return &dedupPair{
		d:   NewDedup(cfg),
		m:   dedupModel{idem: map[DedupKey]*modelEntry{}, kept: map[DedupKey]*modelEntry{}},
		now: t0,
	}
}

func (p *dedupPair) live(t map[DedupKey]*modelEntry, k DedupKey) *modelEntry {
	if e := t[k]; e != nil && p.now < e.expire {
		return e
	}
	return nil
}

func (p *dedupPair) admit(t require.TestingT, k DedupKey, class DedupClass, life time.Duration) {
	s, b := p.d.Admit(p.now, k, class, life)
	e := p.live(p.m.idem, k)
	if class == Kept {
		e = p.live(p.m.kept, k)
	} else if e == nil {
		if k := p.live(p.m.kept, k); k != nil && k.moved {
			e = k
		}
	}
	switch {
	case e == nil:
		if class == Kept && s == Full {
			return
		}
		require.Equal(t, New.String(), s.String())
	case s == New:
		// Forgotten early: only an idempotent one may be.
		require.Equal(t, Idempotent, class)
		require.Same(t, p.m.idem[k], e)
		p.m.lost++
	default:
		want := InProgress
		if e.answered {
			want = Answered
		}
		require.Equal(t, want.String(), s.String())
		require.True(t, bytes.Equal(e.answer, b))
		return
	}
	fresh := &modelEntry{expire: p.now.Add(life)}
	if class == Kept {
		p.m.kept[k] = fresh
		delete(p.m.idem, k)
	} else {
		p.m.idem[k] = fresh
	}
}

// sync makes the model forget what the real one has forgotten early. Where it
// matters which of two entries of one key a call means, it must not be guessed.
func (p *dedupPair) sync(k DedupKey) {
	if e, _ := p.d.idem.locate(hashKey(&p.d.secret, k), k); e == nil && p.live(p.m.idem, k) != nil {
		delete(p.m.idem, k)
		p.m.lost++
	}
}

func (p *dedupPair) answer(t require.TestingT, k DedupKey, answer []byte) {
	p.sync(k)
	ok := p.d.Answer(p.now, k, answer)
	if e := p.live(p.m.idem, k); e != nil {
		if ok {
			e.answer, e.answered = answer, true
			return
		}
		// Forgotten before, or it did not fit, and was forgotten then unless
		// it had an answer.
		if e.answered {
			s, b := p.d.Admit(p.now, k, Idempotent, e.expire.Sub(p.now))
			if s == Answered {
				require.True(t, bytes.Equal(e.answer, b))
				return
			}
			require.Equal(t, New.String(), s.String())
			if x, slot := p.d.idem.locate(hashKey(&p.d.secret, k), k); x != nil {
				p.d.idem.remove(x, slot) // and not, as Forget does, one of the same key that is kept
			}
		}
		delete(p.m.idem, k)
		p.m.lost++
		return
	}
	if e := p.live(p.m.kept, k); e != nil {
		if ok {
			e.answer, e.answered = answer, true
		}
		return
	}
	require.False(t, ok)
}

func (p *dedupPair) keep(t require.TestingT, k DedupKey) {
	p.sync(k)
	ok := p.d.Keep(p.now, k)
	if e := p.live(p.m.idem, k); e != nil {
		if ok {
			e.moved = true
			p.m.kept[k] = e
			delete(p.m.idem, k)
		} else if old := p.live(p.m.kept, k); old != nil {
			// It made room for the younger one, which may then not have fitted.
			delete(p.m.kept, k)
			p.d.Forget(k)
			delete(p.m.idem, k)
		}
		return
	}
	require.Equal(t, p.live(p.m.kept, k) != nil, ok)
}

func (p *dedupPair) forget(k DedupKey) {
	p.d.Forget(k)
	delete(p.m.idem, k)
	delete(p.m.kept, k)
}

func (p *dedupPair) check(t require.TestingT, cfg DedupConfig) {
	st := p.d.Stats()
	require.LessOrEqual(t, p.m.lost, st.Evicted)
	require.LessOrEqual(t, st.Entries, p.d.idem.max)
	require.LessOrEqual(t, st.Kept, p.d.kept.max)
	require.LessOrEqual(t, st.Bytes, p.d.idem.answers.max)
	require.LessOrEqual(t, st.KeptBytes, p.d.kept.answers.max)
	require.GreaterOrEqual(t, p.d.reserved, 0)
	require.GreaterOrEqual(t, p.d.moved, 0)
	// The real one may hold what has expired, but never loses what is kept.
	for _, e := range p.m.kept {
		if p.now < e.expire {
			st.Kept--
		}
	}
	require.GreaterOrEqual(t, st.Kept, 0)
	checkTable(t, &p.d.idem)
	checkTable(t, &p.d.kept)
	memory, _, _ := p.d.Taken()
	require.Equal(t, p.d.idem.tables()+p.d.idem.answers.memory()+p.d.kept.tables()+p.d.kept.answers.memory(), memory)
}

// checkTable looks at the whole table: every entry that is not dead is found by
// its key, and nothing else is in the index.
func checkTable(t require.TestingT, d *dedupTable) {
	live, used := 0, 0
	for i := d.first; i != d.end; i++ {
		e := &d.entries[int(i)&(len(d.entries)-1)]
		if !e.has(entryDead) {
			live++
			found, _ := d.locate(hashKey(&d.dedup.secret, e.key), e.key)
			require.Same(t, e, found)
		}
	}
	for _, s := range d.slots {
		if s != 0 {
			used++
		}
	}
	require.Equal(t, d.live, live)
	require.Equal(t, d.live, used)
	require.LessOrEqual(t, int(d.end-d.first), len(d.entries))
}

var dedupLives = []time.Duration{conLife, nonLife, time.Second}

func TestDedupModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := DedupConfig{Seed: rapid.Uint64().Draw(t, "seed")}
		bounded := rapid.Bool().Draw(t, "bounded")
		if bounded {
			cfg.Entries = rapid.IntRange(1, 64).Draw(t, "entries")
			cfg.Bytes = rapid.IntRange(16, 1024).Draw(t, "bytes")
			cfg.KeptEntries = rapid.IntRange(1, 64).Draw(t, "kept")
			cfg.KeptBytes = rapid.IntRange(16, 2048).Draw(t, "keptBytes")
		}
		p := newDedupPair(cfg)
		keys := rapid.SampledFrom([]int{4, 40, 400}).Draw(t, "keys")
		key := func() DedupKey { return DedupKey(rapid.IntRange(0, keys).Draw(t, "key")) }
		n := byte(0)
		t.Repeat(map[string]func(*rapid.T){
			"admit": func(t *rapid.T) {
				class := DedupClass(rapid.IntRange(0, 1).Draw(t, "class"))
				p.admit(t, key(), class, rapid.SampledFrom(dedupLives).Draw(t, "life"))
			},
			"burst": func(t *rapid.T) {
				k, class := key(), DedupClass(rapid.IntRange(0, 1).Draw(t, "class"))
				for range rapid.IntRange(1, 50).Draw(t, "n") {
					k++
					p.admit(t, k, class, conLife)
				}
			},
			"answer": func(t *rapid.T) {
				n++
				p.answer(t, key(), bytes.Repeat([]byte{n}, rapid.IntRange(0, 300).Draw(t, "len")))
			},
			"keep":   func(t *rapid.T) { p.keep(t, key()) },
			"forget": func(t *rapid.T) { p.forget(key()) },
			"time": func(t *rapid.T) {
				p.now = p.now.Add(time.Duration(rapid.Int64Range(0, int64(200*time.Second)).Draw(t, "d")))
			},
			"": func(t *rapid.T) {
				p.check(t, cfg)
				if !bounded {
					require.Zero(t, p.d.Stats().Evicted)
					require.Zero(t, p.d.Stats().Refused)
				}
			},
		})
	})
}

// FuzzDedup plays a stream of operations of three bytes: what, key, how much.
func FuzzDedup(f *testing.F) {
	f.Add(uint64(1), []byte{0, 1, 0, 2, 1, 50, 0, 1, 0, 3, 1, 0, 5, 0, 255, 0, 1, 0})
	f.Add(uint64(2), []byte{1, 1, 0, 2, 1, 200, 1, 2, 0, 2, 2, 17, 4, 1, 0, 1, 1, 0})
	f.Add(uint64(3), bytes.Repeat([]byte{0, 9, 1, 2, 9, 90, 1, 8, 2, 2, 8, 70, 6, 40, 0}, 8))
	f.Fuzz(func(t *testing.T, seed uint64, ops []byte) {
		cfg := DedupConfig{Seed: seed, Entries: 16, Bytes: 512, KeptEntries: 16, KeptBytes: 1024}
		p := newDedupPair(cfg)
		if len(ops) > 3000 {
			ops = ops[:3000]
		}
		for ; len(ops) >= 3; ops = ops[3:] {
			k, v := DedupKey(ops[1]&63), int(ops[2])
			switch ops[0] % 7 {
			case 0:
				p.admit(t, k, Idempotent, dedupLives[v%3])
			case 1:
				p.admit(t, k, Kept, dedupLives[v%3])
			case 2:
				p.answer(t, k, bytes.Repeat([]byte{ops[1] + ops[2]}, v))
			case 3:
				p.keep(t, k)
			case 4:
				p.forget(k)
			case 5:
				p.now = p.now.Add(time.Duration(v) * time.Second)
			case 6:
				for i := range DedupKey(v % 40) {
					p.admit(t, k+i, Idempotent, conLife)
				}
			}
			p.check(t, cfg)
		}
	})
}
