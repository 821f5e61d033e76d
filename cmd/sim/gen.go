package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/coap2/coap2/cmd/internal/cli"
	"github.com/coap2/coap2/sim/scenario"
)

type genFlags struct {
	nodes   int
	loss    string
	latency string
	actions []string
	faults  []string
	stop    time.Duration
	seed    seedFlag
	out     string
}

func (a *app) genCommand() *cobra.Command {
	f := &genFlags{}
	cmd := &cobra.Command{
		Use:   "gen",
		Short: "Print a scenario to start from",
		Long: `Print a scenario to start from: a client and several servers, what the client does,
what goes wrong, and what is expected. sim check accepts it as it is.`,
		Example: `  sim gen
  sim gen --nodes 100 --loss 5% --actions discover,load
  sim gen --faults crash,partition --stop 1m --out mine.yaml`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.gen(f) },
	}
	f.seed.add(cmd)
	fl := cmd.Flags()
	fl.IntVar(&f.nodes, "nodes", 10, "how many servers there are")
	fl.StringVar(&f.loss, "loss", "0%", "the share of datagrams that are lost")
	fl.StringVar(&f.latency, "latency", "10ms..50ms", "how long a datagram is under way")
	fl.StringSliceVar(&f.actions, "actions", []string{"request"}, "what the client does: "+strings.Join(scenario.DraftActions(), ", "))
	fl.StringSliceVar(&f.faults, "faults", nil, "what goes wrong: "+strings.Join(scenario.DraftFaults(), ", "))
	fl.DurationVar(&f.stop, "stop", 0, "when it ends, in virtual time; 0 = when nothing is left to happen")
	fl.StringVar(&f.out, "out", "", "write it to a file instead of stdout")
	for flag, words := range map[string][]string{"actions": scenario.DraftActions(), "faults": scenario.DraftFaults()} {
		cli.Complete(cmd, flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
	}
	for _, flag := range []string{"nodes", "loss", "latency", "stop"} {
		cli.Complete(cmd, flag, cli.Nothing)
	}
	return cmd
}

func (a *app) gen(f *genFlags) error {
	digits, percent := strings.CutSuffix(f.loss, "%")
	loss, err := strconv.ParseFloat(digits, 64)
	if percent {
		loss /= 100
	}
	if err != nil || !(loss >= 0 && loss <= 1) {
		return fmt.Errorf("--loss is %q; it must be a share from 0%% to 100%%", f.loss)
	}
	if f.nodes < 1 {
		return fmt.Errorf("--nodes is %d; it must be at least 1", f.nodes)
	}
	text, err := scenario.Draft{Nodes: f.nodes, Loss: loss, Latency: f.latency, Actions: f.actions, Faults: f.faults, Stop: f.stop, Seed: f.seed.seed}.Text()
	if err != nil {
		return cli.Exit(cli.ExitUsage, err)
	}
	out, err := a.OpenOutput("--out", f.out)
	if err != nil {
		return cli.Exit(cli.ExitUsage, err)
	}
	defer out.Discard()
	if _, err = out.Write(text); err == nil {
		err = out.Commit()
	}
	if err != nil {
		return cli.Exit(cli.ExitUsage, fmt.Errorf("output: %w", err))
	}
	return nil
}
