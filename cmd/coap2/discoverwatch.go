package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/cmd/internal/cli"
)

// maxWatched bounds the nodes that discover --watch remembers.
const maxWatched = 4096

// nodeWatch is a table of nodes that is kept up to date.
type nodeWatch struct {
	a     *app
	json  bool
	rows  []*watchedNode // in the order of their names
	drawn int            // lines on the terminal
	round int
}

type watchedNode struct {
	actors.Found
	seen int // the round in which it was found last
	gone bool
}

// watchNodes shows who is there until it is interrupted.
func (a *app) watchNodes(ctx context.Context, q actors.Query, f *discoverFlags) error {
	heard := make(chan actors.NameEvent, 256)
	cfg := actors.Config{Listen: []string{":5683"}, Log: a.logger(), Tap: a.tap(f.verbose)}
	f.config(&cfg)
	cfg.Names.Heard = func(e actors.NameEvent) {
		select {
		case heard <- e:
		default: // the next round shows it
		}
	}
	node, err := actors.Start(cfg)
	if err != nil { // a server has the port
		fmt.Fprintln(a.Err, "port 5683 is taken: nodes that come and go are not heard, only asked")
		cfg.Listen = []string{":0"}
		if node, err = actors.Start(cfg); err != nil {
			return cli.Exit(exitFailure, err)
		}
	}
	defer func() {
		end, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		_ = node.Stop(end)
	}()
	w := &nodeWatch{a: a, json: f.json}
	found := make(chan actors.Found, 256)
	for {
		w.round++
		ended := make(chan error, 1)
		asking, stop := context.WithCancel(ctx)
		go func() { ended <- askAll(asking, node, q, found, a) }()
		next := time.NewTimer(f.every)
		err := w.follow(ctx, q, found, heard, ended, next.C)
		stop()
		next.Stop()
		switch {
		case ctx.Err() != nil:
			return cli.Exit(exitInterrupted, errInterrupted)
		case err != nil:
			return cli.Exit(exitFailure, explainMulticast(err))
		}
	}
}

// askAll asks everyone once.
func askAll(ctx context.Context, node *actors.Node, q actors.Query, found chan<- actors.Found, a *app) error {
	for n, err := range node.Discover(ctx, q) {
		var conflict *actors.ConflictError
		if errors.As(err, &conflict) {
			a.Complain(err)
			continue
		}
		if err != nil {
			return err
		}
		select {
		case found <- n:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// follow shows what happens until it is time to ask again.
func (w *nodeWatch) follow(ctx context.Context, q actors.Query, found <-chan actors.Found, heard <-chan actors.NameEvent, ended <-chan error, next <-chan time.Time) error {
	done := false
	for {
		var err error
		select {
		case n := <-found:
			err = w.found(n)
		case e := <-heard:
			err = w.heard(e, q)
		case aerr := <-ended:
			if aerr != nil {
				return aerr
			}
			done = true
			for len(found) > 0 && err == nil {
				err = w.found(<-found)
			}
			if err == nil {
				err = w.missing()
			}
		case <-next:
			if done {
				return nil
			}
			next = nil // as soon as this round is over
		case <-ctx.Done():
			return nil
		}
		if err != nil {
			return err
		}
		if done && next == nil {
			return nil
		}
	}
}

// find returns the row of an instance, or of a plain server's address.
func (w *nodeWatch) find(id protocol.InstanceID, at netip.AddrPort) *watchedNode {
	for _, r := range w.rows {
		if r.Plain && slices.Contains(r.Addrs, at) && id == (protocol.InstanceID{}) || !r.Plain && id != (protocol.InstanceID{}) && r.Instance == id {
			return r
		}
	}
	return nil
}

func (w *nodeWatch) add(n actors.Found) *watchedNode {
	if len(w.rows) >= maxWatched {
		return nil
	}
	r := &watchedNode{Found: n}
	at, _ := slices.BinarySearchFunc(w.rows, r, func(a, b *watchedNode) int { return strings.Compare(a.Name, b.Name) })
	w.rows = slices.Insert(w.rows, at, r)
	return r
}

func (w *nodeWatch) found(n actors.Found) error {
	r := w.find(n.Instance, n.Addrs[0])
	if r == nil {
		if r = w.add(n); r == nil {
			return nil
		}
		r.seen = w.round
		return w.tell("found", r)
	}
	back := r.gone
	r.seen, r.gone = w.round, false
	if !slices.Contains(r.Addrs, n.Addrs[0]) && len(r.Addrs) < 8 {
		r.Addrs = append(r.Addrs, n.Addrs[0])
	}
	if !n.Again {
		r.Links, r.Name = n.Links, n.Name
	}
	if back {
		return w.tell("found", r)
	}
	return w.draw()
}

// heard takes a hello or goodbye: of one that the query would find, as far as a name
// tells that.
func (w *nodeWatch) heard(e actors.NameEvent, q actors.Query) error {
	r := w.find(e.Instance, e.Addr)
	switch {
	case e.Goodbye && (r == nil || r.gone || !slices.Contains(r.Addrs, e.Addr)):
		return nil // anybody can say so
	case e.Goodbye:
		r.gone = true
		return w.tell("goodbye", r)
	case r == nil:
		if q.Name != "" && q.Name != e.Name || q.Name == "" && (len(q.Resources) > 0 || len(q.Filters) > 0) {
			return nil // the next round shows what it has
		}
		if r = w.add(actors.Found{Name: e.Name, Instance: e.Instance, Addrs: []netip.AddrPort{e.Addr}}); r == nil {
			return nil
		}
	case !r.gone && r.Name == e.Name:
		return nil
	}
	r.Name, r.gone, r.seen = e.Name, false, w.round
	return w.tell("hello", r)
}

// missing marks those that have not answered twice.
func (w *nodeWatch) missing() error {
	for _, r := range w.rows {
		if !r.gone && r.seen < w.round-1 {
			r.gone = true
			if err := w.tell("gone", r); err != nil {
				return err
			}
		}
	}
	return w.draw()
}

// tell shows that something has happened to a node.
func (w *nodeWatch) tell(event string, r *watchedNode) error {
	switch {
	case w.json:
		report := reportFound(&r.Found)
		report.Event = event
		_, err := w.a.Out.Write(cli.EncodeJSON(report, false))
		return err
	case w.a.Terminal:
		return w.draw()
	}
	if w.drawn == 0 {
		w.drawn = 1
		if _, err := fmt.Fprintf(w.a.Out, "%-8s  %s\n", "EVENT", nodeHead); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w.a.Out, "%-8s  %s\n", event, nodeLine(&r.Found))
	return err
}

// draw shows the table anew, where there is a terminal.
func (w *nodeWatch) draw() error {
	if w.json || !w.a.Terminal {
		return nil
	}
	var b strings.Builder
	if w.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\x1b[J", w.drawn)
	}
	w.drawn = 1
	fmt.Fprintln(&b, nodeHead)
	for _, r := range w.rows {
		if w.drawn > 40 { // more does not fit
			fmt.Fprintf(&b, "… and %d more\n", len(w.rows)-w.drawn+1)
			w.drawn++
			break
		}
		line := nodeLine(&r.Found)
		if r.gone {
			line = "(gone) " + line
		}
		if runes := []rune(line); len(runes) > 79 {
			line = string(runes[:78]) + "…"
		}
		fmt.Fprintln(&b, line)
		w.drawn++
	}
	_, err := fmt.Fprint(w.a.Out, b.String())
	return err
}
