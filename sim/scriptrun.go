package sim

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// verbs are the commands of a script.
var verbs = map[string]func(*performance, *args) error{
	"seed": (*performance).seed, "link": (*performance).link,
	"node": (*performance).node, "peer": (*performance).peer, "resource": (*performance).resource,
	"drop": fate("drop"), "dup": fate("dup"), "delay": fate("delay"), "corrupt": fate("corrupt"), "unreachable": fate("unreachable"),
	"kill": (*performance).kill, "raw": (*performance).raw,
	"get": request(codec.GET), "post": request(codec.POST), "put": request(codec.PUT), "delete": request(codec.DELETE),
	"fetch": request(codec.FETCH), "patch": request(codec.PATCH), "ipatch": request(codec.IPATCH),
	"observe": (*performance).observe, "gather": (*performance).gather, "discover": (*performance).discover, "publish": (*performance).publish, "changed": (*performance).changed,
	"remove": (*performance).remove, "renew": (*performance).renew,
	"ping": (*performance).ping, "cancel": (*performance).cancel, "stop": (*performance).stop,
	"crash": (*performance).crash, "restart": (*performance).restart, "drift": (*performance).drift,
	"interface": (*performance).iface, "segment": (*performance).segment, "set": (*performance).set,
	"partition": (*performance).partition, "heal": (*performance).heal, "nat": (*performance).nat, "rebind": (*performance).rebind,
	"join": (*performance).join, "leave": (*performance).leave, "net": (*performance).net,
	"run": (*performance).run, "idle": (*performance).idle, "note": (*performance).note, "stats": (*performance).stats,
}

// performance is a script that is being run.
type performance struct {
	w            *World
	out          strings.Builder
	nodes        map[string]*actors.Node
	names        []string // of nodes, in order
	peers        map[string]*Peer
	last         map[string]codec.Message    // what each peer has received last
	calls        []func()                    // cancel them
	routes       map[string]*scripted        // by node and path
	observations map[int]*actors.Observation // by number
	open         int                         // requests that have not ended
	failed       error
	drowsy       bool
}

// Run runs the script in a new World. When its commands are done it lets the
// World come to rest, and checks that every request has ended and that no node
// has an exchange left; if not, that is the error, a *ScriptError, as is
// everything that goes wrong with a command.
func (s *Script) Run() (*Outcome, error) {
	p := &performance{drowsy: s.drowsy, nodes: map[string]*actors.Node{}, peers: map[string]*Peer{}, last: map[string]codec.Message{},
		routes: map[string]*scripted{}, observations: map[int]*actors.Observation{}}
	defer func() {
		if p.w != nil {
			p.w.Close()
		}
	}()
	for _, c := range s.commands {
		if c.verb != "seed" {
			p.begin(1)
		}
		if err := verbs[c.verb](p, &c.args); err != nil {
			return nil, &ScriptError{c.line, fmt.Errorf("%s: %w", c.verb, err)}
		}
	}
	p.begin(1)
	o := &Outcome{Trace: p.out.String(), Hash: p.w.Hash()}
	if err := p.rest(); err != nil {
		return o, &ScriptError{Err: err}
	}
	return o, nil
}

func (p *performance) begin(seed uint64) {
	if p.w == nil {
		p.w = New(seed)
		p.w.drowsy = p.drowsy
		p.w.TraceTo(&p.out)
	}
}

// rest lets the World come to rest and looks whether everything has ended.
func (p *performance) rest() error {
	p.w.TraceTo(nil)
	if err := p.w.RunUntilIdle(time.Hour); err != nil {
		return err
	}
	if p.open > 0 {
		return fmt.Errorf("%d requests have not ended", p.open)
	}
	for _, name := range p.names {
		if n := p.nodes[name].Stats().Exchanges; n != 0 {
			return fmt.Errorf("node %s has %d exchanges left", name, n)
		}
	}
	return p.failed
}

func (p *performance) seed(a *args) error {
	n, err := strconv.ParseUint(a.word("the seed"), 10, 64)
	if err != nil {
		a.fail("the seed is a number")
	}
	if p.w != nil {
		a.fail("it must be the first command")
	}
	if err := a.done(); err != nil {
		return err
	}
	p.begin(n)
	return nil
}

// params reads transmission parameters.
func (a *args) params() protocol.Params {
	return protocol.Params{
		AckTimeout: a.duration("ack"), AckRandomFactor: a.float("random"), MaxRetransmit: a.number("retransmit"),
		NStart: a.number("nstart"), DefaultLeisure: a.duration("leisure"), ProbingRate: a.float("probing"),
		MaxLatency: a.duration("maxlatency"), ProcessingDelay: a.duration("processing"),
	}
}

func (p *performance) node(a *args) error {
	name := a.word("the name")
	cfg := actors.Config{Params: a.params(), SeparateAfter: a.duration("separate"), BlockSize: a.number("block"), Limits: actors.Limits{
		Peers: a.number("peers"), Exchanges: a.number("exchanges"), PerPeer: a.number("perpeer"), Queue: a.number("queue"),
		DedupBytes: a.number("dedup"), KeptBytes: a.number("kept"),
		Spools: a.number("spools"), SpoolBytes: a.number("spoolbytes"), Bodies: a.number("bodies"), BodyBytes: a.number("bodybytes"),
		Observers: a.number("observers"), ObserversPerPeer: a.number("perobserver"), RulesPerPeer: a.number("rules"), FieldsPerPeer: a.number("fields"),
	}, Observe: a.observing()}
	if listen, ok := a.text("listen"); ok {
		cfg.Listen = strings.Split(listen, "+")
	}
	if err := a.done(); err != nil {
		return err
	}
	n, err := p.w.Node(name, cfg)
	if err != nil {
		return err
	}
	if p.nodes[name] == nil {
		p.names = append(p.names, name)
	}
	p.nodes[name] = n
	return nil
}

func (p *performance) peer(a *args) error {
	name := a.word("the name")
	var at []string
	if listen, ok := a.text("listen"); ok {
		at = strings.Split(listen, "+")
	}
	if err := a.done(); err != nil {
		return err
	}
	x, err := p.w.Peer(name, at...)
	if err != nil {
		return err
	}
	x.OnReceive = func(d netio.Datagram) {
		var m codec.Message
		if d.Err == nil && m.Parse(d.Data) == nil {
			p.last[name] = *m.Clone()
		}
	}
	p.peers[name] = x
	return nil
}

// nodeOf returns the node whose name is the next word.
func (p *performance) nodeOf(a *args) (string, *actors.Node) {
	name := a.word("the node")
	n := p.nodes[name]
	if n == nil {
		a.fail("there is no node %q", name)
	}
	return name, n
}

// fate returns the command that makes a kind of fault.
func fate(kind string) func(*performance, *args) error {
	return func(p *performance, a *args) error {
		f := Fault{Since: a.duration("from"), Until: a.duration("until")}
		f.From, f.To = a.way()
		switch kind {
		case "drop":
			f.Verdict.Drop = true
		case "dup":
			f.Verdict.Copies = max(1, a.number("copies"))
		case "delay":
			f.Verdict.Delay = a.duration("by")
		case "corrupt":
			at, mask := a.number("byte"), byte(0xff)
			if s, ok := a.text("xor"); ok {
				v, err := strconv.ParseUint(s, 16, 8)
				if err != nil {
					a.fail("xor is %q; want two hexadecimal digits", s)
				}
				mask = byte(v)
			}
			f.Verdict.Edit = func(b []byte) []byte {
				if at >= 0 && at < len(b) {
					b[at] ^= mask
				}
				return b
			}
		case "unreachable":
			f.Verdict.Unreachable = errors.New("host unreachable")
		}
		for _, s := range a.rest() {
			n, err := strconv.Atoi(s)
			if err != nil || n < 1 {
				a.fail("%q does not say which datagram; want numbers from 1", s)
			}
			f.Nth = append(f.Nth, n)
		}
		if err := a.done(); err != nil {
			return err
		}
		p.w.Fault(f)
		return nil
	}
}

func (p *performance) kill(a *args) error {
	name, failures := a.word("the node"), a.number("failures")
	if err := a.done(); err != nil {
		return err
	}
	return p.w.Kill(name, failures)
}

// allNodes is what a script calls the address of All CoAP Nodes, allCoAPNodes.
const (
	allNodes     = "all"
	allCoAPNodes = "224.0.1.187" // RFC 7252 §12.8
)

// fillers are what stands for so many bytes in a raw datagram.
var fillers = regexp.MustCompile(`\{[0-9]{1,4}\}`)

func (p *performance) raw(a *args) error {
	from, to := a.word("the sender"), a.word("the receiver")
	last := p.last[from]
	text := strings.Join(a.rest(), "")
	text = strings.ReplaceAll(text, "{mid}", fmt.Sprintf("%04x", last.MessageID))
	text = strings.ReplaceAll(text, "{token}", last.Token.String())
	text = fillers.ReplaceAllStringFunc(text, func(s string) string {
		n, _ := strconv.Atoi(s[1 : len(s)-1])
		return strings.Repeat("78", n)
	})
	data, err := hex.DecodeString(text)
	if err != nil {
		a.fail("%q is not hexadecimal", text)
	}
	dst := p.w.Addr(to)
	if to == allNodes {
		dst = netip.AddrPortFrom(p.w.groups[0], coapPort)
	} else if !dst.IsValid() {
		if dst, err = netip.ParseAddrPort(to); err != nil {
			a.fail("there is no node or peer %q, and it is no address", to)
		}
	}
	if err := a.done(); err != nil {
		return err
	}
	return p.w.Inject(from, dst, data)
}

// uri returns what a script means by a target: a URI, or NAME/path for the
// address of a node.
func (p *performance) uri(target string) string {
	if strings.Contains(target, "://") {
		return target
	}
	name, path, _ := strings.Cut(target, "/")
	if a := p.w.Addr(name); a.IsValid() {
		name = a.String()
	} else if name == allNodes {
		name = allCoAPNodes
	}
	return "coap://" + name + "/" + path
}

func request(method codec.Code) func(*performance, *args) error {
	return func(p *performance, a *args) error {
		name, n, target, r := p.request(a, method)
		if err := a.done(); err != nil {
			return err
		}
		id := len(p.calls) + 1
		p.w.Notef(name, "#%d %s %s", id, method.Name(), target)
		p.open++
		ended := false
		call := n.Go(r, func(res *actors.Response, err error) {
			if ended {
				p.failed = fmt.Errorf("request %d has ended twice", id)
			} else {
				p.open--
			}
			ended = true
			p.w.Notef(name, "#%d %s", id, ending(res, err))
		})
		p.calls = append(p.calls, call.Cancel)
		return nil
	}
}

// ending says how a request has ended.
func ending(res *actors.Response, err error) string {
	if res == nil {
		var re *actors.RequestError
		if errors.As(err, &re) {
			err = re.Err
		}
		return fmt.Sprintf("fails: %v", err)
	}
	m := codec.Message{Code: res.Code, Options: res.Options, Payload: res.Payload}
	s := withoutHeader(&m)
	if len(res.Payload) > maxBlock {
		s += fmt.Sprintf(" (sum %08x)", crc32.ChecksumIEEE(res.Payload))
	}
	if res.Separate {
		s += " (separate)"
	}
	return s
}

// withoutHeader is a message from its code on.
func withoutHeader(m *codec.Message) string {
	_, s, _ := strings.Cut(m.String(), "] ")
	return s
}

// responseIn returns the error response that an error is about, or nil.
func responseIn(err error) *actors.Response {
	var ce *actors.CodeError
	if errors.As(err, &ce) {
		return ce.Response
	}
	return nil
}

func (p *performance) ping(a *args) error {
	name, n := p.nodeOf(a)
	target := a.word("the target")
	if err := a.done(); err != nil {
		return err
	}
	p.w.Notef(name, "ping %s", target)
	p.open++
	p.w.Go(func(ctx context.Context) {
		d, err := n.Ping(ctx, p.uri(target))
		p.open--
		if err != nil {
			p.w.Notef(name, "ping %s %s", target, ending(nil, err))
			return
		}
		p.w.Notef(name, "ping %s took %v", target, d)
	})
	return nil
}

func (p *performance) cancel(a *args) error {
	id, err := strconv.Atoi(strings.TrimPrefix(a.word("the number of the request"), "#"))
	if err != nil || id < 1 || id > len(p.calls) {
		a.fail("want the number of a request, 1 to %d", len(p.calls))
	}
	if err := a.done(); err != nil {
		return err
	}
	p.w.Notef("", "cancel #%d", id)
	p.calls[id-1]()
	return nil
}

func (p *performance) stop(a *args) error {
	name, n := p.nodeOf(a)
	within := a.duration("within")
	if err := a.done(); err != nil {
		return err
	}
	p.w.Notef(name, "stops")
	p.w.Go(func(ctx context.Context) {
		if within > 0 {
			c, cancel := p.w.WithTimeout(ctx, within)
			defer cancel()
			ctx = c
		}
		if err := n.Stop(ctx); err != nil {
			p.w.Notef(name, "has stopped: %v", err)
			return
		}
		p.w.Notef(name, "has stopped")
	})
	return nil
}

func (p *performance) run(a *args) error {
	d := a.parseDuration("the time", a.word("the time"))
	if err := a.done(); err != nil {
		return err
	}
	p.w.RunFor(d)
	return nil
}

func (p *performance) idle(a *args) error {
	if err := a.done(); err != nil {
		return err
	}
	err := p.w.RunUntilIdle(time.Hour)
	p.w.Notef("", "idle")
	return err
}

func (p *performance) note(a *args) error {
	p.w.Notef("", "%s", strings.Join(a.rest(), " "))
	return a.done()
}

// stats notes the counters of a node that are not zero.
func (p *performance) stats(a *args) error {
	name, n := p.nodeOf(a)
	if err := a.done(); err != nil {
		return err
	}
	s := n.Stats()
	var b strings.Builder
	for _, c := range []struct {
		name  string
		value uint64
	}{
		{"received", s.Received}, {"sent", s.Sent}, {"requests", s.Requests}, {"responses", s.Responses},
		{"acknowledgements", s.Acknowledgements}, {"pings", s.Pings},
		{"duplicates", s.Duplicates}, {"retransmissions", s.Retransmissions}, {"blocks", s.Blocks}, {"refused", s.Refused}, {"shed", s.Shed},
		{"unsent", s.Unsent}, {"unacknowledged", s.Unacknowledged}, {"abandoned", s.Abandoned},
		{"send errors", s.SendErrors}, {"send down", s.SendDown}, {"unreachable", s.Unreachable},
		{"panics", s.Panics}, {"restarts", s.Restarts}, {"stale", s.Stale},
		{"observers", uint64(s.Observe.Observers)}, {"notifications", s.Observe.Notifications}, {"confirmable", s.Observe.Confirmable},
		{"conflated", s.Observe.Conflated}, {"dropped states", s.Observe.Dropped}, {"cancelled", s.Observe.Cancelled},
		{"timed out", s.Observe.TimedOut}, {"refused observers", s.Observe.Refused},
		{"subscribers", uint64(s.Observe.Subscribers)}, {"samples", s.Observe.Samples}, {"unevaluated", s.Observe.Unevaluated}, {"undecoded", s.Observe.Undecoded},
		{"selected", s.Observe.Selected}, {"expired", s.Observe.Expired},
		{"observations", uint64(s.Observe.Observations)}, {"registrations", s.Observe.Registrations}, {"stale notifications", s.Observe.Stale},
		{"gathered", s.Gather.Answers}, {"gathered again", s.Gather.Repeated}, {"not gathered", s.Gather.Dropped},
		{"peers", uint64(s.Peers)}, {"exchanges", uint64(s.Exchanges)},
	} {
		if c.value > 0 {
			fmt.Fprintf(&b, " %s %d,", c.name, c.value)
		}
	}
	for i := range protocol.Reasons {
		r := protocol.Reason(i).String()
		if s.Dropped[r] > 0 {
			fmt.Fprintf(&b, " dropped (%s) %d,", r, s.Dropped[r])
		}
	}
	if s.Dropped["unmatched"] > 0 {
		fmt.Fprintf(&b, " dropped (unmatched) %d,", s.Dropped["unmatched"])
	}
	p.w.Notef(name, "stats:%s", strings.TrimSuffix(b.String(), ","))
	return nil
}
