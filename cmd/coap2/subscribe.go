package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/actors/payload"
	"github.com/coap2/coap2/cmd/internal/cli"
	"github.com/coap2/coap2/rules"
)

type subscribeFlags struct {
	observeFlags
	qos, queue int
	lease      time.Duration
	compact    bool
}

func (a *app) subscribeCommand() *cobra.Command {
	f := &subscribeFlags{}
	cmd := &cobra.Command{
		Use:   "subscribe URI [RULE]",
		Short: "Subscribe to a resource: print what a rule selects",
		Long: `Subscribe to a resource: print its state now, and then each sample that the rule
selects. The publisher evaluates the rule and sends nothing else; where it knows
no rules, all is sent and the rule is evaluated here. Without a rule every sample
is printed. "coap2 rule help" is a reference of the rule language.

In the path "+" stands for any one segment: what fits is looked up in the node's
links, every minute, and each state is printed behind its path.

On a terminal the samples are a table, with the time since the beginning, the
reason (first, selected, pmax, final), who evaluates the rule, and the last numbers
as a line of bars. Elsewhere each is a line of its own; with --json one JSON object
on a line.

Exit codes as for observe; 2 if the rule is bad.`,
		Example: `  coap2 subscribe -n 1 coap://localhost/sensor '> 20'
  coap2 subscribe -d 100ms --qos 1 coap://localhost/sensor 'delta >= 0.5; pmax=10m'
  coap2 subscribe -d 100ms coap://localhost/+ '> 20'
  coap2 subscribe -d 100ms --json coap://localhost/tick 'value > 20 and value < 30'`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 2 {
				return fmt.Errorf("subscribe takes a URI and a rule; %q is too much (quote the rule)", args[2])
			}
			return oneURI(cmd, args[:min(len(args), 1)])
		},
		ValidArgsFunction: completeURI,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.subscribe(cmd.Context(), args[0], append(args, "")[1], f)
		},
	}
	f.clientFlags.add(cmd)
	f.messageFlags.add(cmd)
	f.observeFlags.add(cmd)
	fl := cmd.Flags()
	fl.IntVar(&f.qos, "qos", 0, "1: every notification is acknowledged, and repeated until it is")
	fl.IntVar(&f.queue, "queue", 0, "how many notifications wait to be printed; 0 = 64")
	fl.DurationVar(&f.lease, "lease", 0, "renew the subscription at least so often; 0 = as the publisher asks")
	fl.BoolVar(&f.compact, "compact", false, "send the rule in its compact form")
	return cmd
}

func (f *subscribeFlags) check() error {
	switch {
	case f.qos < 0 || f.qos > 1:
		return fmt.Errorf("--qos is %d; it must be 0 or 1", f.qos)
	case f.queue < 0:
		return fmt.Errorf("--queue is %d; it must be 0 or more", f.queue)
	case f.lease < 0:
		return fmt.Errorf("--lease is %v; it must not be negative", f.lease)
	}
	return f.observeFlags.check()
}

func (a *app) subscribe(ctx context.Context, uri, rule string, f *subscribeFlags) error {
	u, err := parseTarget(uri)
	if err == nil {
		err = f.check()
	}
	if err == nil {
		_, err = rules.Parse(rule)
		var se *rules.SyntaxError
		if errors.As(err, &se) {
			return fmt.Errorf("the rule is bad:\n%s", se.Picture())
		}
	}
	if err != nil {
		return err
	}
	sub := actors.Subscription{Rule: rule, QoS: f.qos, Queue: f.queue, Lease: f.lease, Compact: f.compact}
	return a.follow(ctx, u, &f.observeFlags, sub, &table{})
}

// table prints notifications as rows, for a terminal.
type table struct {
	schema rules.Schema
	decode *payload.Decoder
	slot   int
	begun  bool
	recent []float64 // the last numbers
}

const (
	barsShown = 24
	valueCols = 24
)

func (t *table) row(n *actors.Notification, at time.Duration) []byte {
	var b []byte
	if !t.begun {
		t.begun = true
		t.slot, _ = t.schema.Slot(rules.Field{})
		t.decode = payload.NewDecoder(&t.schema)
		b = fmt.Appendf(b, "%10s  %-8s  %-10s  %-*s\n", "time", "reason", "filter", valueCols, "value")
	}
	format, known := n.ContentFormat()
	s := rules.NewSample(&t.schema)
	if t.decode.Decode(format, known, n.Payload, s) == nil && s.Kind(t.slot) == rules.Number && !math.IsInf(s.Number(t.slot), 0) {
		if len(t.recent) == barsShown {
			t.recent = t.recent[1:]
		}
		t.recent = append(t.recent, s.Number(t.slot))
	}
	value := n.Payload
	if n.Reason == actors.ReasonFinal {
		value = []byte(n.Code.String())
	}
	if n.URI != "" {
		value = slices.Concat([]byte(pathOf(n.URI)), []byte{' '}, value)
	}
	return fmt.Appendf(b, "%9.3fs  %-8s  %-10s  %-*s  %s\n", at.Seconds(), n.Reason, n.FiltersAt, valueCols, cli.Printable(clip(string(value))), sparkline(t.recent))
}

// pathOf returns the path of a URI.
func pathOf(uri string) string {
	_, rest, _ := strings.Cut(uri, "://")
	return rest[max(strings.IndexByte(rest, '/'), 0):]
}

// clip shortens what is too long for its column.
func clip(s string) string {
	r := []rune(s)
	if len(r) > valueCols {
		return string(r[:valueCols-1]) + "…"
	}
	return s
}

// sparkline draws numbers as bars between the least and the largest of them.
func sparkline(vs []float64) string {
	if len(vs) == 0 {
		return ""
	}
	low, high := vs[0], vs[0]
	for _, v := range vs {
		low, high = min(low, v), max(high, v)
	}
	bars := []rune("▁▂▃▄▅▆▇█")
	line := make([]rune, len(vs))
	for i, v := range vs {
		at := 0
		if high > low {
			at = int((v/2 - low/2) / (high/2 - low/2) * float64(len(bars)-1)) // halves, which cannot overflow
		}
		line[i] = bars[min(max(at, 0), len(bars)-1)]
	}
	return string(line)
}

// isTable reports whether notifications are printed as rows.
func (t *table) isTable(f *observeFlags, out *cli.Output) bool {
	return t != nil && !f.json && out.Terminal()
}
