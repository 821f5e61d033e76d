package main

import (
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/sim/scenario"
)

// TestBadUsage: the message says what is wrong, and nothing is run.
func TestBadUsage(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"run", "run needs a FILE, or the name of a shipped scenario, such as sim run campus-multihop"},
		{"run a b", `run takes one FILE; "b" is too much`},
		{"run hello --seed x", `invalid argument "x" for "--seed" flag: want a whole number from 0 to 18446744073709551615, not "x"`},
		{"run hello --speed fast", `invalid argument "fast" for "--speed" flag: want max, or a multiple of real time such as 1x or 10x`},
		{"run hello --until -1s", "--until is -1s; it must be from 0 to 1000h0m0s"},
		{"run hello --jsonl - --json", "--jsonl - and --json both write to stdout; give --jsonl a file"},
		{"run hello --pcapng -", "--pcapng needs the name of a file"},
		{"run hello --speed 1x --check-determinism", "--check-determinism and --speed do not go together"},
		{"run hello --seeds 1..2 --seed 1", "--seeds does not go with --seed, --speed or --pcapng, which are for one run"},
		{"run hello --bogus", "unknown flag: --bogus"},
		{"sweep hello --seeds 5..1", `invalid argument "5..1" for "--seeds" flag: want seeds such as 1..1000, at most 10000000, not "5..1"`},
		{"sweep hello -j -1", "--jobs is -1; it must be from 0 to 1024"},
		{"sweep hello --jsonl - --json", "--jsonl - and --json both write to stdout; give --jsonl a file"},
		{"replay hello --hash 12", `--hash is "12"; it must be 16 hexadecimal digits, as in the report of a run`},
		{"completion tcsh", `there is no completion for "tcsh"; the shells are bash, zsh, fish, powershell`},
		{"nonsense", `unknown command "nonsense" for "sim"`},
	} {
		t.Run(tt.args, func(t *testing.T) {
			args := strings.Fields(tt.args)
			path := "sim"
			if args[0] != "nonsense" {
				path += " " + args[0]
			}
			require.Equal(t, ran{2, "", "sim: " + tt.want + "\nRun '" + path + " --help' for usage.\n"}, run(args...))
		})
	}
}

// TestBadFiles: exit code 2, and every mistake on a line of its own.
func TestBadFiles(t *testing.T) {
	path := file(t, "version: 1\nnodes: {s: {cuont: 5}}\nstop: soon\n")
	want := "sim: " + path + ":3: stop: want a time from 0s to 24h, such as 300ms, 2s or 1m30s, not \"soon\"\n" +
		"sim: " + path + ":2: nodes.s: unknown key \"cuont\"; did you mean \"count\"?\n"
	for _, command := range []string{"run", "check", "sweep", "replay"} {
		require.Equal(t, ran{2, "", want}, run(command, path), command)
		r := run(command, "nowhere.yaml")
		require.Equal(t, ran{2, "", "sim: nowhere.yaml: there is no such file\n"}, r, command)
		require.Equal(t, 2, run(command, "hello", "--set", "x=1").code)
	}
}

// TestNothingHarmsTheTerminal: not even what a file or the user says.
func TestNothingHarmsTheTerminal(t *testing.T) {
	for _, args := range [][]string{
		{"run", "\x1b[31m"}, {"run", "hello", "--set", "\x1b]0;x\a=1"}, {"\x1b[2J"}, {"check", file(t, "version: 1\n\"\\e[31m\": 1\n")},
		{"run", "hello", "--jsonl", "/nonexistent/\x1b"}, {"sweep", "hello", "--seeds", "\x1b"},
	} {
		r := run(args...)
		require.Equal(t, 2, r.code, "%q", args)
		require.NotContains(t, r.err, "\x1b", "%q", args)
	}
	r := run("run", file(t, "version: 1\nname: \"a\u202eb\"\nnodes: {s: }\n"))
	require.Equal(t, 0, r.code)
	require.NotContains(t, r.out, "\u202e")
}

// TestHelp: every command explains itself, with examples, and the language is
// explained too.
func TestHelp(t *testing.T) {
	r := run()
	require.Equal(t, 0, r.code)
	for _, name := range []string{"run", "check", "sweep", "replay", "diff", "shrink", "gen", "view", "completion"} {
		require.Contains(t, r.out, "\n  "+name+" ")
		h := run(name, "--help")
		require.Equal(t, 0, h.code)
		require.Contains(t, h.out, "Examples:\n  ", name)
		require.Contains(t, h.out, "Flags:\n", name)
	}
	require.Contains(t, r.out, "campus-multihop, chaos, discover-100k, discover-ethernet, discover-host-mixed, discover-host, discover-medium, discover-resource, discovery-1000, hello, home-ethernet, load")
	h := run("help", "scenario")
	require.Equal(t, 0, h.code)
	require.Contains(t, h.out, scenario.Help())
	require.Regexp(t, `^sim \S+.* go1\.\d+`, run("--version").out)

	// The example in the introduction is a scenario.
	_, text, _ := strings.Cut(scenarioIntroduction, "version: 1")
	text, _, _ = strings.Cut("  version: 1"+text, "\nKeys that")
	s, err := scenario.Parse("help", []byte(text))
	require.NoError(t, err)
	rep, err := s.Run(1, scenario.Options{})
	require.NoError(t, err)
	require.True(t, rep.Passed, "%+v", rep.Expectations)
}

// lighter returns the words of a command, with fewer nodes and seeds.
func lighter(line string) []string {
	line = strings.NewReplacer("100000", "100", "5000", "100", "1..1000", "1..4", "1..200", "1..4", "1..10 ", "1..3 ", "--speed 1x", "--speed 100x").Replace(line)
	args := strings.Fields(line)
	if strings.Contains(line, "discovery-1000") && !strings.Contains(line, "nodes.s.count") {
		args = append(args, "--set", "nodes.s.count=100")
	}
	for name, sets := range map[string]string{
		"discover-host": "nodes.s.count=299 nodes.client.count=50 run.find.times=2", "discover-resource": "nodes.s.count=200 nodes.s.resources./hum.count=20",
		"discover-medium": "nodes.s.count=100", "discover-ethernet": "nodes.s.count=300", "discover-100k": "nodes.s.count=2970 nodes.late.count=30",
	} {
		if strings.Contains(line, name) {
			for _, set := range strings.Fields(sets) {
				args = append(args, "--set", set)
			}
		}
	}
	return args
}

// TestExamples runs the examples in the help of the commands, but for those
// that are large or slow.
func TestExamples(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("TMPDIR", t.TempDir())
	for _, cmd := range newApp(nil, io.Discard, io.Discard).rootCommand().Commands() {
		if cmd.Name() == "completion" {
			continue
		}
		for line := range strings.Lines(cmd.Example) {
			line = strings.TrimSpace(line)
			t.Run(line, func(t *testing.T) {
				r := run(lighter(line)[1:]...)
				want := 0
				if strings.Contains(line, "--set2") { // two that differ
					want = 1
				}
				require.Equal(t, want, r.code, r.out+r.err)
			})
		}
	}
}

// TestReadme runs what the README tells people to run, with fewer seeds.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	t.Chdir(t.TempDir())
	n := 0
	for line := range strings.Lines(string(readme)) {
		command, ok := strings.CutPrefix(line, "go run ./cmd/sim ")
		if !ok {
			continue
		}
		n++
		command, _, _ = strings.Cut(command, "#")
		r := run(lighter(command)...)
		require.Equal(t, 0, r.code, "%s\n%s%s", command, r.out, r.err)
	}
	require.Equal(t, 13, n)
}

func TestCompletion(t *testing.T) {
	words := func(args ...string) string { return run(append([]string{"__complete"}, args...)...).out }
	require.Contains(t, words("run", ""), "chaos\tshipped\ndiscover-100k\tshipped\n")
	require.Contains(t, words("run", "he"), "hello\tshipped\n")
	require.Contains(t, words("run", "./x"), ":8\n", "YAML files")
	require.Contains(t, words("run", "--speed", ""), "max\n1x\n")
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		r := run("completion", shell)
		require.Equal(t, 0, r.code)
		require.Contains(t, r.out, "sim")
	}
}

func TestQuoteWord(t *testing.T) {
	for in, want := range map[string]string{"hello": "hello", "a b": "'a b'", "nodes.s.count=5": "nodes.s.count=5", "x='y'": `'x='\''y'\'''`, "": "''", "s[0-9]": "'s[0-9]'"} {
		require.Equal(t, want, quoteWord(in))
	}
}
