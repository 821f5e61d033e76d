package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/cmd/coap2/internal/load"
	"github.com/coap2/coap2/cmd/coap2/internal/machine"
	"github.com/coap2/coap2/cmd/internal/cli"
	"github.com/coap2/coap2/codec"
)

type benchFlags struct {
	timeFlags
	messageFlags
	method      methodFlag
	outstanding int
	peers       int
	sockets     int
	duration    time.Duration
	warmup      time.Duration
	count       uint64
	check       string
	pid         int
	json        bool
	compareFlags
}

func (a *app) benchCommand() *cobra.Command {
	f := &benchFlags{method: methodFlag{codec.GET}}
	cmd := &cobra.Command{
		Use:   "bench URI | bench --compare SERVER…",
		Short: "Measure how much a server can answer, and how fast",
		Long: `Keep a number of requests outstanding and measure how many are answered and how
long each takes, while every response is checked. Every request comes from an
endpoint of its own, as if from as many clients, unless --peers says otherwise:
on Linux and 127.0.0.0/8 these are source addresses, else sockets. A request that
is lost is sent again and counted. One request is made before all others, and
its payload is what the others must have. Ctrl-C ends it early.

With --compare a server is started and measured, in turn with a raw responder
that does nothing but answer: their ratio says what the server costs, whatever
the machine. The server must print "ready coap://HOST:PORT" when it can be
asked. Write it as
  ` + serverSyntax + `
For a server that prints nothing {port} stands for a free port, and it is there
when it answers a ping, as in
  --compare 'libcoap=coap-server-notls -A 127.0.0.1 -p {port} -d 10'
which wants --prepare 'hello world' too, for a resource to be there. Each server
is started anew for each round. The command is run as it is, without a shell:
what it starts must be the server itself. On Linux with two processors or more,
servers run on one and the load on another.

Exit code 1 if any response was wrong or missing.`,
		Example: `  coap2 bench coap://localhost/hello
  coap2 bench -c 1024 -d 10s --json coap://localhost/hello
  coap2 bench -c 64 --peers 16384 coap://127.0.0.1/hello
  coap2 bench -n 10000 --method put --data 42 --check none localhost/tick
  coap2 bench --compare 'coap2 serve --listen 127.0.0.1:0' -d 2s --rounds 3
  coap2 bench --compare 'a=coap2 serve --listen 127.0.0.1:0' --compare 'b=coap2 serve --listen 127.0.0.1:{port}'`,
		Args:              f.args,
		ValidArgsFunction: completeURI,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.settle(cmd.Flags().Changed); err != nil {
				return err
			}
			if len(f.compare) > 0 {
				return a.compare(cmd, f)
			}
			return a.bench(cmd.Context(), args[0], f)
		},
	}
	f.timeFlags.add(cmd)
	f.messageFlags.add(cmd)
	fl := cmd.Flags()
	fl.Var(&f.method, "method", "the method: get, put, post, delete, fetch, patch or ipatch")
	fl.IntVarP(&f.outstanding, "outstanding", "c", 64, "how many requests are outstanding")
	fl.IntVar(&f.peers, "peers", 0, "how many endpoints they come from, in turn; 0 = as many as are outstanding")
	fl.IntVar(&f.sockets, "sockets", 0, "on 127.0.0.0/8: how many sockets serve the endpoints; 0 = one for two processors")
	fl.DurationVarP(&f.duration, "duration", "d", 5*time.Second, "how long to measure; 0 = until --count")
	fl.Uint64VarP(&f.count, "count", "n", 0, "how many requests to measure at most; alone, however long that takes")
	fl.DurationVar(&f.warmup, "warmup", 500*time.Millisecond, "how long requests are made before any is counted (with -n alone: 0s)")
	fl.StringVar(&f.check, "check", "same", "the payload of every response must be the same as that of the first; none: may be anything; or must be this TEXT")
	fl.IntVar(&f.pid, "pid", 0, "process ID of the server, to measure its processor time and memory too (Linux)")
	fl.BoolVar(&f.json, "json", false, "print one JSON object that says everything")
	f.compareFlags.add(cmd)
	cli.Complete(cmd, "method", completeMethod)
	cli.Complete(cmd, "check", cobra.FixedCompletions([]cobra.Completion{"same", "none"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// args checks that there is one URI, or servers to compare.
func (f *benchFlags) args(cmd *cobra.Command, args []string) error {
	switch {
	case len(f.compare) == 0:
		return oneURI(cmd, args)
	case len(args) > 0:
		return fmt.Errorf("with --compare there is no URI; %q is too much (--path has the resource)", args[0])
	}
	return nil
}

// maxBench bounds the duration of a measurement.
const maxBench = 24 * time.Hour

// settle checks the flags and fills in what depends on others.
func (f *benchFlags) settle(changed func(string) bool) error {
	if err := f.timeFlags.check(); err != nil {
		return err
	}
	if err := f.messageFlags.check(); err != nil {
		return err
	}
	if f.count > 0 && !changed("duration") {
		f.duration = 0
		if !changed("warmup") {
			f.warmup = 0
		}
	}
	for _, v := range []struct {
		name               string
		value, least, most int
	}{
		{"outstanding", f.outstanding, 1, load.MaxOutstanding}, {"peers", f.peers, 0, load.MaxPeers}, {"sockets", f.sockets, 0, load.MaxSockets},
	} {
		if v.value < v.least || v.value > v.most {
			return fmt.Errorf("--%s is %d; it must be from %d to %d", v.name, v.value, v.least, v.most)
		}
	}
	switch {
	case f.duration == 0 && f.count == 0:
		return errors.New("--duration is 0 and there is no --count; give one of them")
	case f.duration < 0 || f.duration > maxBench:
		return fmt.Errorf("--duration is %v; it must be from 0 to %v", f.duration, maxBench)
	case f.warmup < 0 || f.warmup > maxBench:
		return fmt.Errorf("--warmup is %v; it must be from 0 to %v", f.warmup, maxBench)
	}
	if f.pid != 0 {
		if _, err := machine.CPUTime(f.pid); err != nil {
			return fmt.Errorf("--pid: %w", err)
		}
	}
	return f.compareFlags.check(changed)
}

// methodFlag is a flag that holds a method.
type methodFlag struct{ code codec.Code }

func (f *methodFlag) String() string {
	if f == nil || f.code == 0 {
		return ""
	}
	return strings.ToLower(f.code.Name())
}

func (f *methodFlag) Set(s string) error {
	for _, m := range methods {
		if strings.EqualFold(m.Name(), s) {
			f.code = m
			return nil
		}
	}
	return errors.New("the methods are get, put, post, delete, fetch, patch and ipatch")
}

func (f *methodFlag) Type() string { return "METHOD" }

// bench measures one server.
func (a *app) bench(ctx context.Context, uri string, f *benchFlags) error {
	u, err := parseTarget(uri)
	if err != nil {
		return err
	}
	req, err := f.request(ctx, a, f.method.code, u)
	if err != nil {
		return err
	}
	first, err := a.probe(ctx, req, &f.timeFlags)
	if err != nil {
		return err
	}
	// Whoever has answered that is who is asked from now on.
	target := first.Peer.Addr
	cfg := load.Config{
		Target: target, Method: req.Method, Options: u.AppendOptions(nil, target).Add(req.Options...), Payload: req.Payload,
		NonConfirmable: f.non, Outstanding: f.outstanding, Peers: f.peers, Sockets: f.sockets,
		Warmup: f.warmup, Duration: f.duration, Count: f.count, Params: f.params(), Timeout: f.timeout,
		Want: append([]byte{}, first.Payload...),
	}
	switch f.check {
	case "none":
		cfg.Check = load.Any
	case "same":
	default:
		cfg.Want = []byte(f.check)
	}
	m := newMeter(f.pid)
	cfg.Begin, cfg.End = m.begin, m.end
	l, err := load.Start(cfg)
	if err != nil {
		return cli.Exit(exitFailure, err)
	}
	a.watch(ctx, l, f)
	r := newBenchReport(u, f, l.Result(), m)
	if err := l.Err(); err != nil {
		return cli.Exit(exitFailure, err)
	}
	if f.json {
		_, err = a.Out.Write(cli.EncodeJSON(r, a.Terminal))
	} else {
		_, err = a.Out.Write(r.appendText(nil))
	}
	switch {
	case err != nil:
		return cli.Exit(exitFailure, fmt.Errorf("output: %w", err))
	case r.Errors.Total > 0:
		return cli.Exit(exitResponse, nil) // the report has said so
	case r.Interrupted:
		return cli.Exit(exitInterrupted, errInterrupted)
	}
	return nil
}

// probe makes one request, to see whether and what the server answers.
func (a *app) probe(ctx context.Context, req actors.Request, f *timeFlags) (*actors.Response, error) {
	node, stop, err := a.clientNode(&clientFlags{timeFlags: *f})
	if err != nil {
		return nil, err
	}
	defer stop()
	deadline, cancel := withTimeout(ctx, f.timeout)
	defer cancel()
	req.Timeout = f.timeout + time.Second
	res, err := node.Do(deadline, req)
	if err = a.outcome(ctx, err); err != nil {
		return nil, err
	}
	return res, nil
}

// meter measures processes while a load does.
type meter struct {
	pid           int
	own, server   time.Duration
	ownOK, serves bool
}

func newMeter(pid int) *meter { return &meter{pid: pid} }

// begin and end are called at the beginning and the end of what is counted.
func (m *meter) begin() {
	var err error
	m.own, err = machine.CPUTime(os.Getpid())
	m.ownOK = err == nil
	if m.pid != 0 {
		m.server, err = machine.CPUTime(m.pid)
		m.serves = err == nil
	}
}

func (m *meter) end() {
	if t, err := machine.CPUTime(os.Getpid()); err == nil {
		m.own = t - m.own
	}
	if m.pid != 0 {
		t, err := machine.CPUTime(m.pid)
		m.server, m.serves = t-m.server, m.serves && err == nil
	}
}

// resident returns the memory of the server; 0 if it is not known.
func (m *meter) resident() uint64 {
	if m.pid == 0 {
		return 0
	}
	n, _ := machine.Resident(m.pid)
	return n
}
