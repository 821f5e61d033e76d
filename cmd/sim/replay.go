package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/coap2/coap2/cmd/internal/cli"
	"github.com/coap2/coap2/sim/scenario"
)

type replayFlags struct {
	runFlags
	seed seedFlag
	hash string
	out  string
}

func (a *app) replayCommand() *cobra.Command {
	f := &replayFlags{}
	cmd := &cobra.Command{
		Use:   "replay FILE",
		Short: "Run a scenario again and print everything that happens",
		Long: `Run a scenario and print its trace: every message that is sent and what becomes of
it, every handler that is called, what the nodes say of it, and the faults. Each
line begins with the virtual time in seconds. What came of it goes to stderr.

With --hash the trace must be the one that another run has named.`,
		Example: `  sim replay hello
  sim replay chaos --seed 17
  sim replay hello --until 5s
  sim replay load --seed 1 --out load.trace`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return a.replay(cmd.Context(), args[0], f)
		},
	}
	f.add(cmd)
	f.seed.add(cmd)
	cmd.Flags().StringVar(&f.hash, "hash", "", "the hash that the trace must have; exit code 1 if it has another")
	cmd.Flags().StringVar(&f.out, "out", "", "write the trace to a file instead of stdout")
	cli.Complete(cmd, "hash", cli.Nothing)
	return cmd
}

func (f *replayFlags) check() error {
	if f.hash != "" {
		if _, err := strconv.ParseUint(f.hash, 16, 64); err != nil || len(f.hash) != 16 {
			return fmt.Errorf("--hash is %q; it must be 16 hexadecimal digits, as in the report of a run", f.hash)
		}
	}
	return f.runFlags.check()
}

func (a *app) replay(ctx context.Context, file string, f *replayFlags) error {
	s, err := f.load(file)
	if err != nil {
		return err
	}
	out, err := a.OpenOutput("--out", f.out)
	if err != nil {
		return cli.Exit(cli.ExitUsage, err)
	}
	defer out.Discard()
	trace := bufio.NewWriterSize(out, 1<<16)
	w := a.newWatch(ctx, 0)
	w.quiet = f.out == "" && a.Terminal // the trace is there
	rep, err := s.Run(f.seed.of(s), scenario.Options{Until: f.until, Trace: trace, Progress: w.progress})
	w.done()
	if err == nil {
		err = errors.Join(trace.Flush(), out.Commit())
		if err != nil {
			err = fmt.Errorf("output: %w", err)
		}
	}
	switch {
	case ctx.Err() != nil:
		_ = trace.Flush() // what there is of it
		return cli.Exit(cli.ExitInterrupted, errInterrupted)
	case err != nil:
		return cli.Exit(cli.ExitUsage, err)
	}
	rep.WallMS = cli.Milliseconds(w.took())
	_, _ = a.Err.Write(appendReport(nil, rep, f.again(file, rep.Seed), false))
	switch {
	case f.hash != "" && f.hash != rep.TraceHash:
		return cli.Exit(exitFailed, fmt.Errorf("the trace is another: its hash is %s, not %s", rep.TraceHash, f.hash))
	case !rep.Passed:
		return cli.Exit(exitFailed, nil)
	}
	return nil
}
