package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/coap2/coap2/cmd/internal/cli"
	"github.com/coap2/coap2/sim/scenario"
)

type shrinkFlags struct {
	fileFlags
	seed  seedFlag
	tries int
	runs  int
	out   string
	json  bool
}

func (a *app) shrinkCommand() *cobra.Command {
	f := &shrinkFlags{}
	cmd := &cobra.Command{
		Use:   "shrink FILE",
		Short: "Make a failing scenario smaller while it still fails",
		Long: `Make a scenario that fails with a seed smaller, while it still fails in the same
way: the same invariant is violated, or the same expectation does not hold although
it would if nothing went wrong. Faults, actions, nodes, time and everything else that
is not needed are taken away. What is left goes to stdout, or to --out: a scenario
that stands by itself and fails with the seed that is in it.

The same scenario, seed and flags give the same result. The exit code is 1 if the
scenario does not fail.`,
		Example: `  sim shrink load --seed 4 --set link.loss=50%
  sim shrink hello --seed 4 --set link.loss=60% --out small.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.tries < 1 || f.tries > maxTries {
				return fmt.Errorf("--tries is %d; it must be from 1 to %d", f.tries, maxTries)
			}
			if f.runs < 1 {
				return fmt.Errorf("--runs is %d; it must be at least 1", f.runs)
			}
			if f.json && (f.out == "" || f.out == "-") {
				return errors.New("--json and the scenario both go to stdout; give --out a file")
			}
			return a.shrink(cmd.Context(), args[0], f)
		},
	}
	f.add(cmd)
	f.seed.add(cmd)
	fl := cmd.Flags()
	fl.IntVar(&f.tries, "tries", 12, "how many other seeds to try where a smaller scenario does not fail with the one before")
	fl.IntVar(&f.runs, "runs", 10_000, "how many runs there are at most")
	fl.StringVar(&f.out, "out", "", "write the scenario to a file instead of stdout")
	fl.BoolVar(&f.json, "json", false, "print one JSON object that says how small it is now")
	return cmd
}

const maxTries = 1000

// shrinkReport is what shrink --json prints.
type shrinkReport struct {
	Scenario string     `json:"scenario"`
	Why      string     `json:"why"`
	Seed     uint64     `json:"seed"` // with which it fails now
	From     shrinkSize `json:"from"`
	To       shrinkSize `json:"to"`
	Runs     int        `json:"runs"`
	Complete bool       `json:"complete"` // false: --runs were too few
	WallMS   float64    `json:"wall_ms"`
	Replay   string     `json:"replay"`
}

type shrinkSize struct {
	scenario.Size
	SpanMS float64 `json:"span_ms"` // of virtual time, until it has failed
}

func (a *app) shrink(ctx context.Context, file string, f *shrinkFlags) error {
	s, err := f.load(file)
	if err != nil {
		return err
	}
	out, err := a.OpenOutput("--out", f.out)
	if err != nil {
		return cli.Exit(cli.ExitUsage, err)
	}
	defer out.Discard()
	start := time.Now()
	told, shown := start, false
	seed := f.seed.of(s)
	k, err := scenario.Shrink(file, f.set, scenario.ShrinkOptions{
		Seed: seed, Tries: f.tries, Runs: f.runs,
		Progress: func(p scenario.ShrinkProgress) error {
			if now := time.Now(); a.Watched && now.Sub(told) >= glance {
				told, shown = now, true
				fmt.Fprint(a.Err, cli.ClearLine+shrinkLine(p))
			}
			return ctx.Err()
		},
	})
	if shown {
		fmt.Fprint(a.Err, cli.ClearLine)
	}
	switch {
	case ctx.Err() != nil:
		return cli.Exit(cli.ExitInterrupted, errInterrupted)
	case errors.Is(err, scenario.ErrPasses):
		return cli.Exit(exitFailed, fmt.Errorf("%s does not fail with seed %d; there is nothing to shrink", file, seed))
	case err != nil:
		return cli.Exit(cli.ExitUsage, err)
	}
	if _, err = out.Write(k.Text); err == nil {
		err = out.Commit()
	}
	if err == nil {
		err = a.showShrunk(s.Name(), k, time.Since(start), f)
	}
	if err != nil {
		return cli.Exit(cli.ExitUsage, fmt.Errorf("output: %w", err))
	}
	return nil
}

func (a *app) showShrunk(name string, k *scenario.Shrunk, took time.Duration, f *shrinkFlags) error {
	again := ""
	if f.out != "" && f.out != "-" {
		again = "sim replay " + quoteWord(f.out)
	}
	if f.json {
		_, err := a.Out.Write(cli.EncodeJSON(shrinkReport{
			Scenario: name, Why: k.Why, Seed: k.Seed, Runs: k.Runs, Complete: k.Complete, WallMS: cli.Milliseconds(took), Replay: again,
			From: shrinkSize{k.From, cli.Milliseconds(k.From.Span)}, To: shrinkSize{k.To, cli.Milliseconds(k.To.Span)},
		}, a.Terminal))
		return err
	}
	more := ""
	if !k.Complete {
		more = "; more --runs may make it smaller"
	}
	_, err := fmt.Fprintf(a.Err, "%s: from %s to %s, in %s and %s%s\n  it fails with seed %d: %s\n", cli.Printable(name), sizeText(k.From), sizeText(k.To),
		cli.Plural(uint64(k.Runs), "run"), seconds(cli.Milliseconds(took)), more, k.Seed, cli.Printable(cli.PlainText(k.Why)))
	if err == nil && again != "" {
		_, err = fmt.Fprintf(a.Err, "  again: %s\n", again)
	}
	return err
}

func sizeText(z scenario.Size) string {
	s := fmt.Sprintf("%s, %s, %s", cli.Plural(uint64(z.Nodes), "node"), cli.Plural(uint64(z.Faults), "fault"), cli.Plural(uint64(z.Actions), "action"))
	if z.Span > 0 {
		s += ", " + seconds(cli.Milliseconds(z.Span))
	}
	return s
}

// shrinkLine says how far it is.
func shrinkLine(p scenario.ShrinkProgress) string {
	return fmt.Sprintf("%s; at most %s are left", cli.Plural(uint64(p.Runs), "run"), sizeText(p.Size))
}
