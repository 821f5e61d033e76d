package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/cmd/internal/cli"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/netio/udp"
)

// lossSeed decides what is lost. With this one, requests and answers are.
const lossSeed = 7252

// start starts the nodes.
func (s *story) start(verbose int) (err error) {
	s.chapter("Three nodes in one process, each client and server on one UDP socket of the loopback interface")
	loopback := []string{"127.0.0.1:0"}
	if s.house, err = s.node(actors.Config{Name: "house", Listen: loopback}, verbose); err != nil {
		return err
	}
	if s.greenhouse, err = s.node(actors.Config{Name: "greenhouse", Listen: loopback}, verbose); err != nil {
		return err
	}
	s.weather, err = s.node(actors.Config{
		Name: "weather",
		Open: func() (netio.Transport, error) {
			t, err := udp.Open(udp.Config{Addrs: loopback})
			if err != nil {
				return nil, err
			}
			s.network = newLossy(t, lossSeed)
			return s.network, nil
		},
		// Short times, so that nobody has to wait for the retransmissions.
		Params: protocol.Params{AckTimeout: 100 * time.Millisecond, AckRandomFactor: 1},
	}, verbose)
	if err != nil {
		return err
	}
	if err = (&demoResources{slow: 200 * time.Millisecond}).register(s.greenhouse); err != nil {
		return err
	}
	if _, err = s.weather.Handle("/sky", actors.Resource{Inline: true, Get: textOnly("clear")}); err != nil {
		return err
	}
	_, err = s.weather.Handle("/broken", actors.Resource{
		Get: func(context.Context, *actors.Request) (*actors.Response, error) { panic("on purpose") },
	})
	s.say("   house asks, greenhouse serves the resources of \"coap2 serve\", weather serves two of its own")
	s.say("")
	return err
}

// whoIsThere is a discovery. Nodes that listen on the loopback address alone hear no
// group, and this must work on machines that have nothing else; so each is asked what
// everyone would be asked.
func (s *story) whoIsThere(ctx context.Context) error {
	s.chapter("A discovery: who has /sky? (On a network all are asked at once, see coap2 discover; loopback has no groups, so here one by one)")
	found := ""
	for _, at := range []*actors.Node{s.greenhouse, s.weather} {
		start := time.Now()
		res, err := s.house.Get(ctx, at.URI("/.well-known/core"), codec.StringOption(codec.OptionDiscovery, "/sky"))
		var refused *actors.CodeError
		switch {
		case errors.As(err, &refused) && refused.Code == codec.NotFound:
			s.say("   %s has no /sky %s", at.Name(), s.took(time.Since(start)))
			continue
		case err != nil:
			return err
		}
		name, _ := res.Options.Get(codec.OptionDiscovery)
		found = string(name)
		s.say("   %s", s.colour(green, fmt.Sprintf("I am %s and have %s", cli.Printable(found), cli.Printable(string(res.Payload))))+" "+s.took(time.Since(start)))
	}
	if found != "weather" {
		return fmt.Errorf("%q was found instead of the weather", found)
	}
	return nil
}

func (s *story) askAndTell(ctx context.Context) error {
	s.chapter("Requests and their answers")
	if err := s.get(ctx, s.house, s.greenhouse, "/hello", "hello world"); err != nil {
		return err
	}
	if err := s.get(ctx, s.house, s.greenhouse, `/root?{"soil":"N,K"}`, `{"N":18,"K":32}`); err != nil {
		return err
	}
	_, err := s.ask(ctx, s.house, s.greenhouse, actors.Request{
		Method: codec.PUT, URI: "/tick", Payload: []byte("41"),
	}, expected{code: codec.Changed})
	if err != nil {
		return err
	}
	if err := s.get(ctx, s.house, s.greenhouse, "/tick", "41"); err != nil {
		return err
	}
	_, err = s.ask(ctx, s.greenhouse, s.greenhouse, actors.Request{
		Method: codec.POST, URI: "/root/child", Options: codec.Options{codec.ContentFormat(codec.JSON)}, Payload: []byte(`{"temp":9.5}`),
	}, expected{code: codec.Changed, payload: "It's getting cold !"})
	return err
}

// ended is how an asynchronous request ended.
type ended struct {
	res *actors.Response
	err error
	at  time.Time
}

// begin makes an asynchronous request.
func (s *story) begin(from, to *actors.Node, path string) (*actors.Call, <-chan ended) {
	done := make(chan ended, 1) // the callback must not block
	call := from.Go(actors.Request{Method: codec.GET, URI: to.URI(path)}, func(res *actors.Response, err error) { done <- ended{res, err, time.Now()} })
	return call, done
}

// finish waits for the end of an asynchronous GET and tells of it.
func (s *story) finish(ctx context.Context, from, to *actors.Node, path string, done <-chan ended, start time.Time, want expected) error {
	select {
	case e := <-done:
		return s.report(from, to, actors.Request{Method: codec.GET}, path, e.res, e.err, e.at.Sub(start), want)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *story) callBack(ctx context.Context) error {
	s.chapter("An asynchronous request: the call returns at once, the answer comes to a callback")
	start := time.Now()
	_, done := s.begin(s.house, s.greenhouse, "/hello")
	s.say("   house has asked, and does something else meanwhile")
	return s.finish(ctx, s.house, s.greenhouse, "/hello", done, start, expected{code: codec.Content, payload: "hello world"})
}

func (s *story) atOnce(ctx context.Context) error {
	s.chapter("Several at once: three requests that take 200 ms each, and two quick ones")
	paths := []struct{ path, want string }{
		{"/separate", "this took its time"}, {"/separate", "this took its time"}, {"/separate", "this took its time"},
		{"/hello", "hello world"}, {"/tick", "41"},
	}
	start := time.Now()
	var waiting []<-chan ended
	for _, p := range paths {
		_, done := s.begin(s.house, s.greenhouse, p.path)
		waiting = append(waiting, done)
	}
	for i, p := range paths {
		if err := s.finish(ctx, s.house, s.greenhouse, p.path, waiting[i], start, expected{code: codec.Content, payload: p.want}); err != nil {
			return err
		}
	}
	return nil
}

func (s *story) slow(ctx context.Context) error {
	s.chapter("A slow resource: an empty acknowledgement comes at once, the response in a message of its own")
	res, err := s.ask(ctx, s.house, s.greenhouse, actors.Request{Method: codec.GET, URI: "/root/child/private"}, expected{code: codec.Content})
	if err == nil && !res.Separate {
		err = errors.New("the response was not a separate one")
	}
	return err
}

func (s *story) unconfirmed(ctx context.Context) error {
	s.chapter("Non-confirmable: sent once, not acknowledged")
	_, err := s.ask(ctx, s.house, s.greenhouse, actors.Request{Method: codec.GET, URI: "/hello", NonConfirmable: true},
		expected{code: codec.Content, payload: "hello world"})
	return err
}

func (s *story) failures(ctx context.Context) error {
	s.chapter("Errors, and a handler that panics: its node lives on")
	for _, f := range []struct {
		to     *actors.Node
		method codec.Code
		path   string
		code   codec.Code
	}{
		{s.greenhouse, codec.GET, "/nowhere", codec.NotFound},
		{s.greenhouse, codec.DELETE, "/hello", codec.MethodNotAllowed},
		{s.greenhouse, codec.GET, `/root?{"soil":"gold"}`, codec.BadRequest},
		{s.weather, codec.GET, "/broken", codec.InternalServerError},
		{s.weather, codec.GET, "/sky", codec.Content},
		{s.greenhouse, codec.GET, "/hello", codec.Content},
	} {
		if _, err := s.ask(ctx, s.house, f.to, actors.Request{Method: f.method, URI: f.path}, expected{code: f.code}); err != nil {
			return err
		}
	}
	return nil
}

func (s *story) losses(ctx context.Context) error {
	s.chapter("A network that loses datagrams: what is not acknowledged is sent again")
	var counted atomic.Int64
	route, err := s.greenhouse.Handle("/count", actors.Resource{
		Inline: true,
		Post: func(context.Context, *actors.Request) (*actors.Response, error) {
			return actors.Text(fmt.Sprint(counted.Add(1)))
		},
	})
	if err != nil {
		return err
	}
	defer route.Remove()
	for i := range 3 {
		out0, in0 := s.network.lost()
		_, err := s.ask(ctx, s.weather, s.greenhouse, actors.Request{Method: codec.POST, URI: "/count"},
			expected{code: codec.Changed, payload: fmt.Sprint(i + 1)})
		if err != nil {
			return err
		}
		out, in := s.network.lost()
		s.say("      lost: the request %s, the answer %s", times(out-out0), times(in-in0))
	}
	out, in := s.network.lost()
	if st := s.weather.Stats(); out == 0 || in == 0 || st.Retransmissions < uint64(out+in) {
		return fmt.Errorf("%d requests and %d answers were lost, and %d messages sent again", out, in, st.Retransmissions)
	}
	s.say("   a request that arrives twice is recognised: the handler ran %s", times(int(counted.Load())))
	return nil
}

func times(n int) string {
	switch n {
	case 0:
		return "never"
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return fmt.Sprintf("%d times", n)
}

func (s *story) cancelled(ctx context.Context) error {
	s.chapter("Cancelled, and given up")
	entered, release := make(chan struct{}, 2), make(chan struct{})
	defer close(release)
	_, err := s.greenhouse.Handle("/never", actors.Resource{
		Get: func(ctx context.Context, _ *actors.Request) (*actors.Response, error) {
			entered <- struct{}{}
			select {
			case <-release:
			case <-ctx.Done():
			}
			return nil, nil
		},
	})
	if err != nil {
		return err
	}
	start := time.Now()
	call, done := s.begin(s.house, s.greenhouse, "/never")
	select {
	case <-entered:
		s.say("   the handler is at work, and house thinks better of it")
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	call.Cancel()
	if err := s.finish(ctx, s.house, s.greenhouse, "/never", done, start, expected{err: actors.ErrCanceled}); err != nil {
		return err
	}
	soon, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	_, err = s.ask(soon, s.house, s.greenhouse, actors.Request{Method: codec.GET, URI: "/never"}, expected{err: context.DeadlineExceeded})
	return err
}

func (s *story) ping(ctx context.Context) error {
	s.chapter("Ping: an empty message, to which every node answers with a Reset")
	d, err := s.house.Ping(ctx, s.greenhouse.URI(""))
	if err == nil {
		s.say("   house -> greenhouse: ping = %s %s", s.colour(green, "answered"), s.took(d))
	}
	return err
}

func (s *story) wrapped(ctx context.Context) error {
	s.chapter("Middleware around every handler of greenhouse")
	var mu sync.Mutex
	var seen []string
	s.greenhouse.Use(func(next actors.Handler) actors.Handler {
		return func(ctx context.Context, r *actors.Request) (*actors.Response, error) {
			res, err := next(ctx, r)
			mu.Lock()
			seen = append(seen, fmt.Sprintf("%s %s", r.Method.Name(), r.Path()))
			mu.Unlock()
			return res, err
		}
	})
	if err := s.get(ctx, s.house, s.greenhouse, "/hello", "hello world"); err != nil {
		return err
	}
	if err := s.get(ctx, s.weather, s.greenhouse, "/seg1/seg2/seg3", seg3Text); err != nil {
		return err
	}
	mu.Lock()
	defer mu.Unlock()
	s.say("   the middleware saw %q", seen)
	if len(seen) != 2 {
		return fmt.Errorf("the middleware saw %d requests instead of 2", len(seen))
	}
	return nil
}

func (s *story) links(ctx context.Context) error {
	s.chapter("What has greenhouse of the resource type Type2?")
	res, err := s.ask(ctx, s.house, s.greenhouse, actors.Request{Method: codec.GET, URI: "/.well-known/core?rt=Type2"}, expected{code: codec.Content})
	if err != nil {
		return err
	}
	links, err := codec.ParseLinks(res.Payload)
	if err != nil {
		return err
	}
	for _, l := range links {
		s.say("      %s", l)
	}
	if len(links) != 2 {
		return fmt.Errorf("%d links instead of 2", len(links))
	}
	return nil
}
