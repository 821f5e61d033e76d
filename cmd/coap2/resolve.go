package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/cmd/internal/cli"
	"github.com/coap2/coap2/codec"
)

// nameFlags say how names are found.
type nameFlags struct {
	resolve    hostsFlag
	interfaces []string
	state      string
}

func (f *nameFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.Var(&f.resolve, "resolve", "the address of a name, so that nobody is asked for it; may be repeated")
	fl.StringArrayVar(&f.interfaces, "interface", nil, "the network interface on which names and resources are asked for; may be repeated (default: all that can)")
	fl.StringVar(&f.state, "state", defaultState, "directory in which names are remembered; none = nowhere")
	cli.Complete(cmd, "resolve", cli.Nothing)
	cli.Complete(cmd, "interface", cli.Nothing)
}

// defaultState stands for the directory of the user's caches.
const defaultState = "auto"

// config adds what the flags say. The names of a server are its own.
func (f *nameFlags) config(cfg *actors.Config) {
	cfg.Resolve, cfg.Interfaces = f.resolve.hosts, f.interfaces
	dir := f.state
	if dir == defaultState {
		base, err := os.UserCacheDir()
		if err != nil {
			return // a machine without: nothing is remembered
		}
		dir = filepath.Join(base, "coap2")
		if cfg.Name != "" {
			dir = filepath.Join(dir, strings.ToLower(cfg.Name))
		}
	}
	if dir != "" && dir != "none" {
		cfg.Names.Store = actors.FileStore(dir)
	}
}

// hostsFlag collects addresses of names, NAME=ADDRESS.
type hostsFlag struct{ hosts map[string]netip.AddrPort }

func (f *hostsFlag) String() string { return "" }

func (f *hostsFlag) Set(s string) error {
	name, at, ok := strings.Cut(s, "=")
	if !ok {
		return errors.New("write NAME=ADDRESS, such as node1.local=192.0.2.7 or node1.local=[2001:db8::7]:5683")
	}
	canonical, err := protocol.CanonicalName(strings.TrimSuffix(name, "."))
	if err != nil {
		return err
	}
	addr, err := netip.ParseAddrPort(at)
	if err != nil {
		ip, err := netip.ParseAddr(strings.Trim(at, "[]"))
		if err != nil {
			return fmt.Errorf("%q is no address such as 192.0.2.7, 192.0.2.7:5683 or [2001:db8::7]:5683", at)
		}
		addr = netip.AddrPortFrom(ip, 0)
	}
	if f.hosts == nil {
		f.hosts = map[string]netip.AddrPort{}
	}
	f.hosts[canonical] = addr
	return nil
}

func (f *hostsFlag) Type() string { return "NAME=ADDRESS" }

type resolveFlags struct {
	nameFlags
	timeout time.Duration
	json    bool
	verbose int
}

func (a *app) resolveCommand() *cobra.Command {
	f := &resolveFlags{}
	cmd := &cobra.Command{
		Use:   "resolve NAME",
		Short: "Find the addresses of a node",
		Long: `Find the addresses of a node by its name, as a request to coap://NAME/ does:
what --resolve says, what is remembered, and for a name of one label or under
.local a question to all CoAP nodes of the network (224.0.1.187, ff02::fd,
ff05::fd) before the operating system is asked; for other names the operating
system alone. One address a line, the preferred one first. Exit code 3 if there
is none.`,
		Example: `  coap2 resolve node1.local
  coap2 resolve node1.local --json
  coap2 resolve node1.local --interface eth0 --state none`,
		Args: func(cmd *cobra.Command, args []string) error {
			switch len(args) {
			case 0:
				return errors.New("resolve needs a name, such as node1.local")
			case 1:
				return nil
			}
			return fmt.Errorf("resolve takes one name; %q is too much", args[1])
		},
		ValidArgsFunction: cli.Nothing,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.resolveName(cmd.Context(), args[0], f) },
	}
	f.add(cmd)
	cmd.Flags().DurationVar(&f.timeout, "timeout", 10*time.Second, "how long to wait for an answer")
	cmd.Flags().BoolVar(&f.json, "json", false, "print one JSON object")
	addVerbose(cmd, &f.verbose)
	return cmd
}

// resolveReport is what --json prints.
type resolveReport struct {
	Name      string   `json:"name"`
	Addresses []string `json:"addresses"`
	MS        float64  `json:"ms"`
	Error     string   `json:"error,omitempty"`
}

func (a *app) resolveName(ctx context.Context, name string, f *resolveFlags) error {
	if f.timeout <= 0 || f.timeout > 24*time.Hour {
		return fmt.Errorf("--timeout is %v; it must be above 0 and at most 24h", f.timeout)
	}
	if _, err := codec.ParseURI("coap://" + name); err != nil {
		return fmt.Errorf("%s is no name: write one such as node1.local", cli.Printable(fmt.Sprintf("%.80q", name)))
	}
	cfg := actors.Config{Listen: []string{":0"}, Log: a.logger(), Tap: a.tap(f.verbose)}
	f.config(&cfg)
	node, stop, err := a.startNode(cfg)
	if err != nil {
		return err
	}
	defer stop()
	deadline, cancel := withTimeout(ctx, f.timeout)
	defer cancel()
	start := time.Now()
	addrs, err := node.Resolve(deadline, name)
	r := resolveReport{Name: name, Addresses: []string{}, MS: cli.Milliseconds(time.Since(start))}
	for _, at := range addrs {
		r.Addresses = append(r.Addresses, at.String())
	}
	if err != nil && ctx.Err() != nil {
		return cli.Exit(exitInterrupted, errInterrupted)
	}
	if f.json {
		if err != nil {
			r.Error = cli.Printable(cli.Plain(err))
		}
		_, _ = a.Out.Write(cli.EncodeJSON(r, a.Terminal))
	} else {
		for _, at := range r.Addresses {
			fmt.Fprintln(a.Out, cli.Printable(at))
		}
	}
	if err != nil {
		if f.json {
			err = nil // it is in the object
		}
		return cli.Exit(exitFailure, err)
	}
	return nil
}
