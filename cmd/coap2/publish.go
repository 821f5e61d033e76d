package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/cmd/internal/cli"
	"github.com/coap2/coap2/codec"
)

type publishFlags struct {
	clientFlags
	non           bool
	contentFormat formatFlag
	interval      time.Duration
}

func (a *app) publishCommand() *cobra.Command {
	f := &publishFlags{}
	cmd := &cobra.Command{
		Use:   "publish URI [VALUE…]",
		Short: "Put values where a resource is, one after the other",
		Long: `Put values where a resource is, one after the other, each when the one before has
been answered: a resource such as /sensor of "coap2 serve" tells each to its
subscribers. Without values each line of stdin is one.

With --json one JSON object in the end says how many were published. It ends with
the first that is refused; exit codes as for put.`,
		Example: `  coap2 publish coap://localhost/sensor 19.5 20.5 21
  seq 100 | coap2 publish --interval 10ms coap://localhost/sensor
  coap2 publish --content-format json coap://localhost/sensor '{"value":21}'`,
		Args: func(cmd *cobra.Command, args []string) error { return oneURI(cmd, args[:min(len(args), 1)]) },
		ValidArgsFunction: func(cmd *cobra.Command, args []string, s string) ([]string, cobra.ShellCompDirective) {
			return completeURI(cmd, args, s)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.publish(cmd.Context(), args[0], args[1:], f)
		},
	}
	f.clientFlags.add(cmd)
	fl := cmd.Flags()
	fl.BoolVar(&f.non, "non", false, "send non-confirmable messages")
	fl.Var(&f.contentFormat, "content-format", "the format of the values: json, cbor, text, a media type or a number")
	fl.DurationVar(&f.interval, "interval", 0, "time from one value to the next, at least")
	cli.Complete(cmd, "content-format", completeFormat)
	return cmd
}

// publishReport is what --json prints.
type publishReport struct {
	Published int     `json:"published"`
	Error     string  `json:"error,omitempty"`
	MS        float64 `json:"ms"`
}

func (a *app) publish(ctx context.Context, uri string, values []string, f *publishFlags) error {
	u, err := parseTarget(uri)
	if err == nil {
		err = f.check()
	}
	if err == nil && f.interval < 0 {
		err = fmt.Errorf("--interval is %v; it must not be negative", f.interval)
	}
	if err != nil {
		return err
	}
	node, stop, err := a.clientNode(&f.clientFlags)
	if err != nil {
		return err
	}
	defer stop()
	start := time.Now()
	next := valuesOf(values)
	if len(values) == 0 {
		next = linesOf(a.In)
	}
	n := 0
	for {
		var value []byte
		if value, err = next(); err != nil {
			break
		}
		at := time.Now()
		if err = a.put(ctx, node, u, f, value); err != nil {
			break
		}
		n++
		if f.interval > 0 && !pause(ctx, time.Until(at.Add(f.interval))) {
			err = context.Canceled
			break
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if f.json {
		r := &publishReport{Published: n, MS: cli.Milliseconds(time.Since(start))}
		if err != nil {
			r.Error = cli.Plain(err)
		}
		if _, werr := a.Out.Write(cli.EncodeJSON(r, false)); werr != nil {
			return cli.Exit(exitFailure, fmt.Errorf("output: %w", werr))
		}
	}
	return a.outcome(ctx, err)
}

// put publishes one value.
func (a *app) put(ctx context.Context, node *actors.Node, u codec.URI, f *publishFlags, value []byte) error {
	ctx, cancel := withTimeout(ctx, f.timeout)
	defer cancel()
	req := actors.Request{Method: codec.PUT, URI: u.String(), Payload: value, NonConfirmable: f.non}
	if f.contentFormat.set {
		req.Options = codec.Options{codec.ContentFormat(f.contentFormat.format)}
	}
	_, err := node.Do(ctx, req)
	return err
}

func valuesOf(values []string) func() ([]byte, error) {
	return func() ([]byte, error) {
		if len(values) == 0 {
			return nil, io.EOF
		}
		v := values[0]
		values = values[1:]
		return []byte(v), nil
	}
}

// linesOf returns the lines of a stream, without their ends.
func linesOf(r io.Reader) func() ([]byte, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxInMemory)
	return func() ([]byte, error) {
		if lines.Scan() {
			return lines.Bytes(), nil
		}
		if err := lines.Err(); err != nil {
			return nil, fmt.Errorf("stdin: %w", err)
		}
		return nil, io.EOF
	}
}
