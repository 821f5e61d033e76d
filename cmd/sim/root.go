package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/coap2/coap2/cmd/internal/cli"
	"github.com/coap2/coap2/sim/scenario"
	"github.com/coap2/coap2/sim/scenarios"
)

// Exit codes, besides those that all commands share.
const exitFailed = 1 // something that was expected is not true

// app is what a run of the command has to do with the world.
type app struct{ *cli.App }

func newApp(in io.Reader, out, err io.Writer) *app {
	a := &app{cli.New("sim", in, out, err)}
	a.ExitOutput = cli.ExitUsage
	return a
}

// execute runs the command and returns its exit code. The context's end
// interrupts it.
func (a *app) execute(ctx context.Context, args []string) int {
	return a.Execute(ctx, a.rootCommand(), args)
}

var errInterrupted = errors.New("interrupted")

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "sim",
		Short: "Simulated networks of CoAP nodes",
		Long: `sim runs scenarios: networks of CoAP nodes, a few or a million, what they do and
what goes wrong, in virtual time. The nodes are the real ones; time, network and
chance are simulated, and follow from a seed: the same seed is the same run, to
the last message.

FILE is a scenario in YAML, or the name of one that is shipped:
  ` + strings.Join(scenarios.Names(), ", ") + `
"sim help scenario" is the reference of the language.

Results go to stdout, everything else to stderr.
Exit codes: 0 all that was expected is true, 1 something is not, 2 bad file, bad
usage or an output that cannot be written, 130 interrupted.`,
		Example: `  sim run hello
  sim run discovery-1000 --set nodes.s.count=5000
  sim sweep chaos --seeds 1..1000
  sim help scenario`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddCommand(a.runCommand(), a.checkCommand(), a.sweepCommand(), a.replayCommand(), a.diffCommand(), a.shrinkCommand(), a.genCommand(), a.viewCommand(), a.scenarioHelp(), a.CompletionCommand("commands, flags, scenarios"))
	return root
}

// scenarioHelp is the reference of the language, as a topic of help.
func (a *app) scenarioHelp() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "scenario",
		Short: "The language of scenarios: every key, with an example",
		Long:  scenarioIntroduction + "\n" + scenario.Help(),
	}
	return cmd
}

// scenarioIntroduction precedes the reference.
const scenarioIntroduction = `A scenario is a file in YAML that says which nodes there are, what they do, what
goes wrong, and what must be true in the end:

  version: 1
  nodes:
    client:                        # one node
    s:
      count: 100                   # s0 to s99
      resources:
        /temp: {text: "21.5"}
  link: {latency: 10ms..50ms, loss: 5%}
  run:
    ask:                           # a name, for expect
      at: 1s
      request: GET /temp
      from: client
      to: s[0-9]
  faults:
    split: {at: 2s, for: 10s, partition: 5% of s}
  expect:
    - ask.answered >= 90%

Keys that are not here are errors. With "base: FILE" a file changes another; with
--set KEY=VALUE the command line does, as in --set nodes.s.count=1000.
`

// fileFlags are the flags of all commands that read a scenario.
type fileFlags struct{ set []string }

func (f *fileFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.set, "set", nil, "change the scenario: KEY=VALUE, such as nodes.s.count=100 or link.loss=20%; may be repeated")
	cli.Complete(cmd, "set", cli.Nothing)
	cmd.ValidArgsFunction = completeFile
	cmd.Args = oneFile
}

// load reads the scenario; what is wrong with it is a bad file.
func (f *fileFlags) load(name string) (*scenario.Scenario, error) {
	s, err := scenario.Load(name, f.set...)
	if err != nil {
		return nil, cli.Exit(cli.ExitUsage, err)
	}
	return s, nil
}

// runFlags are the flags of all commands that run one.
type runFlags struct {
	fileFlags
	until time.Duration
}

func (f *runFlags) add(cmd *cobra.Command) {
	f.fileFlags.add(cmd)
	cmd.Flags().DurationVar(&f.until, "until", 0, "when to end, in virtual time; 0 = as the scenario says")
	cli.Complete(cmd, "until", cli.Nothing)
}

// maxUntil bounds the virtual time of a run.
const maxUntil = 1000 * time.Hour

func (f *runFlags) check() error {
	if f.until < 0 || f.until > maxUntil {
		return fmt.Errorf("--until is %v; it must be from 0 to %v", f.until, maxUntil)
	}
	return nil
}

// again is the command that shows a run again.
func (f *runFlags) again(file string, seed uint64) string {
	words := []string{"sim", "replay", file, "--seed", strconv.FormatUint(seed, 10)}
	for _, s := range f.set {
		words = append(words, "--set", s)
	}
	if f.until > 0 {
		words = append(words, "--until", f.until.String())
	}
	for i := range words {
		words[i] = quoteWord(words[i])
	}
	return strings.Join(words, " ")
}

// quoteWord writes a word as a shell takes it.
func quoteWord(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./=,:%+@", r))
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// seedFlag is a seed, or that of the scenario.
type seedFlag struct {
	seed uint64
	set  bool
}

func (f *seedFlag) String() string {
	if f == nil || !f.set {
		return ""
	}
	return strconv.FormatUint(f.seed, 10)
}

func (f *seedFlag) Set(s string) (err error) {
	f.seed, err = scenario.ParseSeed(s)
	f.set = err == nil
	return err
}

func (f *seedFlag) Type() string { return "SEED" }

func (f *seedFlag) add(cmd *cobra.Command) {
	cmd.Flags().Var(f, "seed", "what all chance follows from (default: that of the scenario)")
	cli.Complete(cmd, "seed", cli.Nothing)
}

func (f *seedFlag) of(s *scenario.Scenario) uint64 {
	if f.set {
		return f.seed
	}
	return s.Seed()
}

// seedsFlag is a range of seeds, or those of the scenario.
type seedsFlag struct {
	seeds scenario.Seeds
	set   bool
}

func (f *seedsFlag) String() string {
	if f == nil || !f.set {
		return ""
	}
	return f.seeds.String()
}

func (f *seedsFlag) Set(s string) (err error) {
	f.seeds, err = scenario.ParseSeeds(s)
	f.set = err == nil
	return err
}

func (f *seedsFlag) Type() string { return "A..B" }

// oneFile checks that a command was given one file and nothing else.
func oneFile(cmd *cobra.Command, args []string) error {
	switch len(args) {
	case 0:
		return fmt.Errorf("%s needs a FILE, or the name of a shipped scenario, such as %s %s", cmd.Name(), cmd.CommandPath(), scenarios.Names()[0])
	case 1:
		return nil
	}
	return fmt.Errorf("%s takes one FILE; %q is too much", cmd.Name(), args[1])
}

// completeFile completes the names of shipped scenarios and of YAML files.
func completeFile(_ *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var cs []cobra.Completion
	for _, name := range scenarios.Names() {
		if strings.HasPrefix(name, word) {
			cs = append(cs, cobra.CompletionWithDesc(name, "shipped"))
		}
	}
	if len(cs) == 0 {
		return []cobra.Completion{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
	}
	return cs, cobra.ShellCompDirectiveDefault
}

// processors is how many runs there are at a time unless -j says otherwise.
func processors() int { return runtime.GOMAXPROCS(0) }
