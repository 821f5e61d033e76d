package scenario

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/sim/scenarios"
)

// lossy fails where a datagram is lost, and has much that does not matter.
const lossy = `version: 1
nodes:
  client: {params: {nstart: 4}}
  s: {count: 12, resources: {/x: {inline: true}, /y: {delay: 5ms}}}
  idle: {count: 30, host: "idle[10-39]"}
link: {latency: 1ms..3ms}
run:
  ask: {request: [GET /x, GET /y], from: client, to: "s[0-7]", non: true, timeout: 10s}
  more: {every: 5s, times: 20, request: GET /y, from: client, to: 3 of s}
faults:
  storm: {at: 0s, every: 10s, times: 5, for: 4s, disturb: s, loss: 60%}
  crash: {at: 30s, for: 1s, crash: 2 of idle}
  deaf: {at: 40s, for: 1s, partition: "s[0-3]", against: client}
expect:
  - more.requests == 60
  - ask.answered == 100%
`

func shrinkTest(t *testing.T, text string, o ShrinkOptions, changes ...string) (*Shrunk, error) {
	t.Helper()
	file := t.TempDir() + "/f.yaml"
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return Shrink(file, changes, o)
}

func TestShrink(t *testing.T) {
	k, err := shrinkTest(t, lossy, ShrinkOptions{Seed: 3, Tries: 3})
	require.NoError(t, err)
	require.Equal(t, "ask.answered == 100%", k.Why)
	require.Equal(t, 43, k.From.Nodes)
	require.Equal(t, 7, k.From.Faults)
	require.LessOrEqual(t, k.To.Nodes, 2, "%s", k.Text)
	require.Equal(t, 1, k.To.Faults, "%s", k.Text)
	require.Equal(t, 1, k.To.Actions)
	require.True(t, k.Complete)
	require.Contains(t, string(k.Text), "storm", "it still fails because something is lost")

	// It stands by itself.
	s, err := Parse("small.yaml", k.Text)
	require.NoError(t, err)
	require.Equal(t, k.Seed, s.Seed())
	require.False(t, runTest(t, s, s.Seed()).Passed)

	// Always the same.
	again, err := shrinkTest(t, lossy, ShrinkOptions{Seed: 3, Tries: 3})
	require.NoError(t, err)
	require.Equal(t, k, again)

	// Nothing that needs more runs than there may be.
	k, err = shrinkTest(t, lossy, ShrinkOptions{Seed: 3, Runs: 12, Tries: -1})
	require.NoError(t, err)
	require.False(t, k.Complete)
	require.Equal(t, 12, k.Runs)
	_, err = Parse("small.yaml", k.Text)
	require.NoError(t, err)
}

func TestShrinkErrors(t *testing.T) {
	_, err := Shrink("hello", nil, ShrinkOptions{})
	require.ErrorIs(t, err, ErrPasses)
	_, err = Shrink("nowhere", nil, ShrinkOptions{})
	require.ErrorContains(t, err, "nowhere")
	var errs Errors
	_, err = Shrink("hello", []string{"nodes.server.count=many"}, ShrinkOptions{})
	require.ErrorAs(t, err, &errs)
	enough := errors.New("enough")
	_, err = shrinkTest(t, lossy, ShrinkOptions{Seed: 3, Progress: func(p ShrinkProgress) error {
		if p.Runs == 5 {
			return enough
		}
		return nil
	}})
	require.ErrorIs(t, err, enough)
}

// TestYAML: what is written is what was read.
func TestYAML(t *testing.T) {
	texts := map[string]string{
		"odd words": "version: 1\nabout: \"a: b # c\\n\\e \u202e\"\nnodes:\n  s:\n    resources: {/x: {text: \"~\"}, /y: {text: \"null\"}, /z: {text: \" a \"}, /e: {text: \"\"}, '/q''\"': {text: \"- {}\"}}\nlink: {latency: 5ms..25ms, loss: 0.1%}\n",
	}
	for _, name := range scenarios.Names() {
		text, _ := scenarios.Read(name)
		texts[name] = string(text)
	}
	every, err := os.ReadFile("testdata/every-key.yaml")
	require.NoError(t, err)
	texts["every key"] = string(every)
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			v, err := parseTree("f", []byte(text))
			require.NoError(t, err)
			out, err := v.yaml()
			require.NoError(t, err)
			again, err := parseTree("f", out)
			require.NoError(t, err, "%s", out)
			place := func(v *value) *value {
				c := v.clone()
				c.forgetLines()
				return c
			}
			require.Equal(t, place(v).String(), place(again).String(), "%s", out)
		})
	}
}

// String is a value without its places.
func (v *value) String() string {
	var b strings.Builder
	b.WriteString(v.kind.String() + " " + quote(v.text))
	for _, e := range v.entries {
		b.WriteString("{" + quote(e.name) + ": " + e.value.String() + "}")
	}
	for _, c := range v.items {
		b.WriteString("[" + c.String() + "]")
	}
	return b.String()
}

func TestLimitWord(t *testing.T) {
	for word, want := range map[string]string{
		"n": "n", "n7": "n2", "n1": "n1", "5 of n": "2 of n", "1 of n": "1 of n", "50%": "50%", "10% of n": "10% of n",
		"n[0-7]": "n[0-2]", "n[5-7]": "n[2-2]", "2 of n[0-7]": "2 of n[0-2]", "n*": "n*", "other": "other", "nx": "nx",
	} {
		f := &fewer{group: "n", prefix: "n", count: 3, spare: 1}
		require.Equal(t, want, f.limit(word), word)
	}
	f := &fewer{group: "lamps", prefix: "lamp-", first: 5, count: 1, single: true}
	require.Equal(t, "lamp-", f.limit("lamp-[5-9]"))
	require.Equal(t, "lamp-", f.limit("lamp-7"))
	require.Equal(t, "1 of lamps", f.limit("4 of lamps"))
}

func TestShape(t *testing.T) {
	s := parseTest(t, "version: 1\nnodes: {server: , n: {count: 3}}\n")
	require.Equal(t, "has handled it times:", shape("n2 has handled it 3 times: (GET /a b) server", s))
}
