package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/cmd/internal/cli"
	"github.com/coap2/coap2/codec"
)

// requestFlags are the flags of the commands that make one request, perhaps
// again and again.
type requestFlags struct {
	clientFlags
	messageFlags
	transferFlags
	token    tokenFlag
	out      string
	repeat   int
	interval time.Duration
}

func (f *requestFlags) add(cmd *cobra.Command, method codec.Code) {
	f.clientFlags.add(cmd)
	f.messageFlags.add(cmd)
	fl := cmd.Flags()
	fl.Var(&f.token, "token", "the token: 0x and hexadecimal digits, or text; \"\" is the empty one (default: one that nobody can guess)")
	fl.IntVar(&f.blockSize, "block-size", 0, "bytes of a block, both ways, of a payload that does not fit into one message: 16, 32, 64, … 1024 (default: 1024, or what the peer likes)")
	if method == codec.GET {
		fl.BoolVar(&f.resume, "resume", false, "with --out: if the transfer fails, keep what has come beside the file; the next time, get only the rest")
	}
	fl.StringVar(&f.out, "out", "", "write the payload (or the JSON object) to a file, which appears only when it is complete")
	fl.IntVar(&f.repeat, "repeat", 1, "how often to make the request; 0 = until interrupted")
	fl.DurationVar(&f.interval, "interval", time.Second, "with --repeat: time from one request to the next")
	cli.Complete(cmd, "token", cli.Nothing)
}

func (f *requestFlags) check() error {
	if err := f.clientFlags.check(); err != nil {
		return err
	}
	if err := f.messageFlags.check(); err != nil {
		return err
	}
	if err := f.transferFlags.check(f.out, f.repeat, f.json); err != nil {
		return err
	}
	switch {
	case f.repeat < 0:
		return fmt.Errorf("--repeat is %d; it must be 0 or more", f.repeat)
	case f.interval < 0:
		return fmt.Errorf("--interval is %v; it must not be negative", f.interval)
	}
	return nil
}

// requestHelp is what differs between the commands that make one request.
var requestHelp = map[codec.Code]struct{ short, example string }{
	codec.GET: {"Get a representation of a resource", `  coap2 get coap://localhost/hello
  coap2 get 'localhost/.well-known/core?rt=Type1*'
  coap2 get --accept xml coap://localhost/multi-format
  coap2 get 'coap://localhost/root?{"soil":"N,K"}'
  coap2 get --json -v coap://localhost/separate
  coap2 get --token 0x0a0b --ack-timeout 500ms --max-retransmit 2 localhost/hello
  coap2 get --out big.bin coap://localhost/big
  coap2 get --out big.bin --resume --block-size 512 coap://localhost/big
  coap2 get --repeat 3 --interval 100ms localhost/tick`},
	codec.PUT: {"Put a representation where a resource is, or is to be", `  coap2 put --data 42 coap://localhost/tick
  coap2 put --content-format json --data '{"a":1}' coap://localhost/create1
  coap2 put -O If-None-Match --data new coap://localhost/create1
  coap2 put --file big.bin coap://localhost/large-update
  date | coap2 put --file - coap://localhost/test`},
	codec.POST: {"Have a resource process a payload", `  coap2 post --content-format json --data '{"temp":12.9}' coap://localhost/root/child
  coap2 post --data hi coap://localhost/test`},
	codec.DELETE: {"Delete a resource", `  coap2 delete coap://localhost/test
  coap2 delete --non coap://localhost/test`},
	codec.FETCH: {"Get a part of a resource, or a view of it, that the payload describes", `  coap2 fetch --content-format json --data '{"soil":"N,P"}' coap://localhost/root
  coap2 fetch --content-format json --data '{"soil":"K"}' --json localhost/root`},
	codec.PATCH: {"Change a part of a resource", `  coap2 patch --content-format merge-patch+json --data '{"night":{"on":true}}' coap://localhost/config
  coap2 patch --content-format merge-patch+json --data '{"limit":null}' localhost/config`},
	codec.IPATCH: {"Change a part of a resource, with the same effect if it is done twice", `  coap2 ipatch --content-format merge-patch+json --data '{"limit":25}' coap://localhost/config`},
}

func (a *app) requestCommand(method codec.Code) *cobra.Command {
	f := &requestFlags{}
	help := requestHelp[method]
	cmd := &cobra.Command{
		Use:               strings.ToLower(method.Name()) + " URI",
		Short:             help.short,
		Example:           help.example,
		Args:              oneURI,
		ValidArgsFunction: completeURI,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.request(cmd.Context(), method, args[0], f) },
	}
	f.add(cmd, method)
	return cmd
}

var errInterrupted = errors.New("interrupted")

// request makes one request, or the same several times, and prints what came of
// it.
func (a *app) request(ctx context.Context, method codec.Code, uri string, f *requestFlags) error {
	u, err := parseTarget(uri)
	if err == nil {
		err = f.check()
	}
	if err != nil {
		return err
	}
	req := f.head(method, u)
	closing, err := f.payload(ctx, a, &req)
	if err != nil {
		return err
	}
	defer closing()
	// The context's end comes first: it counts name lookup too, and begins anew
	// with each block.
	req.Timeout = math.MaxInt64
	req.BlockSize, req.MaxBody = f.blockSize, maxInMemory
	req.Token, req.ZeroToken = f.token.token, f.token.set && f.token.token.Len() == 0
	r := &asking{a: a, f: f, req: req}
	if f.resume {
		if r.part, err = openPartial(f.out); err != nil {
			return err
		}
		defer r.part.drop()
		r.out, err = a.OpenOutput("", "")
	} else {
		r.out, err = a.OpenOutput("--out", f.out)
	}
	if err != nil {
		return err
	}
	defer r.out.Discard()

	node, stop, err := a.clientNode(&f.clientFlags)
	if err != nil {
		return err
	}
	defer stop()
	r.node = node
	if r.part != nil {
		return r.resume(ctx)
	}
	if f.out != "" && f.out != "-" && !f.json && f.repeat == 1 {
		r.req.To, r.req.MaxBody = r.out, 0
	}
	if f.repeat != 1 {
		return r.repeat(ctx)
	}
	exit, err := r.once(ctx)
	if err == nil {
		err = r.out.Commit()
	}
	if err != nil {
		return cli.Exit(exitFailure, fmt.Errorf("output: %w", err))
	}
	return exit
}

// asking is a command that makes requests.
type asking struct {
	a    *app
	f    *requestFlags
	node *actors.Node
	req  actors.Request
	out  *cli.Output
	part *partial // of --resume

	// What has come of the last one.
	res  *actors.Response
	took time.Duration
	etag []byte // of the payload, if it came in blocks
}

// once makes the request and prints what came of it. exit is how the command
// would end; err is about the output.
func (r *asking) once(ctx context.Context) (exit, err error) {
	res, err := r.ask(ctx)
	exit = r.a.outcome(ctx, err)
	if err != nil && r.req.To != nil {
		r.out.Discard() // a part of it may have come
	}
	if r.f.json {
		_, werr := r.out.Write(report(r.req, res, err, r.took).encode(r.out.Terminal()))
		return exit, werr
	}
	return exit, r.a.printResponse(r.out, res, err)
}

// ask makes the request.
func (r *asking) ask(ctx context.Context) (*actors.Response, error) {
	waiting, more, cancel := patience(ctx, r.f.timeout)
	defer cancel()
	m := r.a.newFollower(more)
	req := r.req
	req.Progress = m.progress
	res, err := r.node.Do(waiting, req)
	m.stop()
	r.res, r.took = res, time.Since(m.start)
	if p, _ := m.now(); len(p.ETag) > 0 {
		r.etag = p.ETag
	}
	return res, err
}

// resume gets what is missing of a file.
func (r *asking) resume(ctx context.Context) error {
	r.part.ask(&r.req)
	had := r.part.size
	res, err := r.ask(ctx)
	if had > 0 && isOutdated(err) {
		fmt.Fprintln(r.a.Err, "there is something else now: from the beginning again")
		if err := r.part.again(); err != nil {
			return cli.Exit(exitFailure, err)
		}
		r.part.ask(&r.req)
		res, err = r.ask(ctx)
	}
	if err == nil {
		if err := r.part.commit(); err != nil {
			return cli.Exit(exitFailure, fmt.Errorf("output: %w", err))
		}
		return r.a.printResponse(r.out, res, nil)
	}
	if n := r.part.keep(r.etag); n > 0 {
		fmt.Fprintf(r.a.Err, "%s are kept; the same command gets the rest\n", binarySize(float64(n)))
	}
	if perr := r.a.printResponse(r.out, res, err); perr != nil {
		return cli.Exit(exitFailure, fmt.Errorf("output: %w", perr))
	}
	return r.a.outcome(ctx, err)
}

// outcome turns what a request ended with into what the command ends with.
func (a *app) outcome(ctx context.Context, err error) error {
	var ce *actors.CodeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &ce):
		return cli.Exit(exitResponse, err)
	case ctx.Err() != nil:
		return cli.Exit(exitInterrupted, errInterrupted)
	}
	return cli.Exit(exitFailure, err)
}

// withTimeout returns a context that ends as a request does to which nobody
// answered.
func withTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, d, fmt.Errorf("%w within %v", actors.ErrTimeout, d))
}

// stopTimeout is how long a node may take to end what it is doing.
const stopTimeout = 5 * time.Second

// clientNode starts a node that only asks, and returns what ends it.
func (a *app) clientNode(f *clientFlags) (*actors.Node, func(), error) {
	cfg := actors.Config{Listen: f.listen(), Params: f.params(), Log: a.logger(), Tap: a.tap(f.verbose)}
	f.config(&cfg)
	return a.startNode(cfg)
}

// startNode starts a node, and returns what ends it.
func (a *app) startNode(cfg actors.Config) (*actors.Node, func(), error) {
	node, err := actors.Start(cfg)
	if err != nil {
		return nil, nil, cli.Exit(exitFailure, err)
	}
	return node, func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		_ = node.Stop(ctx) // nothing is open any more
	}, nil
}
