package sim

import (
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
)

// observing reads how a node tells observers, and how it observes.
func (a *args) observing() actors.ObserveConfig {
	c := actors.ObserveConfig{Window: a.number("window"), ConfirmEvery: a.number("confirm"), ConfirmWithin: a.duration("confirmwithin"),
		NONInterval:  a.duration("interval"),
		Registration: protocol.RegistrationConfig{RefreshDelay: a.duration("refresh"), RefreshSpread: a.duration("spread")}}
	if a.flag("unpaced") {
		c.NONInterval = -time.Second
	}
	return c
}

// observe begins an observation, which has a number as a request has.
func (p *performance) observe(a *args) error {
	method := codec.GET
	if a.flag("fetch") {
		method = codec.FETCH
	}
	name, n, target, r := p.request(a, method)
	into, relays := a.text("into")
	rule, _ := a.text("rule")
	rule = strings.ReplaceAll(rule, "_", " ")
	sub := actors.Subscription{Request: r, Rule: rule, QoS: a.number("qos"), Lease: a.duration("lease"), Compact: a.flag("compact")}
	relay := p.routes[name+into]
	if relays && relay == nil {
		a.fail("node %s has no resource %q", name, into)
	}
	if err := a.done(); err != nil {
		return err
	}
	id := len(p.calls) + 1
	if rule != "" {
		target += " where " + rule
	}
	p.w.Notef(name, "#%d observes %s", id, target)
	p.open++
	ended := false
	o := n.SubscribeFunc(sub, func(note *actors.Notification, err error) {
		if ended {
			p.failed = fmt.Errorf("observation %d has been told something after its end", id)
		}
		switch {
		case err == nil:
			p.w.Notef(name, "#%d is told %s", id, told(note))
			if relays {
				relay.text = string(note.Payload)
				if err := relay.route.Changed(); err != nil {
					p.failed = err
				}
			}
			return
		case note != nil:
			p.w.Notef(name, "#%d ends with %s: %v", id, told(note), err)
		default:
			p.w.Notef(name, "#%d ends: %s", id, endOf(err))
		}
		ended = true
		p.open--
	})
	p.calls = append(p.calls, o.Cancel)
	p.observations[id] = o
	return nil
}

func told(n *actors.Notification) string {
	why := ""
	if n.Reason != actors.ReasonEvery {
		why = n.Reason.String() + " by the " + n.FiltersAt.String() + ": "
	}
	return why + ending(&actors.Response{Code: n.Code, Options: n.Options, Payload: n.Payload}, nil)
}

func endOf(err error) string {
	if res := responseIn(err); res != nil {
		return ending(res, err)
	}
	return ending(nil, err)
}

func (p *performance) renew(a *args) error {
	id := a.number("n")
	o := p.observations[id]
	if o == nil {
		a.fail("n= is the number of an observation")
	}
	if err := a.done(); err != nil {
		return err
	}
	o.Renew()
	return nil
}

// scriptedAt returns a resource of the script.
func (p *performance) scriptedAt(a *args) (name string, h *scripted) {
	name, _ = p.nodeOf(a)
	path := a.word("the path")
	h = p.routes[name+path]
	if h == nil && a.err == nil {
		a.fail("node %s has no resource %q", name, path)
	}
	return name, h
}

// publish gives a resource a new state, and publishes it.
func (p *performance) publish(a *args) error {
	name, h := p.scriptedAt(a)
	text, isText := a.text("text")
	code, isCode := a.code()
	if err := a.done(); err != nil {
		return err
	}
	var err error
	switch {
	case isCode:
		h.code = code
		err = h.route.Publish(&actors.CodeError{Code: code})
	case isText:
		h.text = text
		err = h.route.Publish(h.representation())
	default:
		err = h.route.Publish(h.representation())
	}
	p.w.Notef(name, "publishes %s%s", h.route.Pattern(), failing(err))
	return nil
}

// changed gives a resource a new state, and has its handler asked for it.
func (p *performance) changed(a *args) error {
	name, h := p.scriptedAt(a)
	if text, ok := a.text("text"); ok {
		h.text = text
	}
	if b := a.body(); b != nil {
		h.text = string(b)
	}
	if code, ok := a.code(); ok {
		h.code = code
	}
	if s, ok := a.text("format"); ok {
		f, err := codec.ParseFormat(s)
		if err != nil {
			a.fail("%v", err)
		}
		h.format = f
	}
	if err := a.done(); err != nil {
		return err
	}
	p.w.Notef(name, "changes %s%s", h.route.Pattern(), failing(h.route.Changed()))
	return nil
}

// remove takes a resource away.
func (p *performance) remove(a *args) error {
	name, h := p.scriptedAt(a)
	if err := a.done(); err != nil {
		return err
	}
	p.w.Notef(name, "removes %s", h.route.Pattern())
	h.route.Remove()
	return nil
}

func failing(err error) string {
	if err == nil {
		return ""
	}
	return ": " + err.Error()
}

// code reads code=C.
func (a *args) code() (c codec.Code, ok bool) {
	s, ok := a.text("code")
	if !ok {
		return 0, false
	}
	c, err := codec.ParseCode(s)
	if err != nil {
		a.fail("%v", err)
	}
	return c, true
}

// representation is what the resource is at present.
func (h *scripted) representation() *actors.Response {
	res, _ := actors.Bytes(h.format, []byte(h.text))
	if h.etags {
		f := fnv.New32a()
		_, _ = f.Write(res.Payload)
		res.Options = res.Options.Add(codec.ETag(f.Sum(nil)))
	}
	if h.maxAge > 0 {
		res.Options = res.Options.Add(codec.MaxAge(uint32(h.maxAge)))
	}
	return res
}
