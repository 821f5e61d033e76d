package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/codec"
)

// requestFlags are the flags of the commands that make one request.
type requestFlags struct {
	clientFlags
	non           bool
	accept        formatFlag
	contentFormat formatFlag
	options       optionFlag
	data, file    string
	out           string
}

// clientFlags are the flags of all commands that ask a node.
type clientFlags struct {
	timeout time.Duration
	json    bool
	verbose int
}

func (f *clientFlags) add(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&f.timeout, "timeout", 10*time.Second, "how long to wait for an answer, retransmissions included")
	cmd.Flags().BoolVar(&f.json, "json", false, "print one JSON object that says everything")
	addVerbose(cmd, &f.verbose)
}

func addVerbose(cmd *cobra.Command, v *int) {
	cmd.Flags().CountVarP(v, "verbose", "v", "print every message sent and received to stderr; -vv: all of it")
}

func (f *clientFlags) check() error {
	if f.timeout <= 0 || f.timeout > 24*time.Hour {
		return fmt.Errorf("--timeout is %v; it must be above 0 and at most 24h", f.timeout)
	}
	return nil
}

func (f *requestFlags) add(cmd *cobra.Command) {
	f.clientFlags.add(cmd)
	fl := cmd.Flags()
	fl.BoolVar(&f.non, "non", false, "send a non-confirmable message: once, without acknowledgement")
	fl.Var(&f.accept, "accept", "the format wanted: json, cbor, text, link, a media type or a number")
	fl.Var(&f.contentFormat, "content-format", "the format of the payload, named as for --accept")
	fl.StringVar(&f.data, "data", "", "the payload")
	fl.StringVar(&f.file, "file", "", "read the payload from a file; - is stdin")
	fl.VarP(&f.options, "option", "O", "another option, such as If-Match=0x0a0b or If-None-Match; may be repeated")
	fl.StringVar(&f.out, "out", "", "write the payload (or the JSON object) to a file, which appears only when it is complete")
}

// requestHelp is what differs between the commands that make one request.
var requestHelp = map[codec.Code]struct{ short, example string }{
	codec.GET: {"Get a representation of a resource", `  coap2 get coap://localhost/hello
  coap2 get 'localhost/.well-known/core?rt=Type1*'
  coap2 get --accept xml coap://localhost/multi-format
  coap2 get 'coap://localhost/root?{"soil":"N,K"}'
  coap2 get --json -v coap://localhost/separate`},
	codec.PUT: {"Put a representation where a resource is, or is to be", `  coap2 put --data 42 coap://localhost/tick
  coap2 put --content-format json --data '{"a":1}' coap://localhost/create1
  coap2 put -O If-None-Match --data new coap://localhost/create1
  date | coap2 put --file - coap://localhost/test`},
	codec.POST: {"Have a resource process a payload", `  coap2 post --content-format json --data '{"temp":12.9}' coap://localhost/root/child
  coap2 post --data hi coap://localhost/test`},
	codec.DELETE: {"Delete a resource", `  coap2 delete coap://localhost/test
  coap2 delete --non coap://localhost/test`},
}

func (a *app) requestCommand(method codec.Code) *cobra.Command {
	f := &requestFlags{}
	help := requestHelp[method]
	cmd := &cobra.Command{
		Use:     strings.ToLower(method.Name()) + " URI",
		Short:   help.short,
		Example: help.example,
		Args:    oneURI,
		RunE:    func(cmd *cobra.Command, args []string) error { return a.request(cmd.Context(), method, args[0], f) },
	}
	f.add(cmd)
	return cmd
}

var errInterrupted = errors.New("interrupted")

// request makes one request and prints what came of it.
func (a *app) request(ctx context.Context, method codec.Code, uri string, f *requestFlags) error {
	u, err := parseTarget(uri)
	if err == nil {
		err = f.check()
	}
	switch {
	case err != nil:
		return err
	case f.data != "" && f.file != "":
		return errors.New("--data and --file both give the payload; use one of them")
	}
	req := actors.Request{
		Method: method, URI: u.String(), Options: f.options.options, NonConfirmable: f.non,
		Timeout: f.timeout + time.Second, // the context's deadline comes first, and counts name lookup too
	}
	if req.Payload, err = a.readPayload(ctx, f); err != nil {
		return err
	}
	if f.accept.set {
		req.Options = req.Options.Set(codec.Accept(f.accept.format))
	}
	if f.contentFormat.set {
		req.Options = req.Options.Set(codec.ContentFormat(f.contentFormat.format))
	}
	out, err := a.openOutput(f.out)
	if err != nil {
		return err
	}
	defer out.discard()

	node, stop, err := a.clientNode(f.verbose)
	if err != nil {
		return err
	}
	defer stop()
	deadline, cancel := withTimeout(ctx, f.timeout)
	defer cancel()
	start := time.Now()
	res, err := node.Do(deadline, req)
	took := time.Since(start)
	exit := a.outcome(ctx, err)
	if f.json {
		err = out.write(report(req, res, err, took).encode(out.terminal))
	} else {
		err = a.printResponse(out, res, err)
	}
	if err == nil {
		err = out.commit()
	}
	if err != nil {
		return &exitError{exitFailure, fmt.Errorf("output: %w", err)}
	}
	return exit
}

// outcome turns what a request ended with into what the command ends with.
func (a *app) outcome(ctx context.Context, err error) error {
	var ce *actors.CodeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &ce):
		return &exitError{exitResponse, err}
	case ctx.Err() != nil:
		return &exitError{exitInterrupted, errInterrupted}
	}
	return &exitError{exitFailure, err}
}

// withTimeout returns a context that ends as a request does to which nobody
// answered.
func withTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, d, fmt.Errorf("%w within %v", actors.ErrTimeout, d))
}

// stopTimeout is how long a node may take to end what it is doing.
const stopTimeout = 5 * time.Second

// clientNode starts a node that only asks, and returns what ends it.
func (a *app) clientNode(verbose int) (*actors.Node, func(), error) {
	node, err := actors.Start(actors.Config{Listen: []string{":0"}, Log: a.logger(), Tap: a.tap(verbose)})
	if err != nil {
		return nil, nil, &exitError{exitFailure, err}
	}
	return node, func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		_ = node.Stop(ctx) // nothing is open any more
	}, nil
}
