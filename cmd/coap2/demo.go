package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/cmd/internal/cli"
	"github.com/coap2/coap2/codec"
)

// demoTimeout ends a demonstration that hangs.
const demoTimeout = 30 * time.Second

func (a *app) demoCommand() *cobra.Command {
	verbose := 0
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show what nodes do: three of them, in one process",
		Long: `Start three nodes on the loopback interface, find out who they are, and have
them talk: requests of every kind, errors and a crash, losses, cancellation,
discovery, subscriptions with rules. Takes a few seconds. Exit code 1 if anything
goes otherwise than expected.`,
		Example: `  coap2 demo
  coap2 demo -v`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.demo(cmd.Context(), verbose) },
	}
	addVerbose(cmd, &verbose)
	return cmd
}

// story is a running demonstration.
type story struct {
	a *app
	// house asks; greenhouse serves the demonstration resources; weather
	// serves a few of its own, and its network loses datagrams.
	house, greenhouse, weather *actors.Node
	network                    *lossy // of weather
	nodes                      []*actors.Node
	chapters                   int
}

func (a *app) demo(ctx context.Context, verbose int) error {
	ctx, cancel := context.WithTimeout(ctx, demoTimeout)
	defer cancel()
	s := &story{a: a}
	start := time.Now()
	err := s.tell(ctx, verbose)
	if serr := s.stop(); err == nil {
		err = serr
	}
	switch {
	case err == nil:
		s.say("%s", s.colour(green, fmt.Sprintf("All went as expected %s", s.took(time.Since(start)))))
		return nil
	case errors.Is(ctx.Err(), context.Canceled):
		return cli.Exit(exitInterrupted, errInterrupted)
	}
	return cli.Exit(exitResponse, fmt.Errorf("the demonstration failed: %w", err))
}

func (s *story) tell(ctx context.Context, verbose int) error {
	if err := s.start(verbose); err != nil {
		return err
	}
	for _, chapter := range []func(context.Context) error{
		s.whoIsThere, s.askAndTell, s.callBack, s.atOnce, s.slow, s.unconfirmed, s.failures, s.losses, s.wrapped, s.links, s.ping, s.cancelled, s.subscriptions,
	} {
		if err := chapter(ctx); err != nil {
			return err
		}
		s.say("")
	}
	return nil
}

// stop ends the nodes, the one that asked most last: what others still owe it
// can then be delivered or refused.
func (s *story) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	var errs []error
	for _, n := range slices.Backward(s.nodes) {
		errs = append(errs, n.Stop(ctx))
	}
	return errors.Join(errs...)
}

func (s *story) node(cfg actors.Config, verbose int) (*actors.Node, error) {
	// What fails on purpose needs no log.
	cfg.Log, cfg.Tap = slog.New(slog.DiscardHandler), s.a.tap(verbose)
	n, err := actors.Start(cfg)
	if err == nil {
		s.nodes = append(s.nodes, n)
	}
	return n, err
}

// Colours.
const (
	bold  = "1"
	red   = "31"
	green = "32"
	dim   = "2"
)

func (s *story) colour(c, text string) string {
	if !s.a.Colour {
		return text
	}
	return "\x1b[" + c + "m" + text + "\x1b[0m"
}

func (s *story) say(format string, args ...any) { fmt.Fprintf(s.a.Out, format+"\n", args...) }

func (s *story) chapter(title string) {
	s.chapters++
	s.say("%s", s.colour(bold, fmt.Sprintf("%d. %s", s.chapters, title)))
}

// took writes a time. Times are the only part of the text that differs from run
// to run.
func (s *story) took(d time.Duration) string {
	return s.colour(dim, fmt.Sprintf("(%.1f ms)", float64(d)/float64(time.Millisecond)))
}

// expected is how a request is to end.
type expected struct {
	code    codec.Code
	payload string
	err     error // instead of a response
}

// ask makes a request, waits for its end, tells of it, and returns an error if
// it did not end as expected. The request's URI is a path of node to.
func (s *story) ask(ctx context.Context, from, to *actors.Node, req actors.Request, want expected) (*actors.Response, error) {
	path := req.URI
	req.URI = escapeURI(to.URI(path))
	start := time.Now()
	res, err := from.Do(ctx, req)
	return res, s.report(from, to, req, path, res, err, time.Since(start), want)
}

// get is ask for an ordinary GET.
func (s *story) get(ctx context.Context, from, to *actors.Node, path, want string) error {
	_, err := s.ask(ctx, from, to, actors.Request{Method: codec.GET, URI: path}, expected{code: codec.Content, payload: want})
	return err
}

// report tells how a request ended.
func (s *story) report(from, to *actors.Node, req actors.Request, path string, res *actors.Response, err error, took time.Duration, want expected) error {
	what := fmt.Sprintf("%s %s", req.Method.Name(), path)
	if req.NonConfirmable {
		what = "NON " + what
	}
	got := ""
	ok := want.err != nil && errors.Is(err, want.err)
	if res != nil {
		got = res.Code.String()
		if f, _ := res.ContentFormat(); f != codec.LinkFormat && len(res.Payload) > 0 {
			got += ": " + string(res.Payload)
		}
		ok = want.err == nil && res.Code == want.code && (want.payload == "" || string(res.Payload) == want.payload)
	} else if ok {
		got = want.err.Error()
	} else {
		got = cli.Plain(err)
	}
	colour := ""
	switch {
	case !ok:
		colour = red
	case res != nil && res.Code.IsSuccess():
		colour = green
	}
	text := cli.Printable(got)
	if colour != "" {
		text = s.colour(colour, text)
	}
	s.say("   %s -> %s: %s = %s %s", from.Name(), to.Name(), cli.Printable(what), text, s.took(took))
	if !ok {
		return fmt.Errorf("%s asked %s for %s and got %s instead of %s", from.Name(), to.Name(), what, got, want)
	}
	return nil
}

func (e expected) String() string {
	switch {
	case e.err != nil:
		return e.err.Error()
	case e.payload != "":
		return fmt.Sprintf("%v: %s", e.code, e.payload)
	}
	return e.code.String()
}
