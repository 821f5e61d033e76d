package main

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/coap2/coap2/cmd/internal/cli"
	"github.com/coap2/coap2/sim/page"
	"github.com/coap2/coap2/sim/scenario"
)

type sweepFlags struct {
	runFlags
	seeds seedsFlag
	jobs  int
	json  bool
	jsonl string
	twice bool
	html  string
	// markdown: the table of what is compared is one of Markdown.
	markdown bool
}

func (a *app) sweepCommand() *cobra.Command {
	f := &sweepFlags{}
	cmd := &cobra.Command{
		Use:   "sweep FILE",
		Short: "Run a scenario with many seeds",
		Long: `Run a scenario with one seed after the other, several at a time, and tell which
fail, why, and how to see such a run again. The last line counts them. How many
run at a time changes nothing in any of them. Where a scenario compares strategies,
there is a table before that: the mean of every result over the seeds.`,
		Example: `  sim sweep chaos --seeds 1..1000
  sim sweep hello --seeds 1..20 -j 2 --jsonl reports.jsonl
  sim sweep chaos --seeds 1..200 --html seeds.html
  sim sweep discovery-1000 --seeds 1..5 --json
  sim sweep discover-resource --seeds 1..2 --markdown
  sim sweep chaos --seeds 1..10 --check-determinism`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return a.sweep(cmd.Context(), args[0], f)
		},
	}
	f.add(cmd)
	fl := cmd.Flags()
	fl.Var(&f.seeds, "seeds", "the first and the last seed (default: those of the scenario)")
	addJobs(cmd, &f.jobs)
	fl.BoolVar(&f.json, "json", false, "print one JSON object that counts them and lists those that failed")
	fl.StringVar(&f.jsonl, "jsonl", "", "write the report of every seed to a file, one JSON object a line; - is stdout")
	fl.StringVar(&f.html, "html", "", "write a page of all seeds, in which a click shows how to run one again")
	fl.BoolVar(&f.twice, "check-determinism", false, "run every seed twice; it fails if the second run is not the same")
	fl.BoolVar(&f.markdown, "markdown", false, "print the table of what is compared as one of Markdown")
	cli.Complete(cmd, "seeds", cli.Nothing)
	return cmd
}

func addJobs(cmd *cobra.Command, jobs *int) {
	cmd.Flags().IntVarP(jobs, "jobs", "j", 0, "how many seeds run at a time; 0 = one for each processor")
}

func checkJobs(jobs int) error {
	if jobs < 0 || jobs > 1024 {
		return fmt.Errorf("--jobs is %d; it must be from 0 to 1024", jobs)
	}
	return nil
}

func (f *sweepFlags) check() error {
	if err := checkJobs(f.jobs); err != nil {
		return err
	}
	if f.jsonl == "-" && f.json {
		return errors.New("--jsonl - and --json both write to stdout; give --jsonl a file")
	}
	if f.html == "-" {
		return errors.New("--html needs the name of a file")
	}
	return f.runFlags.check()
}

// swept is what came of one seed.
type swept struct {
	seed uint64
	rep  *scenario.Report
	err  error
}

// sweepReport is what sweep --json prints.
type sweepReport struct {
	Scenario string `json:"scenario"`
	Seeds    int    `json:"seeds"` // that were run
	Passed   int    `json:"passed"`
	Failed   int    `json:"failed"`
	// TraceHash stands for the traces of all seeds together.
	TraceHash  string  `json:"trace_hash"`
	Deliveries uint64  `json:"deliveries"`
	VirtualMS  float64 `json:"virtual_ms"` // of all of them
	WallMS     float64 `json:"wall_ms"`
	// Compared are the means of what the strategies came to; see compare.
	Compared []comparedJSON `json:"compared,omitempty"`
	Failures []sweepFailed  `json:"failures"`
}

type sweepFailed struct {
	Seed   uint64   `json:"seed"`
	Why    []string `json:"why"`
	Replay string   `json:"replay"`
}

func (a *app) sweep(ctx context.Context, file string, f *sweepFlags) error {
	s, err := f.load(file)
	if err != nil {
		return err
	}
	var lines *stream
	if f.jsonl != "" {
		if lines, err = a.openStream("--jsonl", f.jsonl); err != nil {
			return cli.Exit(cli.ExitUsage, err)
		}
		defer lines.out.Discard()
	}
	var sheet *stream
	if f.html != "" {
		if sheet, err = a.openStream("--html", f.html); err != nil {
			return cli.Exit(cli.ExitUsage, err)
		}
		defer sheet.out.Discard()
	}
	seeds := s.Seeds()
	if f.seeds.set {
		seeds = f.seeds.seeds
	}
	jobs := f.jobs
	if jobs == 0 {
		jobs = processors()
	}
	t := &sweepTotal{a: a, f: f, file: file, of: seeds.Len(), start: time.Now()}
	t.Scenario, t.Failures = s.Name(), []sweepFailed{}
	t.page = page.Sweep{Scenario: s.Name(), About: s.About(), Seeds: []page.Seed{}}
	hash := fnv.New64a()
	for r := range a.runSeeds(ctx, s, seeds, min(jobs, seeds.Len()), f) {
		t.add(&r)
		if r.rep == nil {
			continue
		}
		_, _ = io.WriteString(hash, r.rep.TraceHash)
		if lines != nil {
			_, _ = lines.buf.Write(cli.EncodeJSON(r.rep, false)) // Flush returns its error
		}
	}
	t.WallMS = cli.Milliseconds(time.Since(t.start))
	t.TraceHash = fmt.Sprintf("%016x", hash.Sum64())
	t.clear()
	if sheet != nil {
		t.page.Failed = t.Failed
		if err := page.WriteSweep(sheet.buf, &t.page); err != nil {
			return cli.Exit(cli.ExitUsage, fmt.Errorf("--html: %w", err))
		}
	}
	if lines != nil || sheet != nil {
		o := &outputs{jsonl: lines, pcapng: sheet}
		if err := o.commit(); err != nil {
			return cli.Exit(cli.ExitUsage, err)
		}
	}
	last := fmt.Sprintf("%d seeds, %d passed, %d failed\n", t.Seeds, t.Passed, t.Failed) // for machines too
	out, text := a.Out, []byte(last)
	if len(t.table.rows) > 0 {
		t.Compared = t.table.json()
		text = append(t.table.append(nil, "", f.markdown), text...)
	}
	switch {
	case f.json:
		text = cli.EncodeJSON(t.sweepReport, a.Terminal)
	case f.jsonl == "-":
		out = a.Err
	}
	if _, err := out.Write(text); err != nil {
		return cli.Exit(cli.ExitUsage, fmt.Errorf("output: %w", err))
	}
	switch {
	case ctx.Err() != nil:
		return cli.Exit(cli.ExitInterrupted, errInterrupted)
	case t.Failed > 0:
		return cli.Exit(exitFailed, nil)
	}
	return nil
}

// runSeeds runs a scenario with all seeds, so many at a time, and yields what
// came of them in the order of the seeds. It ends early with the context.
func (a *app) runSeeds(ctx context.Context, s *scenario.Scenario, seeds scenario.Seeds, jobs int, f *sweepFlags) func(yield func(swept) bool) {
	return func(yield func(swept) bool) {
		// Each worker takes the next seed; what is ready early waits here, and
		// the workers for it, so that there is never much of it.
		next := make(chan chan swept, 4*jobs)
		work := make(chan func(), jobs)
		var workers sync.WaitGroup
		for range jobs {
			workers.Go(func() {
				for do := range work {
					do()
				}
			})
		}
		go func() {
			defer close(next)
			defer close(work)
			for n := range uint64(seeds.Len()) {
				if ctx.Err() != nil {
					return
				}
				seed, done := seeds.From+n, make(chan swept, 1)
				next <- done
				work <- func() { done <- a.runSeed(ctx, s, seed, f) }
			}
		}()
		more := true
		for done := range next { // to the end, so that nobody is left waiting
			if r := <-done; more && ctx.Err() == nil {
				more = yield(r)
			}
		}
		workers.Wait()
	}
}

// runSeed runs a scenario with one seed.
func (a *app) runSeed(ctx context.Context, s *scenario.Scenario, seed uint64, f *sweepFlags) swept {
	start := time.Now()
	o := scenario.Options{Until: f.until, Slice: time.Second, Progress: func(scenario.Progress) (time.Duration, error) {
		return time.Second, ctx.Err()
	}}
	r := swept{seed: seed}
	if f.twice {
		r.rep, r.err = a.runTwice(s, seed, o)
	} else {
		r.rep, r.err = s.Run(seed, o)
	}
	if r.rep != nil {
		r.rep.WallMS = cli.Milliseconds(time.Since(start))
	}
	return r
}

// sweepTotal adds up what comes of the seeds, and tells of it.
type sweepTotal struct {
	sweepReport
	a     *app
	f     *sweepFlags
	file  string
	of    int
	start time.Time
	told  time.Time
	shown bool
	table comparison
	page  page.Sweep
}

func (t *sweepTotal) add(r *swept) {
	t.Seeds++
	why := failures(r)
	if r.rep != nil {
		t.table.add(r.rep)
		t.Deliveries += r.rep.Deliveries
		t.VirtualMS = cli.Rounded(t.VirtualMS+r.rep.VirtualMS, 3)
	}
	if len(why) == 0 {
		t.Passed++
	} else {
		t.Failed++
		failed := sweepFailed{r.seed, why, t.f.again(t.file, r.seed)}
		if len(t.Failures) < maxFailures {
			t.Failures = append(t.Failures, failed)
		}
		t.tell(failed)
	}
	if len(t.page.Seeds) < page.MaxSeeds {
		t.page.Seeds = append(t.page.Seeds, seedOf(r, why, t.f.again(t.file, r.seed)))
	} else {
		t.page.LeftOut++
	}
	if now := time.Now(); t.a.Watched && now.Sub(t.told) >= glance {
		rate := float64(t.Seeds) / now.Sub(t.start).Seconds()
		fmt.Fprintf(t.a.Err, cli.ClearLine+"%s of %s seeds, %d failed, %.1f seeds/s, %.0f s left",
			cli.Thousands(uint64(t.Seeds)), cli.Thousands(uint64(t.of)), t.Failed, rate, float64(t.of-t.Seeds)/rate)
		t.told, t.shown = now, true
	}
}

// maxFailures is how many failures --json lists.
const maxFailures = 1000

// tell prints how a seed failed: where people read the results, on stdout.
func (t *sweepTotal) tell(failed sweepFailed) {
	t.clear()
	out := t.a.Out
	if t.f.json || t.f.jsonl == "-" {
		out = t.a.Err
	}
	_, _ = fmt.Fprintf(out, "seed %d failed: %s\n  again: %s\n", failed.Seed, strings.Join(failed.Why, "; "), failed.Replay)
}

func (t *sweepTotal) clear() {
	if t.shown {
		fmt.Fprint(t.a.Err, cli.ClearLine)
		t.shown = false
	}
}

// failures says why a seed failed; nothing if it did not.
func failures(r *swept) []string {
	var why []string
	if r.err != nil {
		why = append(why, cli.Printable(cli.Plain(r.err)))
	}
	if r.rep == nil {
		return why
	}
	for i := range r.rep.Expectations {
		if x := &r.rep.Expectations[i]; !x.OK {
			why = append(why, fmt.Sprintf("%s (%s)", cli.Printable(x.Expression), sidesOf(x)))
		}
	}
	for _, v := range r.rep.Violations {
		first, _, _ := strings.Cut(v, "\n")
		why = append(why, cli.Printable(cli.PlainText(first)))
	}
	return why
}
