package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/coap2/coap2/cmd/internal/cli"
	"github.com/coap2/coap2/sim/scenario"
)

// checkReport is what check --json prints.
type checkReport struct {
	Scenario     string   `json:"scenario"`
	About        string   `json:"about,omitempty"`
	Seed         uint64   `json:"seed"`
	Seeds        string   `json:"seeds"`
	StopMS       float64  `json:"stop_ms,omitempty"` // none = when nothing is left to happen
	Nodes        int      `json:"nodes"`
	Actions      []string `json:"actions"`
	Faults       []string `json:"faults"`
	Expectations []string `json:"expectations"`
}

func (a *app) checkCommand() *cobra.Command {
	f := &fileFlags{}
	asJSON := false
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Say what is wrong with a scenario, without running it",
		Long: `Read a scenario and everything that it takes over from others, and find all that
can be found without running it: unknown keys, values of the wrong kind, nodes
that do not exist, expectations of results that no action has. Every mistake is
named with its file and line.`,
		Example: `  sim check hello
  sim check chaos --set nodes.n.count=50
  sim check load --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := f.load(args[0])
			if err != nil {
				return err
			}
			b := appendChecked(nil, s)
			if asJSON {
				b = cli.EncodeJSON(checkReport{
					Scenario: s.Name(), About: s.About(), Seed: s.Seed(), Seeds: s.Seeds().String(), StopMS: cli.Milliseconds(s.Stop()),
					Nodes: s.Nodes(), Actions: s.Actions(), Faults: s.Faults(), Expectations: s.Expectations(),
				}, a.Terminal)
			}
			if _, err := a.Out.Write(b); err != nil {
				return cli.Exit(cli.ExitUsage, fmt.Errorf("output: %w", err))
			}
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object that says what is in it")
	return cmd
}

func appendChecked(b []byte, s *scenario.Scenario) []byte {
	stop := "until nothing is left to happen"
	if s.Stop() > 0 {
		stop = "for " + s.Stop().String()
	}
	return fmt.Appendf(b, "%s: ok; %s, %s, %s, %s, %s\n", cli.Printable(s.Name()), cli.Plural(uint64(s.Nodes()), "node"),
		cli.Plural(uint64(len(s.Actions())), "action"), cli.Plural(uint64(len(s.Faults())), "fault"),
		cli.Plural(uint64(len(s.Expectations())), "expectation"), stop)
}
