package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
	"time"

	"github.com/spf13/cobra"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/cmd/internal/cli"
	"github.com/coap2/coap2/netio/udp"
)

type serveFlags struct {
	nameFlags
	listen  []string
	name    string
	profile string
	shards  int
	verbose int
}

func (a *app) serveCommand() *cobra.Command {
	f := &serveFlags{}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the demonstration resources",
		Long: `Serve the demonstration resources until interrupted. When the node can be
asked, one line "ready coap://HOST:PORT" per address is printed on stdout.

Resources: /hello, /tick, /random, /root (GET, FETCH), /root/child,
/root/child/private, /config (GET, PATCH, iPATCH), and those that the ETSI
plugtests ask for: /test, /separate, /query, /seg1/seg2/seg3, /location-query,
/multi-format, /validate, /create1, /link1, /link2, /link3, /path, and with
payloads that travel in blocks /large, /large-update, /large-create,
/large-post; /big has 1 MiB.
GET /.well-known/core lists them.

To be observed: /tick counts seconds from what is put there (a text stays as it
is), and every PUT notifies; /tick-con is the same with confirmable
notifications; /random changes every five seconds, and so do /obs, /obs-non,
/obs-large, /obs-large-non, /obs-pumping and /obs-pumping-non of the plugtests.
POST /obs-reset has the server forget the observers of those. /sensor is for
subscriptions with rules ("coap2 subscribe"): it begins with 10, a PUT publishes
its payload as the next sample, and samples wait for those who are slow.`,
		Example: `  coap2 serve
  coap2 serve --name node1.local         # then, anywhere on the network: coap2 get coap://node1.local/hello
  coap2 serve --listen 127.0.0.1:0 --listen '[::1]:0' -v
  coap2 serve --shards 4                 # four sockets an address, each with a goroutine
  coap2 serve --cpuprofile serve.pprof   # then: go tool pprof -top serve.pprof`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.serve(cmd.Context(), f) },
	}
	cmd.Flags().StringArrayVar(&f.listen, "listen", nil, `address to listen on, HOST:PORT; no host is all addresses, port 0 any free one; may be repeated (default ":5683")`)
	cmd.Flags().StringVar(&f.name, "name", "", "the node's name, such as node1.local, by which others find it; if somebody else has it, the node takes node1-2.local")
	f.nameFlags.add(cmd)
	cmd.Flags().IntVar(&f.shards, "shards", 1, "spread the peers over this many sockets of each address, which are served at the same time; 1 to 256 (above 1 on Linux only)")
	cmd.Flags().StringVar(&f.profile, "cpuprofile", "", "write a CPU profile of the server to this `file`, for go tool pprof")
	addVerbose(cmd, &f.verbose)
	return cmd
}

func (a *app) serve(ctx context.Context, f *serveFlags) error {
	if f.shards < 1 || f.shards > actors.MaxShards {
		return fmt.Errorf("--shards: %d; it must be 1 to %d", f.shards, actors.MaxShards)
	}
	cfg := actors.Config{Name: f.name, Listen: f.listen, Shards: f.shards, Log: a.logger(), Tap: a.tap(f.verbose)}
	f.config(&cfg)
	if f.name == "" {
		cfg.Names.Store = nil // it has nothing of its own to remember
	}
	cfg.Names.Changed = func(name string) {
		if name == "" {
			name = "(none: another node has it)"
		}
		fmt.Fprintf(a.Err, "name %s\n", name)
	}
	if err := cfg.Validate(); err != nil {
		return err
	}
	if err := (udp.Config{Addrs: f.listen}).Validate(); err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	if f.profile != "" {
		end, err := a.profile(f.profile)
		if err != nil {
			return err
		}
		defer end()
	}
	d := &demoResources{}
	cfg.Setup = d.register
	node, err := actors.Start(cfg)
	if err != nil {
		return cli.Exit(exitFailure, err)
	}
	for _, at := range node.Addrs() {
		if _, err = fmt.Fprintf(a.Out, "ready coap://%s\n", at); err != nil {
			break
		}
	}
	for err == nil && pause(ctx, time.Second) {
		d.pass()
	}
	end, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if serr := node.Stop(end); serr != nil {
		a.Complain(serr)
	}
	if err != nil {
		return cli.Exit(exitFailure, err)
	}
	return nil
}

// profile begins a CPU profile; end writes it to the file.
func (a *app) profile(name string) (end func(), err error) {
	file, err := os.Create(name)
	if err != nil {
		return nil, fmt.Errorf("--cpuprofile: %w", err)
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, errors.Join(fmt.Errorf("--cpuprofile: %w", err), file.Close())
	}
	return func() {
		pprof.StopCPUProfile()
		if err := file.Close(); err != nil {
			a.Complain(fmt.Errorf("--cpuprofile: %w", err))
		}
	}, nil
}
