package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/coap2/coap2/actors/payload"
	"github.com/coap2/coap2/cmd/internal/cli"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/rules"
)

func (a *app) ruleCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rule",
		Short: "Check and explain subscription rules",
		Long: `Check and explain the rules by which a subscriber says which samples of a
resource it wants. "coap2 rule help" is a reference of the language on one page.`,
		Example: `  coap2 rule help
  coap2 rule check '> 20' --sample 25 --sample 19.5`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("rule has the commands check and help, not %q", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.ruleCheckCommand(), &cobra.Command{
		Use:   "help",
		Short: "Print the reference of the rule language",
		Long:  "Print the reference of the rule language, on one page.",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			if _, err := fmt.Fprint(a.Out, ruleReference); err != nil {
				return cli.Exit(exitFailure, fmt.Errorf("output: %w", err))
			}
			return nil
		},
		DisableFlagsInUseLine: true,
	})
	return cmd
}

type ruleFlags struct {
	samples []string
	held    string
	every   time.Duration
	query   bool
	json    bool
}

func (a *app) ruleCheckCommand() *cobra.Command {
	f := &ruleFlags{}
	cmd := &cobra.Command{
		Use:   "check RULE",
		Short: "Explain a rule, and what it does with samples",
		Long: `Explain a rule: what it looks at and as what, what it costs, its canonical
text and its compact form. With --sample also what a subscription with this
rule does with each of these samples, and why:

  send      the sample is selected
  suppress  it is not, or not yet
  unknown   the rule is neither true nor false, which selects nothing either

A sample is a payload in JSON, such as 25 or '{"temp": 25}'. Samples come one
second apart (--every). What a subscription remembers, it remembers here too.
A rule that begins with a minus stands last, behind --. Exit code 1 if the rule
is bad.`,
		Example: `  coap2 rule check '> 20' --sample 25 --sample 19.5
  coap2 rule check 'delta >= 0.5; pmin=10s' --held 20 --sample 20.5 --sample 22 --every 9s
  coap2 rule check 'temp > 20 and mode != "off"' -s '{"temp": 25, "mode": "on"}'
  coap2 rule check --query 'c.gt=25&c.pmax=60' --held 20 --sample 26
  coap2 rule check --sample 3 -- '-5 < value'`,
		Args: func(_ *cobra.Command, args []string) error {
			switch len(args) {
			case 0:
				return errors.New("check needs a rule, such as '> 20'")
			case 1:
				return nil
			}
			return fmt.Errorf("check takes one rule; %q is too much (quote the rule)", args[1])
		},
		ValidArgsFunction: cli.Nothing,
		RunE:              func(_ *cobra.Command, args []string) error { return a.checkRule(args[0], f) },
	}
	fs := cmd.Flags()
	fs.StringArrayVarP(&f.samples, "sample", "s", nil, "a sample, in JSON; can be repeated")
	fs.StringVar(&f.held, "held", "", "what the resource holds when the subscription begins, in JSON")
	fs.DurationVar(&f.every, "every", time.Second, "time from one sample to the next")
	fs.BoolVar(&f.query, "query", false, "the rule is in conditional query parameters, such as c.gt=25&c.pmin=10")
	fs.BoolVar(&f.json, "json", false, "print the result as JSON")
	for _, name := range []string{"sample", "held", "every"} {
		cli.Complete(cmd, name, cli.Nothing)
	}
	return cmd
}

// ruleReport is what --json prints.
type ruleReport struct {
	Canonical string         `json:"canonical"`
	Compact   string         `json:"compact"` // hexadecimal
	Cost      int            `json:"cost"`
	Nodes     int            `json:"nodes"`
	Depth     int            `json:"depth"`
	Shared    bool           `json:"shared"` // the result is the same for all subscribers
	Fields    []fieldReport  `json:"fields"`
	Samples   []sampleReport `json:"samples,omitempty"`
}

type fieldReport struct {
	Field string `json:"field"`
	Type  string `json:"type"`
}

type sampleReport struct {
	At      string       `json:"at"`
	Sample  string       `json:"sample,omitempty"` // none where time brought it about
	Verdict string       `json:"verdict"`
	Why     string       `json:"why"`
	Steps   []stepReport `json:"steps,omitempty"`
}

type stepReport struct {
	Level     int      `json:"level"`
	Condition string   `json:"condition"`
	Truth     string   `json:"truth"`
	Values    []string `json:"values,omitempty"`
}

func (a *app) checkRule(text string, f *ruleFlags) error {
	if f.every < 0 {
		return fmt.Errorf("--every is %v; it must not be negative", f.every)
	}
	r, err := parseRule(text, f.query)
	if err != nil {
		return a.badRule(err)
	}
	report := &ruleReport{
		Canonical: r.String(), Compact: fmt.Sprintf("%x", r.Compact()), Cost: r.Cost(), Nodes: r.Nodes(), Depth: r.Depth(),
		Shared: r.Shareable(), Fields: []fieldReport{},
	}
	for _, u := range r.Uses() {
		report.Fields = append(report.Fields, fieldReport{u.Field.String(), u.Type})
	}
	if err := report.run(r, f); err != nil {
		return err
	}
	out := cli.EncodeJSON(report, a.Terminal)
	if !f.json {
		out = []byte(report.text(r, len(text)))
	}
	if _, err := a.Out.Write(out); err != nil {
		return cli.Exit(exitFailure, fmt.Errorf("output: %w", err))
	}
	return nil
}

func parseRule(text string, query bool) (*rules.Rule, error) {
	if !query {
		return rules.Parse(text)
	}
	r, err := rules.FromQuery(strings.Split(strings.TrimPrefix(text, "?"), "&"))
	if err == nil && r == nil {
		err = &rules.QueryError{Param: "query", Expected: "a conditional parameter, such as c.gt=25", Found: "none"}
	}
	return r, err
}

// badRule tells what is wrong with a rule, with a picture where it can be
// pointed at.
func (a *app) badRule(err error) error {
	a.Complain(fmt.Errorf("bad rule: %w", err))
	var se *rules.SyntaxError
	if errors.As(err, &se) {
		lines := strings.Split(se.Picture(), "\n")
		for _, line := range lines[:len(lines)-1] { // the last says it again
			fmt.Fprintf(a.Err, "  %s\n", cli.Printable(line))
		}
	}
	return cli.Exit(exitResponse, nil)
}

// run has a subscription meet the samples.
func (p *ruleReport) run(r *rules.Rule, f *ruleFlags) error {
	var schema rules.Schema
	program, err := rules.Compile(r, &schema)
	if err != nil {
		return err
	}
	decoder := payload.NewDecoder(&schema)
	decode := func(flag, text string) (*rules.Sample, error) {
		s := rules.NewSample(&schema)
		if err := decoder.Decode(codec.JSON, true, []byte(text), s); err != nil {
			return nil, fmt.Errorf("--%s %q: %w", flag, text, err)
		}
		return s, nil
	}
	var held *rules.Sample
	if f.held != "" {
		if held, err = decode("held", f.held); err != nil {
			return err
		}
	}
	w := rules.NewWatch(program, 0, held, "what was held")
	told := held != nil
	for i, text := range f.samples {
		now := time.Duration(i+1) * f.every
		for at, ok := w.Next(); ok && at < now; at, ok = w.Next() {
			if s := w.Advance(at); s.Reason != rules.NotSelected {
				p.Samples = append(p.Samples, sampleReport{At: at.String(), Verdict: "send", Why: late(s)})
				told = true
			}
		}
		s, err := decode("sample", text)
		if err != nil {
			return err
		}
		m := meet(w, now, s, text)
		if m.Verdict == "unknown" && !told && !r.Shareable() {
			m.Why += ", and nothing has been selected yet (--held says what the resource holds at first)"
		}
		told = told || m.Verdict == "send"
		p.Samples = append(p.Samples, m)
	}
	return nil
}

// late says why time brought a selection about.
func late(s rules.Selection) string {
	switch s.Reason {
	case rules.Delayed:
		return fmt.Sprintf("pmin has ended, for which this waited: %v", s.Ref)
	case rules.Forced:
		return fmt.Sprintf("pmax has passed: %v", s.Ref)
	}
	return fmt.Sprintf("evaluated at this time, the rule is true: %v", s.Ref)
}

// meet tells a subscription of a sample, and says what it did.
func meet(w *rules.Watch, now time.Duration, s *rules.Sample, text string) sampleReport {
	m := sampleReport{At: now.String(), Sample: text}
	for _, step := range w.Explain(now, s) {
		m.Steps = append(m.Steps, stepReport{step.Level, step.Text, step.Truth.String(), step.Why})
	}
	sel := w.Sample(now, s, text)
	m.Verdict, m.Why = "suppress", "the rule is false"
	switch {
	case sel.Reason == rules.Matched:
		m.Verdict, m.Why = "send", "the rule is true"
	case sel.Reason != rules.NotSelected:
		m.Verdict, m.Why = "send", late(sel)
	case !sel.Evaluated:
		m.Why = "epmin has not passed since the last evaluation"
	case sel.Truth == rules.True:
		m.Why = "the rule is true, but pmin has not passed: it waits"
	case sel.Truth == rules.Unknown:
		m.Verdict, m.Why = "unknown", "the rule is neither true nor false"
	}
	return m
}
