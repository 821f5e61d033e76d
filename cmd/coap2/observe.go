package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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
	fl := cmd.Flags()
	fl.Var(&f.token, "token", "the token: 0x and hexadecimal digits, or text (default: one that nobody can guess)")
	fl.StringVar(&f.out, "out", "", "write the states to a file, which appears when the observation has ended")
	fl.IntVarP(&f.count, "count", "n", 0, "end after so many states; 0 = never")
	fl.DurationVarP(&f.duration, "duration", "d", 0, "end after this time; 0 = never")
	cli.Complete(cmd, "token", cli.Nothing)
	return cmd
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
}

func (a *app) observe(ctx context.Context, uri string, f *observeFlags) error {
	u, err := parseTarget(uri)
	if err == nil {
		err = f.check()
	}
	if err != nil {
		return err
	}
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
	exit, err := a.states(ctx, node, req, f, out)
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
func (a *app) states(ctx context.Context, node *actors.Node, req actors.Request, f *observeFlags, out *cli.Output) (exit, err error) {
	limited := ctx
	if f.duration > 0 {
		c, cancel := context.WithTimeoutCause(ctx, f.duration, errEnough)
		defer cancel()
		limited = c
	}
	start := time.Now()
	seen := 0
	for n, failed := range node.Watch(limited, req) {
		if n != nil {
			if err := a.printState(out, f, req, n, failed, time.Since(start)); err != nil {
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
func (a *app) printState(out *cli.Output, f *observeFlags, req actors.Request, n *actors.Notification, failed error, at time.Duration) error {
	if f.json {
		r := &stateReport{report(req, &n.Response, failed, 0), n.Sequence, n.Confirmable, n.Renewal, n.Missed, cli.Milliseconds(at)}
		_, err := out.Write(cli.EncodeJSON(r, out.Terminal()))
		return err
	}
	b := n.Payload
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
