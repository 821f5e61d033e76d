package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/cmd/internal/cli"
	"github.com/coap2/coap2/codec"
)

type discoverFlags struct {
	nameFlags
	all     bool
	rt, ifs []string
	filters []string
	wait    time.Duration
	coap2   bool
	json    bool
	watch   bool
	every   time.Duration
	verbose int
}

func (a *app) discoverCommand() *cobra.Command {
	f := &discoverFlags{}
	cmd := &cobra.Command{
		Use:   "discover [QUERY…]",
		Short: "Find nodes on the network, by name or by what they have",
		Long: `Ask all CoAP nodes of the network (224.0.1.187, ff02::fd, ff05::fd) who they are.
QUERY is a host name, or one or several paths: nodes are found that have any of
them, with --all those that have all. Without QUERY everyone is asked. --rt and
--if look for resources of a type or with an interface description; a * at the
end stands for any rest.

A line for each node, as the answers come. A node that does not know CoAP 2 is
called by its address. --watch goes on: nodes that come and go say so (which is
heard only if port 5683 is free), and everyone is asked again every now and then.
Exit code 3 if nobody was found.`,
		Example: `  coap2 discover
  coap2 discover node1.local
  coap2 discover /root /root/child --all
  coap2 discover --rt 'temp*' --json
  coap2 discover --watch`,
		Args: cobra.ArbitraryArgs, ValidArgsFunction: cli.Nothing,
		RunE: func(cmd *cobra.Command, args []string) error { return a.discover(cmd.Context(), args, f) },
	}
	f.add(cmd)
	fl := cmd.Flags()
	fl.BoolVar(&f.all, "all", false, "only nodes that have all of the paths")
	fl.StringArrayVar(&f.rt, "rt", nil, "only resources of this type; may be repeated: all must hold")
	fl.StringArrayVar(&f.ifs, "if", nil, "only resources with this interface description; may be repeated")
	fl.StringArrayVar(&f.filters, "filter", nil, "only resources with this attribute, NAME=VALUE; may be repeated")
	fl.DurationVar(&f.wait, "wait", 0, "how long to wait for answers (default: until nobody else can be expected to answer, which takes seconds)")
	fl.BoolVar(&f.coap2, "coap2", false, "only nodes that know CoAP 2, which answer sooner")
	fl.BoolVar(&f.json, "json", false, "print one JSON object a line for each node")
	fl.BoolVarP(&f.watch, "watch", "w", false, "go on until interrupted")
	fl.DurationVar(&f.every, "every", 30*time.Second, "with --watch, how often everyone is asked again")
	addVerbose(cmd, &f.verbose)
	for _, flag := range []string{"rt", "if", "filter"} {
		cli.Complete(cmd, flag, cli.Nothing)
	}
	return cmd
}

// query is what the arguments and flags ask for.
func (f *discoverFlags) query(args []string) (actors.Query, error) {
	q := actors.Query{All: f.all, Wait: f.wait, CoAP2: f.coap2}
	for _, arg := range args {
		switch {
		case strings.HasPrefix(arg, "/"):
			q.Resources = append(q.Resources, arg)
		case len(args) > 1:
			return q, errors.New("QUERY is one host name, or paths that begin with /")
		default:
			name, err := protocol.CanonicalName(strings.TrimSuffix(arg, "."))
			if err != nil {
				return q, err
			}
			q.Name = name
		}
	}
	for _, flags := range []struct {
		name   string
		values []string
	}{{"rt=", f.rt}, {"if=", f.ifs}, {"", f.filters}} {
		for _, v := range flags.values {
			q.Filters = append(q.Filters, flags.name+v)
		}
	}
	switch {
	case f.wait < 0 || f.wait > 24*time.Hour:
		return q, fmt.Errorf("--wait is %v; it must not be negative and at most 24h", f.wait)
	case f.every < time.Second:
		return q, fmt.Errorf("--every is %v; it must be at least 1s", f.every)
	case q.All && len(q.Resources) == 0:
		return q, errors.New("--all needs paths that a node must have")
	case q.Name != "" && len(q.Filters) > 0:
		return q, errors.New("a host name goes without filters: it is one node that is looked for")
	}
	_, err := codec.ParseFilters(q.Filters)
	return q, err
}

func (a *app) discover(ctx context.Context, args []string, f *discoverFlags) error {
	q, err := f.query(args)
	if err != nil {
		return err
	}
	if f.watch {
		return a.watchNodes(ctx, q, f)
	}
	cfg := actors.Config{Listen: []string{":0"}, Log: a.logger(), Tap: a.tap(f.verbose)}
	f.config(&cfg)
	node, stop, err := a.startNode(cfg)
	if err != nil {
		return err
	}
	defer stop()
	t := &nodeTable{a: a, json: f.json}
	found := 0
	for n, err := range node.Discover(ctx, q) {
		var conflict *actors.ConflictError
		switch {
		case errors.As(err, &conflict):
			a.Complain(err)
		case err != nil && ctx.Err() != nil:
			return cli.Exit(exitInterrupted, errInterrupted)
		case err != nil:
			return cli.Exit(exitFailure, explainMulticast(err))
		default:
			found++
			if werr := t.row(&n); werr != nil {
				return cli.Exit(exitFailure, werr)
			}
		}
	}
	if found == 0 {
		return cli.Exit(exitFailure, errors.New("nobody has answered"))
	}
	return nil
}

// explainMulticast says what to do without.
func explainMulticast(err error) error {
	if errors.Is(err, actors.ErrNoMulticast) {
		return fmt.Errorf("this machine cannot ask a network: %w", err)
	}
	return err
}

// nodeTable prints nodes as they are found.
type nodeTable struct {
	a      *app
	json   bool
	headed bool
}

// foundReport is what --json prints of a node.
type foundReport struct {
	Event     string       `json:"event,omitempty"` // with --watch: found, hello, goodbye, gone
	Name      string       `json:"name"`
	Addresses []string     `json:"addresses"`
	Instance  string       `json:"instance,omitempty"`
	Plain     bool         `json:"plain"`
	Again     bool         `json:"again,omitempty"`
	DelayMS   float64      `json:"delay_ms"`
	Links     []linkReport `json:"links"`
}

type linkReport struct {
	Href       string     `json:"href"`
	Attributes [][]string `json:"attributes,omitempty"`
}

func reportFound(n *actors.Found) foundReport {
	r := foundReport{Name: n.Name, Addresses: []string{}, Plain: n.Plain, Again: n.Again, DelayMS: cli.Milliseconds(n.Delay), Links: []linkReport{}}
	for _, at := range n.Addrs {
		r.Addresses = append(r.Addresses, at.String())
	}
	if !n.Plain {
		r.Instance = n.Instance.String()
	}
	for _, l := range n.Links {
		link := linkReport{Href: l.Target}
		for _, at := range l.Attrs {
			pair := []string{at.Name}
			if !at.Bare {
				pair = append(pair, at.Value)
			}
			link.Attributes = append(link.Attributes, pair)
		}
		r.Links = append(r.Links, link)
	}
	return r
}

// maxShown is how many bytes of a node's resources stand in a line.
const maxShown = 400

// row prints a node, or a further address of one.
func (t *nodeTable) row(n *actors.Found) error {
	if t.json {
		_, err := t.a.Out.Write(cli.EncodeJSON(reportFound(n), false))
		return err
	}
	if !t.headed {
		t.headed = true
		if _, err := fmt.Fprintln(t.a.Out, nodeHead); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(t.a.Out, nodeLine(n))
	return err
}

// nodeColumns has room for an IPv6 address of one link.
const nodeColumns = "%-24s  %-38s  %9s  %s"

var nodeHead = fmt.Sprintf(nodeColumns, "NAME", "ADDRESS", "AFTER", "RESOURCES")

// nodeLine is a node in a line. What strangers have written is escaped.
func nodeLine(n *actors.Found) string {
	name, what := n.Name, ""
	switch {
	case n.Plain:
		name, what = "(plain CoAP)", "-"
	case name == "":
		name = "(no name)"
	}
	if n.Again {
		what = "the same node"
	} else {
		var targets []string
		for _, l := range n.Links {
			targets = append(targets, l.Target)
		}
		if what = strings.Join(targets, " "); len(what) > maxShown {
			what = what[:maxShown] + "…"
		}
	}
	at := ""
	if len(n.Addrs) > 0 {
		at = n.Addrs[0].String()
	}
	return strings.TrimRight(fmt.Sprintf(nodeColumns, cli.Printable(name), cli.Printable(at), fmt.Sprintf("%.1f ms", cli.Milliseconds(n.Delay)), cli.Printable(what)), " ")
}
