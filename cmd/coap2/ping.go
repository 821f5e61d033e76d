package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/coap2/coap2/cmd/internal/cli"
	"github.com/coap2/coap2/codec"
)

type pingFlags struct {
	clientFlags
	count    int
	interval time.Duration
}

func (a *app) pingCommand() *cobra.Command {
	f := &pingFlags{}
	cmd := &cobra.Command{
		Use:   "ping URI",
		Short: "Ask a node whether it is there",
		Long: `Ask a node whether it is there: an empty confirmable message, to which every
CoAP node answers with a Reset (RFC 7252 §4.3). The path of the URI plays no
part. Exit code 3 if a ping was not answered.`,
		Example: `  coap2 ping coap://localhost
  coap2 ping -c 5 --interval 200ms localhost`,
		Args:              oneURI,
		ValidArgsFunction: completeURI,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.ping(cmd.Context(), args[0], f) },
	}
	f.add(cmd)
	cmd.Flags().IntVarP(&f.count, "count", "c", 1, "how many pings; 0 = until interrupted")
	cmd.Flags().DurationVarP(&f.interval, "interval", "i", time.Second, "time from one ping to the next")
	return cmd
}

// pingReport is what --json prints.
type pingReport struct {
	URI      string    `json:"uri"`
	Sent     int       `json:"sent"`
	Received int       `json:"received"`
	RTTMS    []float64 `json:"rtt_ms"`
	Error    string    `json:"error,omitempty"` // of the last ping that failed
}

// maxRTTs bounds what a ping without end remembers.
const maxRTTs = 10000

func (a *app) ping(ctx context.Context, uri string, f *pingFlags) error {
	u, err := parseTarget(uri)
	if err == nil {
		err = f.check()
	}
	switch {
	case err != nil:
		return err
	case f.count < 0:
		return fmt.Errorf("--count is %d; it must be 0 or more", f.count)
	case f.interval < 0:
		return fmt.Errorf("--interval is %v; it must not be negative", f.interval)
	}
	u.Path, u.Query = nil, nil
	node, stop, err := a.clientNode(&f.clientFlags)
	if err != nil {
		return err
	}
	defer stop()

	r := &pingReport{URI: u.String(), RTTMS: []float64{}}
	one := func() error {
		deadline, cancel := withTimeout(ctx, f.timeout)
		defer cancel()
		d, err := node.Ping(deadline, r.URI)
		if err != nil {
			return err
		}
		r.Received++
		if len(r.RTTMS) < maxRTTs {
			r.RTTMS = append(r.RTTMS, cli.Milliseconds(d))
		}
		if !f.json {
			fmt.Fprintf(a.Out, "%s: seq=%d time=%.3f ms\n", pingName(u), r.Sent, cli.Milliseconds(d))
		}
		return nil
	}
	var failed error
	for {
		start := time.Now()
		r.Sent++
		err := one()
		if ctx.Err() != nil && err != nil {
			r.Sent-- // interrupted, not lost
			break
		}
		if err != nil {
			failed = err
			r.Error = cli.Plain(err)
			if !f.json {
				a.Complain(err)
			}
		}
		if r.Sent == f.count {
			break
		}
		if !pause(ctx, time.Until(start.Add(f.interval))) {
			break
		}
	}
	a.pingSummary(r, f)
	switch {
	case failed != nil:
		return cli.Exit(exitFailure, nil) // reported above
	case ctx.Err() != nil && f.count != 0:
		return cli.Exit(exitInterrupted, errInterrupted)
	}
	return nil
}

func (a *app) pingSummary(r *pingReport, f *pingFlags) {
	if f.json {
		_, _ = a.Out.Write(cli.EncodeJSON(r, a.Terminal))
	} else if f.count != 1 {
		fmt.Fprintf(a.Out, "%d sent, %d answered\n", r.Sent, r.Received)
	}
}

// pingName is the address, or the name, of who is asked.
func pingName(u codec.URI) string {
	if at, ok := u.Addr(); ok {
		return at.String()
	}
	return fmt.Sprintf("%s:%d", u.Host, u.Port)
}

// pause waits for d and reports whether the context is still alive then.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
