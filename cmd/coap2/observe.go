package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/cmd/internal/cli"
	"github.com/coap2/coap2/codec"
)

type observeFlags struct {
	clientFlags
	messageFlags
	token    tokenFlag
	out      string
	count    int
	duration time.Duration
}

func (a *app) observeCommand() *cobra.Command {
	f := &observeFlags{}
	cmd := &cobra.Command{
		Use:   "observe URI",
		Short: "Observe a resource: print each new state",
		Long: `Observe a resource (RFC 7641): print its state now, and each new one as it
comes, one a line. The observation is renewed when nothing has come for longer
than Max-Age, and after a restart of the server. With a payload the request is a
FETCH. --timeout is for the first answer.

With --json each state is one JSON object on a line of its own, as get prints it,
with the number of the notification and the time since the beginning.

Exit codes as for get; 1 also where the resource cannot be observed, or not any
more. The end of --duration is a success.`,
		Example: `  coap2 observe -n 1 coap://localhost/tick
  coap2 observe -d 100ms --json coap://localhost/random
  coap2 observe -d 100ms --accept text coap://localhost/tick-con`,
		Args:              oneURI,
		ValidArgsFunction: completeURI,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.observe(cmd.Context(), args[0], f) },
	}
	f.clientFlags.add(cmd)
	f.messageFlags.add(cmd)
	f.add(cmd)
	return cmd
}

// add adds the flags of the commands that observe, besides those of others.
func (f *observeFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.Var(&f.token, "token", "the token: 0x and hexadecimal digits, or text (default: one that nobody can guess)")
	fl.StringVar(&f.out, "out", "", "write the states to a file, which appears when the observation has ended")
	fl.IntVarP(&f.count, "count", "n", 0, "end after so many states; 0 = never")
	fl.DurationVarP(&f.duration, "duration", "d", 0, "end after this time; 0 = never")
	cli.Complete(cmd, "token", cli.Nothing)
}

func (f *observeFlags) check() error {
	if err := f.clientFlags.check(); err != nil {
		return err
	}
	if err := f.messageFlags.check(); err != nil {
		return err
	}
	switch {
	case f.count < 0:
		return fmt.Errorf("--count is %d; it must be 0 or more", f.count)
	case f.duration < 0:
		return fmt.Errorf("--duration is %v; it must not be negative", f.duration)
	case f.token.set && f.token.token.Len() == 0:
		return errors.New("--token: the empty token is not for observations: each needs one of its own")
	}
	return nil
}

// stateReport is what --json prints of a state.
type stateReport struct {
	*exchangeReport
	Sequence    uint32  `json:"observe"`
	Confirmable bool    `json:"confirmable"`
	Renewal     bool    `json:"renewal,omitempty"`
	Missed      int     `json:"missed,omitempty"` // before this one
	AtMS        float64 `json:"at_ms"`            // since the beginning
	Reason      string  `json:"reason,omitempty"` // with a rule
	FiltersAt   string  `json:"filters_at,omitempty"`
}

func (a *app) observe(ctx context.Context, uri string, f *observeFlags) error {
	u, err := parseTarget(uri)
	if err == nil {
		err = f.check()
	}
	if err != nil {
		return err
	}
	return a.follow(ctx, u, f, actors.Subscription{}, nil)
}

// follow observes a resource, with the rule of sub if it has one. t, where it is
// not nil, is how states are shown on a terminal.
func (a *app) follow(ctx context.Context, u codec.URI, f *observeFlags, sub actors.Subscription, t *table) error {
	req, err := f.request(ctx, a, codec.GET, u)
	if err != nil {
		return err
	}
	if len(req.Payload) > 0 {
		req.Method = codec.FETCH
	}
	req.Timeout, req.Token = f.timeout, f.token.token
	out, err := a.OpenOutput("--out", f.out)
	if err != nil {
		return err
	}
	defer out.Discard()
	node, stop, err := a.clientNode(&f.clientFlags)
	if err != nil {
		return err
	}
	defer stop()
	sub.Request = req
	exit, err := a.states(ctx, node, sub, f, out, t)
	if err == nil {
		err = out.Commit()
	}
	if err != nil {
		return cli.Exit(exitFailure, fmt.Errorf("output: %w", err))
	}
	return exit
}

var errEnough = errors.New("observed for long enough")

// states prints the states until the end. exit is how the command would end; err
// is about the output.
func (a *app) states(ctx context.Context, node *actors.Node, sub actors.Subscription, f *observeFlags, out *cli.Output, t *table) (exit, err error) {
	req := sub.Request
	limited := ctx
	if f.duration > 0 {
		c, cancel := context.WithTimeoutCause(ctx, f.duration, errEnough)
		defer cancel()
		limited = c
	}
	start := time.Now()
	seen := 0
	follow := node.SubscribeWith
	if t != nil && strings.Contains(req.URI+"/", "/+/") {
		follow = func(ctx context.Context, s actors.Subscription) iter.Seq2[*actors.Notification, error] {
			return node.SubscribeAll(ctx, s, 0)
		}
	}
	for n, failed := range follow(limited, sub) {
		if n != nil && (failed == nil || n.Reason != actors.ReasonFinal || t.isTable(f, out)) {
			if err := a.printState(out, f, req, n, failed, time.Since(start), t); err != nil {
				return nil, err
			}
		}
		switch {
		case failed == nil:
		case errors.Is(failed, errEnough):
			return nil, nil
		case ctx.Err() != nil && f.count == 0 && f.duration == 0:
			return nil, nil // it would not have ended otherwise
		case errors.Is(failed, actors.ErrNotObservable):
			return cli.Exit(exitResponse, failed), nil
		default:
			if f.json && ctx.Err() == nil {
				_, err = out.Write(cli.EncodeJSON(report(req, nil, failed, time.Since(start)), out.Terminal()))
			}
			return a.outcome(ctx, failed), err
		}
		if seen++; seen == f.count {
			break
		}
	}
	return nil, nil
}

// printState prints one state, with --json what is known of it.
func (a *app) printState(out *cli.Output, f *observeFlags, req actors.Request, n *actors.Notification, failed error, at time.Duration, t *table) error {
	if n.URI != "" {
		req.URI = n.URI
	}
	if t.isTable(f, out) {
		_, err := out.Write(t.row(n, at))
		return err
	}
	if f.json {
		r := &stateReport{report(req, &n.Response, failed, 0), n.Sequence, n.Confirmable, n.Renewal, n.Missed, cli.Milliseconds(at), "", ""}
		if n.FiltersAt != actors.Neither {
			r.Reason, r.FiltersAt = n.Reason.String(), n.FiltersAt.String()
		}
		_, err := out.Write(cli.EncodeJSON(r, out.Terminal()))
		return err
	}
	b := n.Payload
	if n.URI != "" {
		b = slices.Concat([]byte(pathOf(n.URI)), []byte{' '}, b)
	}
	if out.Terminal() && len(b) > 0 {
		format, known := n.ContentFormat()
		b = display(format, known, b)
	}
	if !bytes.HasSuffix(b, []byte{'\n'}) {
		b = append(bytes.Clone(b), '\n')
	}
	_, err := out.Write(b)
	return err
}
