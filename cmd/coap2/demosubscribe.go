package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/cmd/internal/cli"
	"github.com/coap2/coap2/codec"
)

// heard is what a subscriber was told.
type heard struct {
	n   *actors.Notification
	err error
}

// subscriptions has two subscribers with different rules at one sensor.
func (s *story) subscriptions(ctx context.Context) error {
	s.chapter("Subscriptions: two rules at one sensor; greenhouse sends what each selects, and nothing else")
	followers := []struct {
		from *actors.Node
		rule string
		want []string
		ch   chan heard
	}{
		{s.house, "> 20", []string{"10 first", "25 selected", "21 selected", "26 selected"}, nil},
		{s.weather, "delta >= 10", []string{"10 first", "25 selected", "12 selected", "26 selected"}, nil},
	}
	for i := range followers {
		f := &followers[i]
		f.ch = make(chan heard, 16) // the callback must not block
		o := f.from.SubscribeFunc(actors.Subscription{Request: actors.Request{URI: s.greenhouse.URI("/sensor")}, Rule: f.rule, QoS: 1},
			func(n *actors.Notification, err error) { f.ch <- heard{n, err} })
		defer o.Cancel()
		s.say("   %s subscribes to /sensor with the rule %q", f.from.Name(), f.rule)
		if err := s.hear(ctx, f.from, f.ch, f.want[:1]); err != nil {
			return err
		}
	}
	values := []string{"15", "25", "21", "12", "26"}
	s.say("   greenhouse measures %s", strings.Join(values, ", "))
	for _, v := range values {
		if _, err := s.greenhouse.Do(ctx, actors.Request{Method: codec.PUT, URI: s.greenhouse.URI("/sensor"), Payload: []byte(v)}); err != nil {
			return err
		}
	}
	for _, f := range followers {
		if err := s.hear(ctx, f.from, f.ch, f.want[1:]); err != nil {
			return err
		}
	}
	return nil
}

// hear waits for what a subscriber is to be told.
func (s *story) hear(ctx context.Context, who *actors.Node, ch <-chan heard, want []string) error {
	var got []string
	for range want {
		select {
		case h := <-ch:
			if h.err != nil {
				return fmt.Errorf("the subscription of %s has ended: %w", who.Name(), h.err)
			}
			got = append(got, string(h.n.Payload)+" "+h.n.Reason.String())
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	s.say("   %s is told: %s", who.Name(), s.colour(green, cli.Printable(strings.Join(got, ", "))))
	if !slices.Equal(got, want) {
		return fmt.Errorf("%s was told %q instead of %q", who.Name(), got, want)
	}
	return nil
}
