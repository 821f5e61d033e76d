package actors

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/codec"
)

// TestPublishedValues: what a value becomes, by the format that the resource
// declares.
func TestPublishedValues(t *testing.T) {
	for _, c := range []struct {
		ct      string // "" = none
		v       any
		format  codec.Format
		payload string
		err     string
	}{
		{"", []byte{1, 2}, codec.OctetStream, "\x01\x02", ""},
		{"", "on", codec.TextPlain, "on", ""},
		{"", 21.5, codec.JSON, "21.5", ""},
		{"", map[string]int{"a": 1}, codec.JSON, `{"a":1}`, ""},
		{"", true, codec.JSON, "true", ""},
		{"", nil, 0, "", "nil is no representation"},
		{"", func() {}, 0, "", "unsupported type"},
		{"", (*Response)(nil), 0, "", "is nil"},
		{"50", []byte("[1]"), codec.JSON, "[1]", ""},
		{"50 60", "[1]", codec.JSON, "[1]", ""},
		{"60", []int{1}, codec.CBOR, "\x81\x01", ""},
		{"112", []int{1}, codec.Format(112), "\x81\x01", ""},
		{"60", make(chan int), 0, "", "unsupported type"},
		{"110", []int{1}, codec.Format(110), "[1]", ""},
		{"0", 21.5, codec.TextPlain, "21.5", ""},
		{"0", -3, codec.TextPlain, "-3", ""},
		{"0", time.Second, codec.TextPlain, "1s", ""},
		{"0", []int{1}, 0, "", "a []int cannot be encoded as text/plain;charset=utf-8"},
		{"41", 1.0, 0, "", "a float64 cannot be encoded as application/xml"},
		{"x", 1, codec.JSON, "1", ""},
	} {
		res := Resource{Observable: true, Get: text("x")}
		if c.ct != "" {
			res.Attributes = []codec.Attr{{Name: "rt", Value: "x"}, {Name: "ct", Value: c.ct}}
		}
		w := (&Route{resource: &res, sites: make([]site, 1)}).watch()
		got, err := w.represent(c.v)
		if c.err != "" {
			require.ErrorContains(t, err, c.err, "%q %v", c.ct, c.v)
			continue
		}
		require.NoError(t, err, "%q %v", c.ct, c.v)
		f, ok := got.ContentFormat()
		require.True(t, ok)
		require.Equal(t, c.format, f, "%q %v", c.ct, c.v)
		require.Equal(t, c.payload, string(got.Payload))
		require.Equal(t, codec.Content, got.Code)
	}
}

func TestPublishedResponses(t *testing.T) {
	res := Resource{Observable: true, Get: text("x")}
	w := (&Route{resource: &res, sites: make([]site, 1)}).watch()
	for _, c := range []struct {
		v    any
		code codec.Code
		err  string
	}{
		{&Response{Payload: []byte("x")}, codec.Content, ""},
		{&Response{Code: codec.Valid}, codec.Valid, ""},
		{&Response{Code: codec.NotFound}, codec.NotFound, ""},
		{&Response{Code: codec.Changed}, 0, "is no code of a notification"},
		{&Response{Code: codec.GET}, 0, "is no code of a notification"},
		{&Response{Payload: make([]byte, 2*maxDatagram)}, codec.Content, ""},
		{&Response{Body: strings.NewReader("x")}, 0, "a Response.Body cannot be published"},
		{&Response{Options: codec.Options{codec.OpaqueOption(65000, make([]byte, maxDatagram))}}, 0, "does not fit"},
		{Errorf(codec.Forbidden, "no"), codec.Forbidden, ""},
		{errors.New("inside"), codec.InternalServerError, ""},
	} {
		got, err := w.represent(c.v)
		if c.err != "" {
			require.ErrorContains(t, err, c.err)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, c.code, got.Code)
		require.NotContains(t, string(got.Payload), "inside", "what went wrong inside is not told")
	}
	// The caller's memory is his again.
	mine := &Response{Options: codec.Options{codec.ETag([]byte("a"))}, Payload: []byte("one")}
	got, err := w.represent(mine)
	require.NoError(t, err)
	mine.Payload[0], mine.Options[0].Value[0] = 'X', 'X'
	require.Equal(t, "one", string(got.Payload))
	require.Equal(t, "a", string(got.Options[0].Value))
}

func TestWhatCannotBePublished(t *testing.T) {
	n := startNode(t, Config{})
	plain := handle(t, n, "/plain", Resource{Get: text("x")})
	require.ErrorContains(t, plain.Publish("x"), "the resource /plain is not Observable")
	require.ErrorContains(t, plain.Changed(), "not Observable")
	plain.Forget()
	many := handle(t, n, "/many/{one}", Resource{Observable: true, Get: text("x")})
	require.ErrorContains(t, many.Publish("x"), "stands for many resources")
	require.NoError(t, many.Changed())
	gone := handle(t, n, "/gone", Resource{Observable: true, Get: text("x")})
	require.NoError(t, gone.Publish("x"))
	gone.Forget()
	gone.Remove()
	require.ErrorContains(t, gone.Publish("x"), "has been removed")
	require.ErrorContains(t, gone.Changed(), "has been removed")

	for _, c := range []struct {
		res  Resource
		want string
	}{
		{Resource{Observable: true, Put: text("")}, "has no handler for GET or FETCH"},
		{Resource{Get: text(""), Queue: 1}, "it is not Observable"},
		{Resource{Get: text(""), Confirmable: true}, "it is not Observable"},
		{Resource{Get: text(""), Observers: 1}, "it is not Observable"},
		{Resource{Observable: true, Get: text(""), Queue: -1}, "its Queue is -1"},
		{Resource{Observable: true, Get: text(""), Queue: 1<<16 + 1}, "its Queue is 65537"},
		{Resource{Observable: true, Get: text(""), Observers: -1}, "its Observers is -1"},
	} {
		_, err := n.Handle("/x", c.res)
		require.ErrorContains(t, err, c.want)
	}
	for _, c := range []struct {
		cfg  Config
		want string
	}{
		{Config{Observe: ObserveConfig{Window: -1}}, "Config.Observe: protocol: Window is -1"},
		{Config{Observe: ObserveConfig{ConfirmEvery: 256}}, "ConfirmEvery is 256"},
		{Config{Observe: ObserveConfig{ConfirmWithin: 25 * time.Hour}}, "ConfirmWithin"},
		{Config{Limits: Limits{Observers: 1 << 20}}, "Max is 1048576"},
		{Config{Limits: Limits{Observers: -1}}, "Max is -1"},
		{Config{Limits: Limits{ObserversPerPeer: -1}}, "MaxPerPeer is -1"},
	} {
		require.ErrorContains(t, c.cfg.Validate(), c.want)
	}
	bad := Config{}
	bad.Observe.Registration.MinBackOff = -1
	require.ErrorContains(t, bad.Validate(), "MinBackOff")
}

// TestWhatCannotBeObserved: errors come as the only thing.
func TestWhatCannotBeObserved(t *testing.T) {
	srv, cli := startNode(t, Config{}), startNode(t, Config{})
	handle(t, srv, "/plain", Resource{Get: text("as it is")})
	observe := func(uri, rule string) (n *Notification, err error) {
		for n, err = range cli.Subscribe(t.Context(), uri, rule) {
			require.Error(t, err)
		}
		return n, err
	}
	n, err := observe(srv.URI("/plain"), "")
	require.ErrorIs(t, err, ErrNotObservable)
	require.ErrorContains(t, err, "GET "+srv.URI("/plain"))
	require.Equal(t, "as it is", string(n.Payload))

	n, err = observe(srv.URI("/none"), "")
	var ce *CodeError
	require.ErrorAs(t, err, &ce)
	require.Equal(t, codec.NotFound, ce.Code)
	require.Nil(t, n)

	_, err = observe(srv.URI("/plain"), "> 20")
	require.ErrorIs(t, err, ErrNotObservable)
	_, err = observe(srv.URI("/plain"), "> > 20")
	require.ErrorContains(t, err, "expected")
	_, err = observe("http://x/", "")
	require.ErrorContains(t, err, "scheme")
	_, err = observe("coap://no.such.host.invalid/", "")
	require.ErrorContains(t, err, "no.such.host.invalid")

	end := make(chan error, 1)
	cli.Observe(Request{Method: codec.PUT, URI: srv.URI("/plain")}, func(_ *Notification, err error) { end <- err })
	require.ErrorContains(t, <-end, "a PUT cannot observe")
	cancelled, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	for _, err := range cli.Subscribe(cancelled, srv.URI("/plain"), "") {
		require.ErrorContains(t, err, "enough")
	}
	require.Zero(t, cli.Stats().Observe.Observations)
}
