package main

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/codec"
)

// ticker is the state of /tick and /tick-con: a counter, until a text is put in
// its place.
type ticker struct {
	mu      sync.Mutex
	text    string
	number  int64
	counts  bool // text is number
	routes  []*actors.Route
	current *actors.Response // of text; it is only read
}

func newTicker() *ticker {
	t := &ticker{}
	t.set("0")
	return t
}

func (t *ticker) set(text string) {
	t.text = text
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	t.number, t.counts = n, err == nil
	if t.counts {
		t.text = strconv.FormatInt(n, 10)
	}
	t.current, _ = actors.Text(t.text)
}

// count goes on to the next number, if there is one.
func (t *ticker) count() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts {
		t.set(strconv.FormatInt(t.number+1, 10))
		t.publish()
	}
}

// publish tells the observers; the lock keeps states in order.
func (t *ticker) publish() {
	for _, r := range t.routes {
		_ = r.Publish(t.current) // it can be encoded
	}
}

func (t *ticker) get(_ context.Context, r *actors.Request) (*actors.Response, error) {
	if err := offer(r, codec.TextPlain); err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.current, nil
}

func (t *ticker) put(_ context.Context, r *actors.Request) (*actors.Response, error) {
	if f, ok := r.Options.ContentFormat(); ok && f != codec.TextPlain {
		return nil, actors.Errorf(codec.UnsupportedContentFormat, "send the number as %v", codec.TextPlain)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.set(string(r.Payload))
	t.publish()
	return nil, nil
}

// period is how often the resources for the plugtest's observations change.
const period = 5 * time.Second

// observation is a resource of the plugtest's descriptions TD_COAP_OBS: it
// changes every period, and what is put there stays until it is deleted.
type observation struct {
	// body is the n-th state where nothing has been put.
	body func(n int) []byte

	mu     sync.Mutex
	n      int
	put    []byte
	format codec.Format
	isPut  bool
	route  *actors.Route
}

func (o *observation) state() *actors.Response {
	res := &actors.Response{Options: codec.Options{codec.ContentFormat(codec.TextPlain)}}
	if o.isPut {
		res.Options, res.Payload = codec.Options{codec.ContentFormat(o.format)}, o.put
	} else {
		res.Payload = o.body(o.n)
	}
	res.Options = res.Options.Add(codec.MaxAge(uint32(2 * period / time.Second)))
	return res
}

func (o *observation) change() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.n++
	_ = o.route.Publish(o.state()) // it can be encoded
}

func (o *observation) get(_ context.Context, r *actors.Request) (*actors.Response, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	res := o.state()
	f, _ := res.ContentFormat()
	return res, offer(r, f)
}

func (o *observation) replace(_ context.Context, r *actors.Request) (*actors.Response, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.put, o.isPut, o.format = slices.Clone(r.Payload), true, codec.TextPlain
	if f, ok := r.Options.ContentFormat(); ok {
		o.format = f
	}
	return nil, o.route.Publish(o.state())
}

// remove ends the observations; the resource is there again at once, as it was in
// the beginning, so that whoever comes next finds something.
func (o *observation) remove(context.Context, *actors.Request) (*actors.Response, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.put, o.isPut = nil, false
	return nil, o.route.Publish(actors.Errorf(codec.NotFound, "it has been deleted"))
}

// sensor is the state of /sensor: its last sample. Each is told to the subscribers
// whose rule selects it, in order.
type sensor struct {
	mu      sync.Mutex
	current *actors.Response // it is only read
	route   *actors.Route
}

func newSensor() *sensor {
	s := &sensor{}
	s.current, _ = actors.Text("10")
	return s
}

// sensorQueue is how many samples wait for a subscriber.
const sensorQueue = 1024

func (s *sensor) get(_ context.Context, r *actors.Request) (*actors.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, _ := s.current.ContentFormat()
	return s.current, offer(r, f)
}

// put takes a sample, and publishes it.
func (s *sensor) put(_ context.Context, r *actors.Request) (*actors.Response, error) {
	f, ok := r.Options.ContentFormat()
	if !ok {
		f = codec.TextPlain
	}
	res, err := actors.Bytes(f, slices.Clone(r.Payload))
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = res
	return nil, s.route.Publish(res)
}

// listedSubscription is one entry of /subscriptions.
type listedSubscription struct {
	Peer    string  `json:"peer"`
	Path    string  `json:"path"`
	Rule    string  `json:"rule"`
	QoS     int     `json:"qos"`
	Age     float64 `json:"age"`
	Left    float64 `json:"left,omitempty"`
	Sent    uint64  `json:"sent"`
	Dropped uint64  `json:"dropped"`
}

// subscriptions is GET /subscriptions: who has subscribed with which rule, the
// oldest first; times are in seconds.
func subscriptions(ctx context.Context, r *actors.Request) (*actors.Response, error) {
	all, err := r.Node().Subscriptions(ctx, 0)
	if err != nil {
		return nil, err
	}
	list := make([]listedSubscription, len(all))
	for i, s := range all {
		list[i] = listedSubscription{s.Peer.String(), s.Path, s.Rule, s.QoS, s.Age.Seconds(), s.Left.Seconds(), s.Sent, s.Dropped}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // rules are full of < and >
	if err := enc.Encode(list); err != nil {
		return nil, err
	}
	return actors.Bytes(codec.JSON, b.Bytes())
}

// forget is POST /obs-reset: the observers of all these resources are forgotten,
// as by a server that was switched off and on.
func (d *demoResources) forget(context.Context, *actors.Request) (*actors.Response, error) {
	for _, o := range d.observations {
		o.route.Forget()
	}
	return nil, nil
}

// longText is what /obs-large is in its n-th state, and /obs-pumping in every
// other: longer than a block of 1,024 bytes.
func longText(n int) []byte {
	const lines = 40
	var b []byte
	for i := range lines {
		b = append(b, "state "+strconv.Itoa(n)+", line "+strconv.Itoa(i+1)+" of "+strconv.Itoa(lines)+" of a large resource\n"...)
	}
	return b
}

func smallText(n int) []byte { return []byte("state " + strconv.Itoa(n)) }

func pumpingText(n int) []byte {
	if n%2 == 0 {
		return smallText(n)
	}
	return longText(n)
}

// observable returns the resources that are there to be observed, besides
// /tick.
func (d *demoResources) observable() []place {
	var places []place
	for _, o := range []struct {
		path        string
		confirmable bool
		body        func(n int) []byte
	}{
		{"/obs", true, smallText}, {"/obs-non", false, smallText}, {"/obs-large", true, longText}, {"/obs-large-non", false, longText},
		{"/obs-pumping", true, pumpingText}, {"/obs-pumping-non", false, pumpingText},
	} {
		s := &observation{body: o.body}
		d.observations = append(d.observations, s)
		places = append(places, place{o.path, actors.Resource{
			Observable: true, Confirmable: o.confirmable, Attributes: attrs("ct", "0"),
			Get: s.get, Put: s.replace, Delete: s.remove,
		}, func(r *actors.Route) { s.route = r }})
	}
	s := newSensor()
	places = append(places, place{"/sensor", actors.Resource{
		Observable: true, Inline: true, Tagged: true, Queue: sensorQueue,
		Get: s.get, Put: s.put,
	}, func(r *actors.Route) { s.route = r }})
	return append(places,
		place{path: "/obs-reset", resource: actors.Resource{Post: d.forget}},
		place{path: "/subscriptions", resource: actors.Resource{Hidden: true, Attributes: attrs("ct", "50"), Get: only(codec.JSON, subscriptions)}})
}

// pass is called every second: what changes with time changes.
func (d *demoResources) pass() {
	d.tick.count()
	d.seconds++
	if d.seconds%int(period/time.Second) != 0 {
		return
	}
	_ = d.random.Publish(strconv.Itoa(rand.IntN(256)))
	for _, o := range d.observations {
		o.change()
	}
}
