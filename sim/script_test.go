package sim_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/sim"
)

var update = flag.Bool("update", false, "rewrite the expected traces of the scripts")

// TestScript runs every script three times, in fresh Worlds, on one processor and
// on two. The traces must be the same, byte for byte, and be what the file says.
func TestScript(t *testing.T) {
	files, err := filepath.Glob("testdata/scripts/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			s, err := sim.ParseScript(string(text))
			require.NoError(t, err)
			runtime.GOMAXPROCS(1)
			first, err := s.Run()
			if first != nil && *update {
				s.Want = first.Trace
				require.NoError(t, os.WriteFile(file, []byte(s.String()), 0o644))
			}
			require.NoError(t, err)
			for _, procs := range []int{1, 2} {
				runtime.GOMAXPROCS(procs)
				again, err := s.Run()
				require.NoError(t, err)
				sameTrace(t, first.Trace, again.Trace)
				require.Equal(t, first.Hash, again.Hash)
			}
			drowsy, err := s.Drowsy().Run()
			require.NoError(t, err)
			sameTrace(t, first.Trace, drowsy.Trace)
			sameTrace(t, s.Want, first.Trace)
		})
	}
}

func TestScriptErrors(t *testing.T) {
	for _, c := range []struct{ script, want string }{
		{"dance", `line 1: there is no command "dance"`},
		{"# nothing\n\nnode a\nnode a", `line 4: node: sim: the name "a" is in use`},
		{"node", "line 1: node: the name is missing"},
		{"node a b", `line 1: node: "b" is too much`},
		{"node a x=1", "there is no argument x="},
		{"node a nstart=x", `nstart is "x"; want a number`},
		{"node a exchanges=-1", "Limits.Exchanges"},
		{"node a random=0.5", "AckRandomFactor"},
		{"node a ack=fast", `ack is "fast"; want a time`},
		{"node a listen=x", `"x" is none that a node can have`},
		{"node a\nseed 2", "line 2: seed: it must be the first command"},
		{"seed x", "the seed is a number"},
		{"link a-b", `"a-b" is no direction`},
		{"link loss=2", "Loss"},
		{"link loss=x", `loss is "x"`},
		{"link delay=fast", "delay: dist"},
		{"link bursts=1", "bursts: dist"},
		{"link oversize=x", "what becomes of a large datagram"},
		{"link a[->b", "pattern"},
		{"interface", "the pattern for nodes is missing"},
		{"interface a buffer=-1", "Interface.Buffer"},
		{"segment x", "the pattern for nodes is missing"},
		{"segment x a border=village", "is no scope"},
		{"segment x a up=y", "no segment"},
		{"set x", "the pattern for nodes is missing"},
		{"set x a[", "pattern"},
		{"partition", "the pattern for nodes is missing"},
		{"partition a[", "pattern"},
		{"heal now", "too much"},
		{"nat a addr=x", "want an address"},
		{"rebind a", "no node or peer"},
		{"join a x", "no address of a group"},
		{"join a 224.0.1.187", "no node or peer"},
		{"leave a 224.0.1.187", "no node or peer"},
		{"net now", "too much"},
		{"peer", "the name is missing"},
		{"peer p\npeer p", "in use"},
		{"resource a /x", `there is no node "a"`},
		{"node a\nresource a x", "must begin with"},
		{"node a\nresource a /x code=9", "is not a code"},
		{"node a\nresource a /x methods=get,jump", "is not a method"},
		{"drop", "the direction A->B is missing"},
		{"drop a->b x", `"x" does not say which datagram`},
		{"drop a->b 0", `"0" does not say which datagram`},
		{"corrupt a->b 1 xor=123", `xor is "123"`},
		{"kill a", `"a" has no open socket`},
		{"peer p\nraw p q 00", `no node or peer "q"`},
		{"peer p\nraw p p 0", "is not hexadecimal"},
		{"peer p\nraw q p 00", `no node or peer "q"`},
		{"get a b", `there is no node "a"`},
		{"node a\nget a", "the URI is missing"},
		{"node a\nget a a/x token=0", "token"},
		{"node a\nget a a/x token=010203040506070809", "at most 8 bytes"},
		{"node a\nget a a/x opt=Zebra:1", "Zebra"},
		{"node a\nping a", "the target is missing"},
		{"cancel 1", "want the number of a request"},
		{"stop a", `there is no node "a"`},
		{"run", "the time is missing"},
		{"run -1s", `the time is "-1s"`},
		{"run 9999h", "at most 1000h"},
		{"idle now", `"now" is too much`},
		{"stats a", `there is no node "a"`},
	} {
		s, err := sim.ParseScript(c.script)
		if err == nil {
			_, err = s.Run()
		}
		require.ErrorContains(t, err, c.want, "%q", c.script)
		var se *sim.ScriptError
		require.ErrorAs(t, err, &se, "%q", c.script)
		require.Positive(t, se.Line, "%q", c.script)
		require.Error(t, errors.Unwrap(err))
	}
	_, err := sim.ParseScript(strings.Repeat("idle\n", 10_001))
	require.ErrorContains(t, err, "at most 10000 commands")
}

func TestScriptText(t *testing.T) {
	const text = "note hello # not this\r\nnote # nor this\n----\n    0.000000 hello\n"
	s, err := sim.ParseScript(text)
	require.NoError(t, err)
	require.Equal(t, "    0.000000 hello\n", s.Want)
	require.Equal(t, strings.ReplaceAll(text, "\r", ""), s.String())
	o, err := s.Run()
	require.NoError(t, err)
	require.Equal(t, "    0.000000 hello\n    0.000000 \n", o.Trace)

	s, err = sim.ParseScript("")
	require.NoError(t, err)
	require.Empty(t, s.Want)
	o, err = s.Run()
	require.NoError(t, err)
	require.Empty(t, o.Trace)
}

// FuzzScript: no script makes a World panic, hang or differ from itself.
func FuzzScript(f *testing.F) {
	files, err := filepath.Glob("testdata/scripts/*.txt")
	require.NoError(f, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(f, err)
		s, err := sim.ParseScript(string(text))
		require.NoError(f, err)
		f.Add(s.Source)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 2000 {
			return
		}
		s, err := sim.ParseScript(text)
		if err != nil {
			return
		}
		o, err := s.Run()
		again, err2 := s.Run()
		require.Equal(t, err == nil, err2 == nil)
		require.Equal(t, o, again)
	})
}

// sameTrace compares traces and shows the first line that differs.
func sameTrace(t *testing.T, want, got string) {
	t.Helper()
	if want == got {
		return
	}
	w, g := strings.SplitAfter(want, "\n"), strings.SplitAfter(got, "\n")
	i := 0
	for i < min(len(w), len(g)) && w[i] == g[i] {
		i++
	}
	t.Fatalf("the trace differs in line %d:\n%swant\n%sgot\n%s(go test ./sim -run Script -update rewrites what is expected)",
		i+1, strings.Join(w[max(0, i-3):i], ""), strings.Join(w[i:min(len(w), i+4)], ""), strings.Join(g[i:min(len(g), i+4)], ""))
}
