package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/coap2/coap2/cmd/internal/cli"
	"github.com/coap2/coap2/sim"
	"github.com/coap2/coap2/sim/page"
	"github.com/coap2/coap2/sim/pcap"
	"github.com/coap2/coap2/sim/scenario"
)

type oneFlags struct {
	runFlags
	seed   seedFlag
	speed  speedFlag
	jsonl  string
	pcapng string
	htmlFlags
	json  bool
	twice bool
	// with these it is a sweep
	seeds seedsFlag
	jobs  int
}

func (a *app) runCommand() *cobra.Command {
	f := &oneFlags{}
	cmd := &cobra.Command{
		Use:   "run FILE",
		Short: "Run a scenario and say how it went",
		Long: `Run a scenario and print a table of what came of it, whether what was expected is
true, the hash of the trace, and the command that shows the run again. Two runs
with the same hash are the same to the last message.

With --check-determinism it is run twice; if the second run is not the same, the
first event that differs is named. With --speed 1x virtual time goes no faster
than real time.

--jsonl writes what happens, one JSON object a line: "sent", "delivered" and
"lost" datagrams, and what happens to actions and faults. --pcapng writes the
datagrams as Wireshark opens them, --html one page that shows them on a map, over
time and byte by byte, in any browser, with the energy and loss of each node. With --seeds it is as sim sweep.`,
		Example: `  sim run hello
  sim run discovery-1000 --set nodes.s.count=100000
  sim run load --seed 7 --json
  sim run load --jsonl load.jsonl --pcapng load.pcapng
  sim run discovery-1000 --html page.html --against nodes.s.params.leisure=1s
  sim run chaos --check-determinism
  sim run hello --speed 1x`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			if f.seeds.set {
				return a.sweep(cmd.Context(), args[0], &sweepFlags{f.runFlags, f.seeds, f.jobs, f.json, f.jsonl, f.twice, f.html, false})
			}
			return a.run(cmd.Context(), args[0], f)
		},
	}
	f.add(cmd)
	f.seed.add(cmd)
	fl := cmd.Flags()
	fl.Var(&f.speed, "speed", "how fast virtual time goes: max, or a multiple of real time such as 1x")
	fl.BoolVar(&f.json, "json", false, "print one JSON object that says everything")
	fl.StringVar(&f.jsonl, "jsonl", "", "write what happens to a file, one JSON object a line; - is stdout")
	fl.StringVar(&f.pcapng, "pcapng", "", "write the datagrams to a file that Wireshark opens")
	fl.StringVar(&f.html, "html", "", "write a page that shows the run in a browser; it loads nothing from elsewhere")
	f.addAgainst(cmd)
	fl.BoolVar(&f.twice, "check-determinism", false, "run it twice and name the first event that differs")
	fl.Var(&f.seeds, "seeds", "run it with several seeds, the first and the last, as sim sweep does")
	addJobs(cmd, &f.jobs)
	cli.Complete(cmd, "seeds", cli.Nothing)
	cli.Complete(cmd, "speed", cobra.FixedCompletions([]cobra.Completion{"max", "1x", "10x"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (f *oneFlags) check() error {
	if f.jsonl == "-" && f.json {
		return errors.New("--jsonl - and --json both write to stdout; give --jsonl a file")
	}
	if f.pcapng == "-" {
		return errors.New("--pcapng needs the name of a file")
	}
	if err := f.checkPage(); err != nil {
		return err
	}
	if f.seeds.set && len(f.against) > 0 {
		return errors.New("--seeds and --against do not go together")
	}
	if f.seeds.set && (f.seed.set || f.speed.times > 0 || f.pcapng != "") {
		return errors.New("--seeds does not go with --seed, --speed or --pcapng, which are for one run")
	}
	if err := checkJobs(f.jobs); err != nil {
		return err
	}
	if f.twice && f.speed.times > 0 {
		return errors.New("--check-determinism and --speed do not go together")
	}
	return f.runFlags.check()
}

// run runs a scenario once, or twice to see that it is the same.
func (a *app) run(ctx context.Context, file string, f *oneFlags) error {
	s, err := f.load(file)
	if err != nil {
		return err
	}
	outs, err := a.openOutputs(f, s)
	if err != nil {
		return cli.Exit(cli.ExitUsage, err)
	}
	defer outs.discard()
	seed := f.seed.of(s)
	w := a.newWatch(ctx, f.speed.times)
	o := scenario.Options{Until: f.until, Progress: w.progress, Begin: outs.begin, Event: outs.event}
	if outs.page != nil {
		c := outs.page.collector
		o.End, o.Compared, o.Progress = c.End, c.Compared, c.Progress(w.progress)
	}
	var rep *scenario.Report
	var differs *sim.Divergence
	if f.twice {
		rep, err = a.runTwice(s, seed, o)
		if errors.As(err, &differs) {
			err = nil
		}
	} else {
		rep, err = s.Run(seed, o)
	}
	w.done()
	if err == nil && outs.page != nil {
		outs.page.run = outs.page.collector.Run(rep, f.again(file, seed))
		outs.page.run.Others, err = a.others(ctx, file, &f.runFlags, f.against, seed)
	}
	if err != nil {
		if ctx.Err() != nil {
			return cli.Exit(cli.ExitInterrupted, errInterrupted)
		}
		return cli.Exit(cli.ExitUsage, err)
	}
	rep.WallMS = cli.Milliseconds(w.took())
	if err := outs.commit(); err != nil {
		return cli.Exit(cli.ExitUsage, err)
	}
	if err := a.show(rep, f, file, outs); err != nil {
		return cli.Exit(cli.ExitUsage, fmt.Errorf("output: %w", err))
	}
	switch {
	case differs != nil:
		return cli.Exit(exitFailed, fmt.Errorf("two runs with the same seed are not the same: %w", differs))
	case !rep.Passed:
		return cli.Exit(exitFailed, nil) // the report has said so
	}
	return nil
}

// show prints the report: to stdout, unless the events go there.
func (a *app) show(rep *scenario.Report, f *oneFlags, file string, outs *outputs) error {
	out := a.Out
	if f.jsonl == "-" {
		out = a.Err
	}
	again := f.again(file, rep.Seed)
	var err error
	if f.json {
		_, err = out.Write(cli.EncodeJSON(struct {
			*scenario.Report
			Replay string `json:"replay"`
		}{rep, again}, a.Terminal))
	} else {
		_, err = out.Write(appendReport(nil, rep, again, f.twice))
	}
	return err
}

// runTwice runs a scenario twice, with the trace of the first run in a file that
// nobody else sees.
func (a *app) runTwice(s *scenario.Scenario, seed uint64, o scenario.Options) (*scenario.Report, error) {
	spool, err := os.CreateTemp("", "sim-trace-")
	if err != nil {
		return nil, fmt.Errorf("the trace of the first run cannot be kept: %w", err)
	}
	defer func() {
		_ = spool.Close()
		_ = os.Remove(spool.Name())
	}()
	return s.Compare(seed, o, spool)
}

// outputs are the files that a run writes besides its report.
type outputs struct {
	jsonl  *stream
	pcapng *stream
	page   *sheet
	log    *eventLog
	packet *pcap.Writer // into pcapng
	begun  bool
}

// stream is a file that is there in full in the end, or not at all.
type stream struct {
	flag string
	out  *cli.Output
	buf  *bufio.Writer
}

func (a *app) openStream(flag, path string) (*stream, error) {
	out, err := a.OpenOutput(flag, path)
	if err != nil {
		return nil, err
	}
	return &stream{flag, out, bufio.NewWriterSize(out, 1<<16)}, nil
}

func (a *app) openOutputs(f *oneFlags, s *scenario.Scenario) (o *outputs, err error) {
	o = &outputs{}
	if f.jsonl != "" {
		if o.jsonl, err = a.openStream("--jsonl", f.jsonl); err != nil {
			return nil, err
		}
		o.log = &eventLog{out: o.jsonl.buf}
	}
	if f.html != "" {
		out, err := a.openStream("--html", f.html)
		if err != nil {
			o.discard()
			return nil, err
		}
		o.page = &sheet{out: out, collector: page.NewCollector(s, page.Limits{})}
	}
	if f.pcapng != "" {
		if o.pcapng, err = a.openStream("--pcapng", f.pcapng); err == nil {
			o.packet, err = pcap.New(o.pcapng.buf, pcap.Config{})
		}
		if err != nil {
			o.discard()
			return nil, err
		}
	}
	return o, nil
}

func (o *outputs) streams() []*stream {
	var ss []*stream
	for _, s := range []*stream{o.jsonl, o.pcapng} {
		if s != nil {
			ss = append(ss, s)
		}
	}
	if o.page != nil {
		ss = append(ss, o.page.out)
	}
	return ss
}

func (o *outputs) discard() {
	for _, s := range o.streams() {
		s.out.Discard()
	}
}

// begin has the World write into the files. Where a scenario is run twice, that
// is the first run.
func (o *outputs) begin(w *sim.World) {
	if o.begun {
		return
	}
	o.begun = true
	if o.log != nil {
		o.log.w = w
		w.Watch(o.log.transit)
	}
	if o.packet != nil {
		w.Watch(o.packet.Record)
		w.WatchFrames(o.packet.RecordFrame)
	}
	if o.page != nil {
		o.page.collector.Begin(w)
	}
}

func (o *outputs) event(e scenario.Event) {
	if o.log != nil {
		o.log.event(e)
	}
	if o.page != nil {
		o.page.collector.Event(e)
	}
}

// commit puts the files in their places.
func (o *outputs) commit() error {
	if o.packet != nil {
		if err := o.packet.Flush(); err != nil {
			return fmt.Errorf("%s: %w", o.pcapng.flag, err)
		}
	}
	if o.page != nil {
		if err := o.page.write(); err != nil {
			return fmt.Errorf("--html: %w", err)
		}
	}
	for _, s := range o.streams() {
		err := s.buf.Flush()
		if err == nil {
			_, err = s.out.Write(nil) // so that an empty file is there too
		}
		if err == nil {
			err = s.out.Commit()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", s.flag, err)
		}
	}
	return nil
}

// watch keeps an eye on a run: it holds it back, ends it, and says how it goes.
type watch struct {
	a          *app
	ctx        context.Context
	start, end time.Time
	times      float64
	slice      time.Duration
	last       time.Time
	told       time.Time
	before     scenario.Progress
	shown      bool
	quiet      bool // no progress line
}

func (a *app) newWatch(ctx context.Context, times float64) *watch {
	now := time.Now()
	return &watch{a: a, ctx: ctx, start: now, last: now, told: now, times: times, slice: 10 * time.Millisecond}
}

const (
	// glance is how often a progress line is written anew.
	glance = 200 * time.Millisecond
	// stride is how long a slice of virtual time should take in real time.
	stride = 20 * time.Millisecond
)

// progress is a scenario's Options.Progress.
func (w *watch) progress(p scenario.Progress) (time.Duration, error) {
	if w.ctx.Err() != nil {
		return 0, w.ctx.Err()
	}
	now := time.Now()
	if w.times > 0 {
		if ahead := time.Duration(float64(p.Elapsed)/w.times) - now.Sub(w.start); ahead > 0 {
			t := time.NewTimer(ahead)
			defer t.Stop()
			select {
			case <-t.C:
			case <-w.ctx.Done():
				return 0, w.ctx.Err()
			}
		}
		w.slice = max(time.Duration(w.times*float64(stride)), time.Microsecond)
	} else {
		switch took := now.Sub(w.last); {
		case took > 2*stride:
			w.slice = max(w.slice/2, 10*time.Microsecond)
		case took < stride/2:
			w.slice = min(2*w.slice, time.Hour)
		}
	}
	if w.a.Watched && !w.quiet && now.Sub(w.told) >= glance {
		fmt.Fprint(w.a.Err, cli.ClearLine+progressLine(p, w.before, now.Sub(w.start), now.Sub(w.told)))
		w.told, w.before, w.shown = now, p, true
	}
	w.last = time.Now()
	return w.slice, nil
}

// done ends the progress line.
func (w *watch) done() {
	w.end = time.Now()
	if w.shown {
		fmt.Fprint(w.a.Err, cli.ClearLine)
	}
}

func (w *watch) took() time.Duration { return w.end.Sub(w.start) }

// progressLine says how far a run is, and how fast it goes.
func progressLine(p, before scenario.Progress, wall, since time.Duration) string {
	rate := 0.0
	if since > 0 {
		rate = float64(p.Deliveries-before.Deliveries) / since.Seconds()
	}
	s := fmt.Sprintf("%s virtual", p.Elapsed.Round(time.Millisecond))
	if p.Stop > 0 {
		s += fmt.Sprintf(" of %v", p.Stop)
	}
	s += fmt.Sprintf(", %s deliveries/s, %s", cli.Thousands(uint64(rate)), cli.Plural(p.Answers, "answer"))
	if p.Stop > 0 && p.Elapsed > 0 {
		left := time.Duration(float64(wall) * (float64(p.Stop)/float64(p.Elapsed) - 1))
		s += fmt.Sprintf(", %.1f s left", left.Seconds())
	}
	return s
}
