package conform

import (
	"slices"
	"time"

	"github.com/coap2/coap2/codec"
)

// observation is a registration and what has come of it.
type observation struct {
	p       *probe
	e       *endpoint
	path    string
	request *codec.Message
	first   *message // the response to the registration
	last    *message // the newest notification
	seq     uint32
	seqAt   time.Time
	format  uint64 // noFormat: none
	mids    []uint16
	silent  bool  // a PUT does not change the resource
	sizes   []int // of what is PUT, in turn; nil: a short text
	puts    int
}

// noFormat stands for the absence of a Content-Format option.
const noFormat = 1 << 32

func formatOf(m *message) uint64 {
	if f, ok := m.Options.ContentFormat(); ok {
		return uint64(f)
	}
	return noFormat
}

// observe registers at a resource, or where it does not exist at another one
// that can be observed.
func (p *probe) observe(t codec.Type, path string) *observation {
	paths := []string{path}
	if m := p.get(path); m.Code == codec.NotFound {
		// It may have been there before another case deleted it.
		p.do(p.text(codec.PUT, path, "made by coap2 conform"))
	}
	if m := p.get(path); m.Code != codec.Content {
		paths = nil
		for _, l := range p.links("") {
			if slices.ContainsFunc(l.Attrs, func(a codec.Attr) bool { return a.Name == "obs" }) {
				paths = append(paths, l.Target)
			}
		}
	}
	for _, path := range paths {
		if o := p.register(t, path); o != nil {
			return o
		}
	}
	p.giveUp("the server offers no %s, and nothing else that can be observed", path)
	return nil
}

// observeNamed registers at that resource and no other. Bodies of the given
// sizes, in turn, are what it is changed to.
func (p *probe) observeNamed(t codec.Type, path string, sizes ...int) *observation {
	p.need(path)
	o := p.register(t, path)
	if o == nil {
		p.giveUp("%s cannot be observed", path)
	}
	o.sizes = sizes
	return o
}

// register makes a registration; nil if the server does not accept it.
func (p *probe) register(t codec.Type, path string) *observation {
	e := p.another()
	m := p.request(codec.GET, path, codec.Observe(0))
	m.Type = t
	o := &observation{p: p, e: e, path: path, request: m}
	r := e.exchange(m)
	if r.Code != codec.Content || !r.Options.Has(codec.OptionObserve) {
		return nil
	}
	o.first, o.last = r, r
	o.format = formatOf(r)
	o.seq, o.seqAt = o.sequence(r), r.at
	return o
}

// isNotification reports whether a message carries the observation's token.
func (o *observation) isNotification(m *message) bool {
	return m.Token == o.request.Token && m.Code.IsResponse()
}

// sequence returns a notification's sequence number.
func (o *observation) sequence(m *message) uint32 {
	v, ok := m.Options.Uint(codec.OptionObserve)
	if !ok {
		o.p.fail("RFC 7641 §4.2", m, "a notification of a representation without Observe option")
	}
	return uint32(v)
}

// numbered checks that a notification is newer than those before, as a client
// compares them (RFC 7641 §3.4), or the same message again.
func (o *observation) numbered(m *message) {
	seq := o.sequence(m)
	newer := o.seq < seq && seq-o.seq < 1<<23 || o.seq > seq && o.seq-seq > 1<<23 || m.at.Sub(o.seqAt) > 128*time.Second
	if !newer && !slices.Contains(o.mids, m.MessageID) {
		o.p.fail("RFC 7641 §4.4", m, "the sequence number %d is not newer than %d, that of the notification before", seq, o.seq)
	}
	if newer {
		o.seq, o.seqAt = seq, m.at
	}
	o.mids = append(o.mids, m.MessageID)
}

// accept takes in a notification, or the response to a registration, and
// acknowledges it.
func (o *observation) accept(m *message) {
	if m.Type == codec.CON {
		o.e.empty(codec.ACK, m.MessageID)
	}
	o.p.code("RFC 7641 §4.2", m, codec.Content, codec.Valid)
	o.numbered(m)
	if f := formatOf(m); m.Code == codec.Content && f != noFormat && o.format != noFormat && f != o.format {
		o.p.fail("RFC 7641 §4.2", m, "a notification of format %v; the first one was %v", codec.Format(f), codec.Format(o.format))
	}
	o.last = m
}

// put makes a request that changes the resource.
func (o *observation) put(value string) *codec.Message {
	m := o.p.request(codec.PUT, o.path)
	if o.format != noFormat {
		m.Options = m.Options.Add(codec.UintOption(codec.OptionContentFormat, o.format))
	}
	m.Payload = []byte(value)
	return m
}

// provoke has the resource change, if it can be written to.
func (o *observation) provoke() {
	if o.silent {
		return
	}
	o.puts++
	var r *message
	if len(o.sizes) == 0 {
		r = o.p.endpoint().exchange(o.put("changed at " + time.Now().Format(time.RFC3339Nano)))
	} else {
		body := payload(o.sizes[o.puts%len(o.sizes)])
		body[0] = byte('0' + o.puts%10)
		r = o.p.upload(o.p.endpoint(), codec.PUT, o.path, body, 6)
	}
	if !r.Code.IsSuccess() {
		o.silent = true // it has to change by itself
	}
}

// await provokes a change, and returns the first copy of the notification of it,
// which is not acknowledged.
func (o *observation) await() *message {
	o.provoke()
	m := o.e.wait(o.p.cfg.Change, o.isNotification)
	if m == nil {
		o.p.fail("RFC 7641 §4.2", o.last, "%s has changed or should have, and no notification came within %v", o.path, o.p.cfg.Change)
	}
	if m.Type == codec.ACK {
		o.p.fail("RFC 7641 §4.2", m, "a notification in an acknowledgement")
	}
	o.numbered(m)
	if m.Type != codec.CON {
		o.p.giveUp("the notifications are not confirmable")
	}
	return m
}

// take returns a notification that comes within d, accepted, or nil.
func (o *observation) take(d time.Duration) *message {
	m := o.e.wait(d, o.isNotification)
	if m != nil {
		o.accept(m)
	}
	return m
}

// next provokes a change, and returns the notification of it, accepted.
func (o *observation) next() *message {
	o.provoke()
	m := o.take(o.p.cfg.Change)
	if m == nil {
		o.p.fail("RFC 7641 §4.2", o.last, "%s has changed or should have, and no notification came within %v", o.path, o.p.cfg.Change)
	}
	if m.Type == codec.ACK {
		o.p.fail("RFC 7641 §4.2", m, "a notification in an acknowledgement")
	}
	return m
}

// confirmable ends the case where a notification is not confirmable, which is up
// to the server.
func (o *observation) confirmable(m *message) {
	if m.Type != codec.CON {
		o.p.should(m, "the description wants confirmable notifications of %s", o.path)
	}
}

// once checks that a change is notified once.
func (o *observation) once() {
	o.drain()
	o.provoke()
	if o.silent {
		return
	}
	first := o.take(o.p.cfg.Change)
	if first == nil {
		o.p.fail("RFC 7641 §4.2", o.last, "no notification of a change")
	}
	again := o.e.wait(o.p.cfg.Quiet, o.isNotification)
	if again == nil {
		return
	}
	if s := o.sequence(again); s == o.sequence(first) {
		o.p.fail("RFC 7641 §4.1", again, "one change is notified twice: the registration was added, not replaced")
	}
	o.accept(again)
}

// drain takes what is still under way.
func (o *observation) drain() {
	for o.take(o.p.cfg.Quiet) != nil {
	}
}

// cancel deregisters.
func (o *observation) cancel() {
	m := *o.request
	m.Options = m.Options.Clone().Set(codec.Observe(1))
	b := o.e.encode(&m)
	// Notifications may still be under way, with the same token: the response
	// is the one that has no Observe option.
	end := time.Now().Add(o.p.cfg.Timeout)
	for {
		o.e.sendRaw(b)
		r := o.e.wait(time.Second, func(r *message) bool {
			return r.MessageID == m.MessageID && r.Type == codec.ACK && r.Code != codec.Empty || o.isNotification(r)
		})
		switch {
		case r == nil && time.Now().After(end):
			o.p.fail("RFC 7641 §3.6", nil, "no response to a GET with Observe 1")
		case r == nil:
		case r.Options.Has(codec.OptionObserve) && r.Type == codec.ACK:
			o.p.fail("RFC 7641 §4.1", r, "an Observe option in the response to a GET with Observe 1")
		case r.Options.Has(codec.OptionObserve):
			o.accept(r)
		default:
			if r.Type == codec.CON {
				o.e.empty(codec.ACK, r.MessageID)
			}
			o.p.code("RFC 7641 §3.6", r, codec.Content, codec.Valid)
			return
		}
	}
}

// ended checks that no notification comes any more, although the resource
// changes.
func (o *observation) ended(when string) {
	// What was under way when the server learned of it may still come.
	for end := time.Now().Add(o.p.cfg.Quiet); ; {
		m := o.e.wait(time.Until(end), o.isNotification)
		if m == nil {
			break
		}
		if m.Type == codec.CON {
			o.e.empty(codec.RST, m.MessageID)
		}
	}
	o.provoke()
	d := o.p.cfg.Quiet
	if o.silent {
		d = o.p.cfg.Change / 2
	}
	if m := o.e.wait(d, o.isNotification); m != nil {
		o.p.fail("", m, "%s, %s still sends notifications", when, o.path)
	}
}

// finally checks the last notification: an error without Observe option, and
// then none.
func (o *observation) finally(code codec.Code) {
	for end := time.Now().Add(o.p.cfg.Change); ; {
		m := o.e.wait(time.Until(end), o.isNotification)
		if m == nil {
			o.p.fail("", o.last, "%v expected as the last notification, nothing came", code)
		}
		if m.Code.IsSuccess() {
			o.accept(m) // it was under way
			continue
		}
		if m.Type == codec.CON {
			o.e.empty(codec.ACK, m.MessageID)
		}
		o.p.code("", m, code)
		if m.Options.Has(codec.OptionObserve) {
			o.p.fail("RFC 7641 §4.2", m, "an Observe option in the last notification, an error")
		}
		break
	}
	o.provoke()
	if m := o.e.wait(o.p.cfg.Quiet, o.isNotification); m != nil {
		o.p.fail("", m, "a notification after the last one")
	}
}

// wholeBody fetches the rest of a notification, from the same endpoint. If the
// resource changes meanwhile, it is left.
func (o *observation) wholeBody(m *message) []byte {
	like := o.p.request(codec.GET, o.path)
	b, has, _ := m.Options.Block(codec.OptionBlock2)
	if !has || !b.More {
		return m.Payload
	}
	return o.p.rest(o.e, like, m)
}
