package actors

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
)

// watch is what an observable resource has, at all shards, for its observers.
type watch struct {
	route *Route
	sites []watchSite
	// format is what the resource's attribute ct declares.
	format   codec.Format
	declared bool

	mu sync.Mutex // guards what publishers leave at the sites
}

// watchSite is a watch's part at one shard.
type watchSite struct {
	// changes counts the calls of Publish and Changed, observers those who are
	// told. Publishers count first and then look whether anybody observes;
	// registrations put the observer in first and then look whether anything
	// has changed. So one of them sees the other.
	changes   atomic.Uint64
	observers atomic.Int64
	// subscribers are the observers that have a rule.
	subscribers atomic.Int64

	// What has been published and waits for the shard. Guarded by watch.mu.
	waiting []publication
	spare   []publication // what was taken last; the shard reads it
	posted  bool
	// lost counts, for each observer without a rule, what was replaced or found
	// no room in waiting since the shard looked; passed counts it once, if there
	// are observers with rules.
	lost, passed uint64

	// The rest belongs to the shard's goroutine.
	views []*view          // in the order of their beginning
	byKey map[string]*view // the same; never ranged over
	// seq numbers what is sent to observers, and numbered is changes at the
	// time of the last number.
	seq      protocol.Sequence
	numbered uint64
	started  bool
}

// publication is one thing that was published: a response, or, if nil, that the
// handler is to be asked.
type publication struct{ res *Response }

// watch returns the watch of the route, which is made when it is needed.
func (r *Route) watch() *watch {
	w := r.watched.Load()
	if w == nil {
		w = &watch{route: r, sites: make([]watchSite, len(r.sites))}
		w.format, w.declared = declaredFormat(r.resource.Attributes)
		r.watched.CompareAndSwap(nil, w)
		w = r.watched.Load()
	}
	return w
}

// declaredFormat returns the first format of the attribute ct (RFC 7252
// §7.2.1).
func declaredFormat(attrs []codec.Attr) (codec.Format, bool) {
	for _, a := range attrs {
		if a.Name == "ct" {
			first, _, _ := strings.Cut(strings.TrimSpace(a.Value), " ")
			if v, err := strconv.ParseUint(first, 10, 16); err == nil {
				return codec.Format(v), true
			}
		}
	}
	return 0, false
}

// Publish tells the observers of a resource its new state. It returns at once
// and may be called from any goroutine; what one goroutine publishes reaches
// the observers in order. Observers that cannot be told as fast as states are
// published are told the latest, unless the resource has a Queue.
//
// v is the representation:
//
//   - []byte and string are taken as they are, in the format that the first
//     number of the resource's attribute ct says, or else as
//     application/octet-stream and text/plain;
//   - a *Response, which must be a success (2.05, or 2.03 with its ETag), says
//     everything itself; its Payload may be long, its Body must be nil;
//   - an error ends all observations with the response that a handler's error
//     would be: a *CodeError its code, any other 5.00 (RFC 7641 §4.2);
//   - any other value is encoded as the attribute ct says, in CBOR or JSON, or
//     as plain text if it is a number, a bool or a fmt.Stringer; without the
//     attribute in JSON.
//
// v is that of the resource itself, so observers that asked with a query, for
// another format, or with FETCH get what the handler answers to them now,
// unless the resource has a Queue and their format is that of v.
//
// The error says that v cannot be encoded, or that the resource cannot have
// observers: it is not Observable, has been removed, or its path pattern stands
// for many resources, for which Changed is.
func (r *Route) Publish(v any) error {
	if err := r.mayPublish(); err != nil {
		return err
	}
	for _, s := range r.segments {
		if s == "*" || strings.HasPrefix(s, "{") {
			return fmt.Errorf("actors: Publish: the pattern %q stands for many resources, which have not all the same state; use Changed", r.pattern)
		}
	}
	w := r.watch()
	res, err := w.represent(v)
	if err != nil {
		return fmt.Errorf("actors: Publish to %s: %w", r.pattern, err)
	}
	w.publish(publication{res})
	return nil
}

// Changed says that the state of the resource has changed: its GET handler is
// asked, once for all observers that asked the same, and what it answers is
// published. It returns at once, may be called from any goroutine, and calls
// that come while the handler runs count as one more.
//
// The handler sees the request that the observers have made, without their
// addresses and tokens. An error of the handler ends the observations with its
// response (RFC 7641 §4.2).
func (r *Route) Changed() error {
	if err := r.mayPublish(); err != nil {
		return err
	}
	r.watch().publish(publication{})
	return nil
}

// Forget forgets the observers of the resource without telling them, as a node
// does that is switched off and on; they will notice when what they have becomes
// stale. For tests of clients.
func (r *Route) Forget() {
	w := r.watched.Load()
	if w == nil {
		return
	}
	for i, sh := range r.node.shards {
		if w.sites[i].observers.Load() > 0 {
			sh.post(sh.endpoint, forgetObservers{w})
		}
	}
}

func (r *Route) mayPublish() error {
	switch {
	case !r.resource.Observable:
		return fmt.Errorf("actors: the resource %s is not Observable", r.pattern)
	case r.removed.Load():
		return fmt.Errorf("actors: the resource %s has been removed", r.pattern)
	}
	return nil
}

// publish leaves a publication at every shard that has observers.
func (w *watch) publish(p publication) {
	for i := range w.sites {
		s := &w.sites[i]
		s.changes.Add(1)
		if s.observers.Load() == 0 {
			continue
		}
		w.mu.Lock()
		w.leave(s, p)
		post := !s.posted
		s.posted = true
		w.mu.Unlock()
		if post {
			sh := w.route.node.shards[i]
			sh.post(sh.endpoint, published{w})
		}
	}
}

// leave adds a publication to those that wait at a site; w.mu is held.
func (w *watch) leave(s *watchSite, p publication) {
	queue := w.route.resource.Queue
	switch {
	case queue == 0 && len(s.waiting) > 0:
		s.waiting[0] = p
		s.replaced()
		return
	case queue > 0 && len(s.waiting) >= queue:
		s.waiting = slices.Delete(s.waiting, 0, 1)
		s.replaced()
	}
	s.waiting = append(s.waiting, p)
}

// waits reports whether something is on its way to a site.
func (w *watch) waits(s *watchSite) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(s.waiting) > 0
}

// replaced counts what will not be told.
func (s *watchSite) replaced() {
	subscribers := s.subscribers.Load()
	s.lost += uint64(max(s.observers.Load()-subscribers, 0))
	if subscribers > 0 {
		s.passed++
	}
}

// take returns what waits at a site, and how much was lost.
func (w *watch) take(s *watchSite) (ps []publication, lost, passed uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ps, lost, passed = s.waiting, s.lost, s.passed
	s.waiting, s.lost, s.passed, s.posted = s.spare[:0], 0, 0, false
	s.spare = ps
	return ps, lost, passed
}

// represent makes the response that v stands for; it shares no memory with v.
func (w *watch) represent(v any) (*Response, error) {
	res, err := w.encode(v)
	if err != nil {
		return nil, err
	}
	if res.Code == 0 {
		res.Code = codec.Content
	}
	if r := w.route.resource; r.offers() {
		return r.represents(func(context.Context, *Request) (*Response, error) { return res, nil })(context.Background(), nil)
	}
	return res, nil
}

func (w *watch) encode(v any) (*Response, error) {
	format := func(def codec.Format) codec.Format {
		if w.declared {
			return w.format
		}
		return def
	}
	switch x := v.(type) {
	case nil:
		return nil, errors.New("nil is no representation; Changed asks the handler for one")
	case []byte:
		return Bytes(format(codec.OctetStream), slices.Clone(x))
	case string:
		return Bytes(format(codec.TextPlain), []byte(x))
	case *Response:
		return checkPublished(x)
	case error:
		res := &Response{}
		res.Code, res.Options, res.Payload = responseOf(x)
		return res, nil
	}
	f := format(codec.JSON)
	switch {
	case f.IsJSON():
		res, err := JSON(v)
		return as(f, res, err)
	case f.IsCBOR():
		res, err := CBOR(v)
		return as(f, res, err)
	case f == codec.TextPlain:
		if s, ok := plainText(v); ok {
			return Bytes(f, []byte(s))
		}
	}
	return nil, fmt.Errorf("a %T cannot be encoded as %v, which the resource's attribute ct declares; publish bytes, or a *Response", v, f)
}

// as gives an encoded value another format of the same family.
func as(f codec.Format, res *Response, err error) (*Response, error) {
	if err != nil {
		return nil, err
	}
	return Bytes(f, res.Payload)
}

func plainText(v any) (string, bool) {
	switch v.(type) {
	case bool, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64, float32, float64, fmt.Stringer:
		return fmt.Sprint(v), true
	}
	return "", false
}

// checkPublished returns a copy of a response that can be a notification
// (RFC 7641 §4.2).
func checkPublished(res *Response) (*Response, error) {
	if res == nil {
		return nil, errors.New("the *Response is nil")
	}
	if res.Body != nil {
		return nil, errors.New("a Response.Body cannot be published; observers need a Payload")
	}
	c := &Response{Code: res.Code, Options: res.Options.Clone().Remove(codec.OptionObserve), Payload: slices.Clone(res.Payload)}
	switch {
	case c.Code == 0:
		c.Code = codec.Content
	case c.Code == codec.Content, c.Code == codec.Valid, c.Code.Class() == 4, c.Code.Class() == 5:
	default:
		return nil, fmt.Errorf("%v is no code of a notification; use 2.05, 2.03, or an error, which ends the observations", c.Code)
	}
	m := codec.Message{Code: c.Code, Options: c.Options, Token: codec.TokenFromUint64(0)}
	if err := fitsDatagram(&m); err != nil {
		return nil, err
	}
	if _, err := m.Append(nil); err != nil {
		return nil, err
	}
	return c, nil
}

// responseOf turns an error into a response, as that of a handler.
func responseOf(err error) (codec.Code, codec.Options, []byte) {
	var ce *CodeError
	if errors.As(err, &ce) && (ce.Code.Class() == 4 || ce.Code.Class() == 5) {
		return ce.Code, ce.Options, []byte(ce.Diagnostic)
	}
	return codec.InternalServerError, nil, nil
}

func (r *Resource) validateObservable() error {
	switch {
	case r.Observable && r.Get == nil && r.Fetch == nil:
		return errors.New("it is Observable and has no handler for GET or FETCH, which would tell its state")
	case !r.Observable && (r.Confirmable || r.Queue != 0 || r.Observers != 0 || r.Lease != 0 || r.MinPeriod != 0):
		return errors.New("its Confirmable, Queue, Observers, Lease and MinPeriod are for observers, and it is not Observable")
	case r.Lease != 0 && (r.Lease < time.Second || r.Lease > 365*24*time.Hour):
		return fmt.Errorf("its Lease is %v; it must be 1s to 8760h, or 0 for an hour", r.Lease)
	case r.Queue < 0 || r.Queue > maxQueue:
		return fmt.Errorf("its Queue is %d; it must be 0 to %d", r.Queue, maxQueue)
	case r.Observers < 0:
		return fmt.Errorf("its Observers is %d; it must not be negative", r.Observers)
	}
	return nil
}

const maxQueue = 1 << 16
