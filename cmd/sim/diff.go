package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"time"

	"github.com/spf13/cobra"

	"github.com/coap2/coap2/cmd/internal/cli"
	"github.com/coap2/coap2/sim"
	"github.com/coap2/coap2/sim/scenario"
)

type diffFlags struct {
	runFlags
	seed    seedFlag
	seed2   seedFlag
	set2    []string
	context int
	ids     bool
	json    bool
}

func (a *app) diffCommand() *cobra.Command {
	f := &diffFlags{}
	cmd := &cobra.Command{
		Use:   "diff A [B]",
		Short: "Find the first event at which two runs part",
		Long: `Find the first event at which two runs part, and print what comes before and after
it. A and B are scenarios, or traces that sim replay --out has written; without B
it is A once more, with another seed (--seed2) or changed otherwise (--set2).

Message IDs and tokens, which follow from the seed, are not looked at unless
--ids is given. The exit code is 0 if the runs are the same, 1 if they part.`,
		Example: `  sim diff hello
  sim diff load --set2 link.loss=0
  sim diff chaos --seed 7 --seed2 7 --ids`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 {
				return nil
			}
			return oneFile(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return a.diff(cmd.Context(), args[0], args[len(args)-1], f)
		},
	}
	args := cmd.Args
	f.add(cmd)
	cmd.Args = args
	f.seed.add(cmd)
	fl := cmd.Flags()
	fl.Var(&f.seed2, "seed2", "the seed of B (default: --seed, or that of the scenario)")
	fl.StringArrayVar(&f.set2, "set2", nil, "change B besides, as --set changes both; may be repeated")
	fl.IntVar(&f.context, "context", 3, "how many events to show before and after it")
	fl.BoolVar(&f.ids, "ids", false, "message IDs and tokens count")
	fl.BoolVar(&f.json, "json", false, "print one JSON object that says where they part")
	cli.Complete(cmd, "seed2", cli.Nothing)
	cli.Complete(cmd, "set2", cli.Nothing)
	return cmd
}

// maxContext is how many events are shown around one.
const maxContext = 1000

func (f *diffFlags) check() error {
	if f.context < 0 || f.context > maxContext {
		return fmt.Errorf("--context is %d; it must be from 0 to %d", f.context, maxContext)
	}
	return f.runFlags.check()
}

// traced is one of the two runs: a recorded trace, or a scenario to be run.
type traced struct {
	file  *os.File           // nil = it is a scenario
	s     *scenario.Scenario // nil = it is a trace
	seed  uint64
	again string
}

func (t *traced) close() {
	if t != nil && t.file != nil {
		_ = t.file.Close()
	}
}

// traceLine is what a line of a trace begins with.
var traceLine = regexp.MustCompile(`^ *\d+\.\d{6} `)

// openTraced opens what an argument names.
func openTraced(name string, f *runFlags, seed *seedFlag) (*traced, error) {
	if file, err := os.Open(name); err == nil {
		head := make([]byte, 32)
		n, _ := io.ReadFull(file, head)
		if traceLine.Match(head[:n]) {
			_, err = file.Seek(0, io.SeekStart)
			if err != nil {
				_ = file.Close()
				return nil, cli.Exit(cli.ExitUsage, fmt.Errorf("%s: %w", name, err))
			}
			return &traced{file: file}, nil
		}
		_ = file.Close()
	}
	s, err := f.load(name)
	if err != nil {
		return nil, err
	}
	return &traced{s: s, seed: seed.of(s), again: f.again(name, seed.of(s))}, nil
}

// diffReport is what diff --json prints.
type diffReport struct {
	Same   bool   `json:"same"`
	Event  int    `json:"event,omitempty"` // its number, from 1
	First  string `json:"first,omitempty"`
	Second string `json:"second,omitempty"`
	// Context comes before it in both; FirstAfter and SecondAfter come after it.
	Context     []string `json:"context,omitempty"`
	FirstAfter  []string `json:"first_after,omitempty"`
	SecondAfter []string `json:"second_after,omitempty"`
	FirstRun    string   `json:"first_run,omitempty"`
	SecondRun   string   `json:"second_run,omitempty"`
}

// errEnough ends a run of which nothing more needs to be known.
var errEnough = errors.New("enough is known")

func (a *app) diff(ctx context.Context, first, second string, f *diffFlags) error {
	one, err := openTraced(first, &f.runFlags, &f.seed)
	if err != nil {
		return err
	}
	defer one.close()
	f2, seed := f.runFlags, &f.seed
	f2.set = append(append([]string(nil), f.set...), f.set2...)
	if f.seed2.set {
		seed = &f.seed2
	}
	two, err := openTraced(second, &f2, seed)
	if err != nil {
		return err
	}
	defer two.close()
	p, err := a.compareTraced(ctx, one, two, f)
	switch {
	case ctx.Err() != nil:
		return cli.Exit(cli.ExitInterrupted, errInterrupted)
	case err != nil:
		return cli.Exit(cli.ExitUsage, err)
	}
	out := []byte(fmt.Sprintf("the runs are the same%s\n", map[bool]string{true: "", false: ", but maybe for message IDs and tokens"}[f.ids]))
	r := diffReport{Same: p == nil, FirstRun: one.again, SecondRun: two.again}
	if p != nil {
		r.Event, r.First, r.Second, r.Context, r.FirstAfter, r.SecondAfter = p.Event, p.First, p.Second, p.Context, p.FirstAfter, p.SecondAfter
		out = appendParting(nil, p, one, two, first, second)
	}
	if f.json {
		out = cli.EncodeJSON(r, a.Terminal)
	}
	if _, err := a.Out.Write(out); err != nil {
		return cli.Exit(cli.ExitUsage, fmt.Errorf("output: %w", err))
	}
	if p != nil {
		return cli.Exit(exitFailed, nil)
	}
	return nil
}

// compareTraced finds where two runs part. The trace of the first is kept in a
// file that nobody else sees.
func (a *app) compareTraced(ctx context.Context, one, two *traced, f *diffFlags) (*sim.Parting, error) {
	recorded := one.file
	if recorded == nil {
		spool, err := os.CreateTemp("", "sim-trace-")
		if err != nil {
			return nil, fmt.Errorf("the trace of the first run cannot be kept: %w", err)
		}
		defer func() {
			_ = spool.Close()
			_ = os.Remove(spool.Name())
		}()
		trace := bufio.NewWriterSize(spool, 1<<16)
		w := a.newWatch(ctx, 0)
		_, err = one.s.Run(one.seed, scenario.Options{Until: f.until, Trace: trace, Progress: w.progress})
		w.done()
		if err == nil {
			err = trace.Flush()
		}
		if err == nil {
			_, err = spool.Seek(0, io.SeekStart)
		}
		if err != nil {
			return nil, err
		}
		recorded = spool
	}
	c := sim.NewComparer(recorded, f.context, f.ids)
	if two.file != nil {
		if err := feed(ctx, c, two.file); err != nil {
			return nil, err
		}
		return c.End()
	}
	w := a.newWatch(ctx, 0)
	_, err := two.s.Run(two.seed, scenario.Options{Until: f.until, Trace: c, Progress: func(p scenario.Progress) (time.Duration, error) {
		if c.Done() {
			return 0, errEnough
		}
		return w.progress(p)
	}})
	w.done()
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	return c.End()
}

// feed writes a recorded trace to a Comparer, as far as it wants to know it.
func feed(ctx context.Context, c *sim.Comparer, file io.Reader) error {
	b := make([]byte, 1<<16)
	for !c.Done() && ctx.Err() == nil {
		n, err := file.Read(b)
		if _, werr := c.Write(b[:n]); werr != nil {
			return werr
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// appendParting appends where two runs part as people read it.
func appendParting(b []byte, p *sim.Parting, one, two *traced, first, second string) []byte {
	name := func(t *traced, file string) string {
		if t.s == nil {
			return cli.Printable(file)
		}
		return fmt.Sprintf("%s, seed %d", cli.Printable(t.s.Name()), t.seed)
	}
	b = fmt.Appendf(b, "the runs part in event %s\n", cli.Thousands(uint64(p.Event)))
	lines := func(title string, first string, events []string) {
		for i, e := range append([]string{first}, events...) {
			if i > 0 {
				title = ""
			}
			if e == "" {
				if i == 0 && title != "" && title != "before" {
					e = "(nothing: it has ended)"
				} else {
					continue
				}
			}
			b = fmt.Appendf(b, "  %-8s  %s\n", title, cli.Printable(e))
		}
	}
	if n := len(p.Context); n > 0 {
		lines("before", p.Context[0], p.Context[1:])
	}
	b = fmt.Appendf(b, "A: %s\n", name(one, first))
	lines("here", p.First, p.FirstAfter)
	b = fmt.Appendf(b, "B: %s\n", name(two, second))
	lines("here", p.Second, p.SecondAfter)
	for i, t := range []*traced{one, two} {
		if t.again != "" {
			b = fmt.Appendf(b, "  again %c   %s\n", 'A'+i, t.again)
		}
	}
	return b
}
