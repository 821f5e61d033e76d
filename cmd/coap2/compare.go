package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/spf13/cobra"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/cmd/coap2/internal/machine"
	"github.com/coap2/coap2/cmd/internal/cli"
	"github.com/coap2/coap2/codec"
)

// compareFlags are those flags of bench that say what to compare.
type compareFlags struct {
	compare []string
	rounds  int
	path    string
	prepare string

	contenders []contender // from compare
}

// forwarded are the flags that the load of a comparison is given as they are.
var forwarded = []string{
	"timeout", "ack-timeout", "max-retransmit", "non", "accept", "content-format", "data", "file", "method",
	"outstanding", "peers", "sockets", "duration", "count", "warmup", "check",
}

func (f *compareFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringArrayVar(&f.compare, "compare", nil, "measure this server, in turn with a raw responder; may be repeated to compare several")
	fl.IntVar(&f.rounds, "rounds", 5, "with --compare: how often each is measured")
	fl.StringVar(&f.path, "path", "/hello", "with --compare: the resource to ask for, where a server's URI has no path")
	fl.StringVar(&f.prepare, "prepare", "", "with --compare: PUT this text there first where the resource is missing (4.04), for servers that make resources so")
	cli.Complete(cmd, "path", cli.Nothing)
	cli.Complete(cmd, "prepare", cli.Nothing)
}

func (f *compareFlags) check(changed func(string) bool) error {
	if len(f.compare) == 0 {
		for _, name := range []string{"rounds", "path", "prepare"} {
			if changed(name) {
				return fmt.Errorf("--%s goes with --compare", name)
			}
		}
		return nil
	}
	names := map[string]bool{}
	for _, s := range f.compare {
		c, err := parseContender(s)
		if err != nil {
			return fmt.Errorf("--compare %q: %w; write it as %s", s, err, serverSyntax)
		}
		if names[c.name] {
			return fmt.Errorf("--compare: two servers are called %s; write NAME= before one of the commands", c.name)
		}
		names[c.name] = true
		f.contenders = append(f.contenders, c)
	}
	switch {
	case f.rounds < 1 || f.rounds > 1000:
		return fmt.Errorf("--rounds is %d; it must be from 1 to 1000", f.rounds)
	case changed("pid"):
		return errors.New("--pid does not go with --compare, which knows the servers' processes")
	}
	if _, err := resourceURI("coap://localhost", f.path); err != nil {
		return fmt.Errorf("--path: %w", err)
	}
	return nil
}

// comparison is a comparison under way.
type comparison struct {
	a          *app
	f          *benchFlags
	load       []string // the command line of the load, without URI and PID
	server     int      // the processors for the server and for the load; -1 = any
	client     int
	references []string // what the raw responder is to answer in place of each contender, in hexadecimal
}

// compare measures servers.
func (a *app) compare(cmd *cobra.Command, f *benchFlags) error {
	ctx := cmd.Context()
	if f.file == "-" {
		return errors.New("--file - does not go with --compare: every load needs the payload; use a file")
	}
	c := &comparison{a: a, f: f, server: -1, client: -1}
	if cpus := machine.CPUs(); len(cpus) > 1 {
		c.server, c.client = cpus[0], cpus[1]
	}
	var err error
	if c.load, err = own("bench", "--json"); err != nil {
		return cli.Exit(exitFailure, err)
	}
	for _, name := range forwarded {
		if fl := cmd.Flag(name); fl.Changed {
			c.load = append(c.load, "--"+name+"="+fl.Value.String())
		}
	}
	for _, o := range f.options.text {
		c.load = append(c.load, "--option="+o)
	}
	r := newCompareReport(c)
	err = c.run(ctx, r)
	if ctx.Err() != nil {
		err = errInterrupted
	}
	if perr := r.print(a, f.json, err != nil); perr != nil && err == nil {
		err = fmt.Errorf("output: %w", perr)
	}
	switch {
	case errors.Is(err, errInterrupted):
		return cli.Exit(exitInterrupted, errInterrupted)
	case err != nil:
		code := exitFailure
		var inner *cli.ExitError
		if errors.As(err, &inner) {
			code = inner.Code // an error response, perhaps
		}
		return cli.Exit(code, err)
	case r.failed():
		return cli.Exit(exitResponse, errors.New("responses were wrong or missing"))
	}
	return nil
}

func (c *comparison) run(ctx context.Context, r *compareReport) error {
	for _, s := range c.f.contenders {
		if err := c.learn(ctx, s); err != nil {
			return err
		}
	}
	if !c.f.json {
		r.printHead(c.a)
	}
	for round := range c.f.rounds {
		for i, s := range c.f.contenders {
			pair := pairReport{Round: round + 1, Server: s.name}
			c.say("round %d of %d, %s: the raw responder", round+1, c.f.rounds, s.name)
			raw, err := own(rawCommandName, "--response="+c.references[i])
			if err == nil {
				pair.Reference, err = c.measure(ctx, contender{name: rawCommandName, argv: raw}, "")
			}
			if err == nil {
				c.say("round %d of %d, %s", round+1, c.f.rounds, s.name)
				pair.Measured, err = c.measure(ctx, s, c.f.prepare)
			}
			c.say("")
			if err != nil {
				return err
			}
			r.add(pair)
			if !c.f.json {
				r.printPair(c.a, &r.Rounds[len(r.Rounds)-1])
			}
		}
	}
	return nil
}

// say writes a progress line where somebody looks.
func (c *comparison) say(format string, args ...any) {
	if c.a.Watched {
		fmt.Fprint(c.a.Err, cli.ClearLine+fmt.Sprintf(format, args...))
	}
}

// learn asks a server once what it answers: the raw responder will answer the
// same. That also shows whether it can be started at all.
func (c *comparison) learn(ctx context.Context, s contender) error {
	c.say("%s: the first request", s.name)
	defer c.say("")
	p, uri, err := c.a.startContender(ctx, s, c.f.path, c.server)
	if err != nil {
		return err
	}
	defer p.stop()
	res, err := c.first(ctx, uri)
	if err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	m := codec.Message{Type: codec.ACK, Code: res.Code, Options: res.Options, Payload: res.Payload}
	b, err := m.Append(nil)
	if err != nil {
		return err
	}
	c.references = append(c.references, hex.EncodeToString(b))
	return nil
}

// first makes the request that all others are like.
func (c *comparison) first(ctx context.Context, uri string) (*actors.Response, error) {
	if err := c.put(ctx, uri, c.f.prepare); err != nil {
		return nil, err
	}
	u, err := codec.ParseURI(uri)
	if err != nil {
		return nil, err
	}
	req, err := c.f.request(ctx, c.a, c.f.method.code, u)
	if err != nil {
		return nil, err
	}
	return c.a.probe(ctx, req, &c.f.timeFlags)
}

// put puts the text that makes the resource, if there is one, and the resource
// is missing.
func (c *comparison) put(ctx context.Context, uri, text string) error {
	if text == "" {
		return nil
	}
	_, err := c.a.probe(ctx, actors.Request{Method: codec.GET, URI: uri}, &c.f.timeFlags)
	var ce *actors.CodeError
	if errors.As(err, &ce) && ce.Code == codec.NotFound {
		_, err = c.a.probe(ctx, actors.Request{
			Method: codec.PUT, URI: uri, Options: codec.Options{codec.ContentFormat(codec.TextPlain)}, Payload: []byte(text),
		}, &c.f.timeFlags)
	}
	if err != nil {
		return fmt.Errorf("--prepare: %w", err)
	}
	return nil
}

// measure starts a server, measures it with a load on another processor, and
// ends it.
func (c *comparison) measure(ctx context.Context, s contender, prepare string) (*benchReport, error) {
	p, uri, err := c.a.startContender(ctx, s, c.f.path, c.server)
	if err != nil {
		return nil, err
	}
	defer p.stop()
	if err := c.put(ctx, uri, prepare); err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	args := c.load[1:]
	if machine.CPUs() != nil {
		args = append(args[:len(args):len(args)], fmt.Sprintf("--pid=%d", p.cmd.Process.Pid))
	}
	cmd := exec.CommandContext(ctx, c.load[0], append(args[:len(args):len(args)], "--", uri)...)
	cmd.WaitDelay = time.Second
	var out bytes.Buffer
	said := newTail()
	cmd.Stdout, cmd.Stderr = &out, said
	if c.client >= 0 {
		err = machine.StartOn(c.client, cmd)
	} else {
		err = cmd.Start()
	}
	if err == nil {
		err = cmd.Wait()
	}
	if ctx.Err() != nil {
		return nil, errInterrupted
	}
	select {
	case <-p.ended:
		return nil, p.gone()
	default:
	}
	r := &benchReport{}
	var exit *exec.ExitError
	switch {
	case err != nil && !(errors.As(err, &exit) && exit.ExitCode() == exitResponse && out.Len() > 0):
		return nil, fmt.Errorf("the load on %s: %w: %s", s.name, err, said.String())
	case json.Unmarshal(out.Bytes(), r) != nil:
		return nil, fmt.Errorf("the load on %s has said what is no report: %.100q", s.name, out.String())
	}
	return r, nil
}
