package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/coap2/coap2/cmd/internal/cli"
	"github.com/coap2/coap2/sim/page"
	"github.com/coap2/coap2/sim/scenario"
)

// htmlFlags are what a page is made of, for those commands that make one of a run.
type htmlFlags struct {
	html    string
	against []string
}

func (f *htmlFlags) addAgainst(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.against, "against", nil, "run it once more, changed so (KEY=VALUE), and show in the page how its answers came; may be repeated")
	cli.Complete(cmd, "against", cli.Nothing)
}

func (f *htmlFlags) checkPage() error {
	switch {
	case f.html == "-":
		return fmt.Errorf("--html needs the name of a file")
	case len(f.against) > 0 && f.html == "":
		return fmt.Errorf("--against is for the page of --html")
	case len(f.against) > maxAgainst:
		return fmt.Errorf("--against is given %d times; at most %d runs can be compared", len(f.against), maxAgainst)
	}
	return nil
}

const maxAgainst = 10

// sheet is the page of a run, while it is made.
type sheet struct {
	out       *stream
	collector *page.Collector
	run       *page.Run
}

// others runs a scenario as the page compares it.
func (a *app) others(ctx context.Context, file string, rf *runFlags, against []string, seed uint64) ([]page.Curve, error) {
	var curves []page.Curve
	for _, change := range against {
		f := *rf
		f.set = append(append([]string(nil), rf.set...), change, "expect=~", "compare=~") // which are of the run itself
		s, err := f.load(file)
		if err != nil {
			return nil, err
		}
		c := page.NewCollector(s, page.Limits{})
		w := a.newWatch(ctx, 0)
		rep, err := s.Run(seed, scenario.Options{Until: f.until, Progress: w.progress, Event: c.Event})
		w.done()
		if err != nil {
			return nil, err
		}
		curves = append(curves, c.Curves(rep, change)...)
	}
	return curves, nil
}

// write writes the page.
func (p *sheet) write() error { return page.WriteRun(p.out.buf, p.run) }

// seedOf is what the page of a sweep shows of a seed.
func seedOf(r *swept, why []string, replay string) page.Seed {
	s := page.Seed{Seed: r.seed, Passed: len(why) == 0, Why: why, Replay: replay}
	if r.rep != nil {
		s.Hash, s.Deliveries, s.Lost, s.VirtualMS = r.rep.TraceHash, r.rep.Deliveries, r.rep.Lost, r.rep.VirtualMS
	}
	return s
}
