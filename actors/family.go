package actors

import (
	"net/netip"
	"slices"
	"time"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// What the smaller RFCs of the family ask of a message layer: No-Response (RFC
// 7967), Echo and the limit of amplification (RFC 9175 §2), 4.29 (RFC 8516).

// unwanted reports whether a response is not to be sent because its request says
// so. It looks at the last option first, which is where the request says it.
func (in *incoming) unwanted(code codec.Code) bool {
	o := in.msg.Options
	if len(o) == 0 || o[len(o)-1].Number < codec.OptionNoResponse || in.has1 && in.block1.More {
		return false // RFC 7967 §3.2: it speaks of the response to the last block
	}
	if in.msg.Code == codec.GET && o.Has(codec.OptionDiscovery) {
		return in.group && !code.IsSuccess() // there it is for plain servers, see quietPlain
	}
	return o.Has(codec.OptionNoResponse) && protocol.Unwanted(o, code, in.group)
}

// quietPlain is an option of discoveries in which plain servers can have no part.
// Those who understand nothing but it say nothing: they would answer a filter that
// finds nothing with an empty 2.05, as libcoap does. Who reads option 300 knows that
// it is not meant.
func quietPlain() codec.Option { return codec.NoResponse(2 | 8 | 16) }

// keepQuiet ends a request without response. A confirmable one is acknowledged.
func (x *exchange) keepQuiet(in *incoming) {
	sh := x.sh
	sh.stats.rare().unsent.Add(1)
	var data []byte
	if in.msg.Type == codec.CON && !in.acked && !in.group {
		m := codec.Message{Type: codec.ACK, MessageID: in.msg.MessageID}
		data, _ = sh.send(&m, in.dst, "")
	}
	if !in.acked {
		sh.dedup.Answer(sh.now(), in.key, data)
	}
	sh.served(x.slot)
}

// wantsNone reports whether a client's request wants no response whatsoever (RFC
// 7967 §2).
func wantsNone(opts codec.Options) bool {
	const all = 2 | 8 | 16
	v, ok := opts.Uint(codec.OptionNoResponse)
	return ok && v&all == all
}

// isQuiet reports whether a call is done when its message has arrived, or been
// sent: the response to it will not come.
func (c *Call) isQuiet() bool {
	return c.req.quiet && (c.transfer == nil || !c.transfer.more)
}

// maxEchoes is how often a request is sent again because the server asks for an
// Echo (RFC 9175 §2.3).
const maxEchoes = 3

// echo sends a request once more, with what the server wants to have back. It
// reports whether it does.
func (x *exchange) echo(c *Call, m *codec.Message) bool {
	value, ok := protocol.EchoAsked(m.Code, m.Options)
	if !ok || c.echoes >= maxEchoes {
		return false
	}
	opt := codec.Echo(slices.Clone(value))
	if c.transfer != nil {
		base := &c.transfer.base
		base.Options = base.Options.Clone().Set(opt)
		c.transfer.ready = false
	} else {
		var r codec.Message
		if r.Parse(c.data) != nil {
			return false
		}
		r.Options = r.Options.Clone().Set(opt)
		data, err := appendDatagram(nil, &r)
		if err != nil {
			return false
		}
		c.data = data
	}
	c.echoes++
	c.others = nil
	x.sent()
	x.buf = nil
	x.sh.giveBack(c)
	x.sh.post(x.sh.endpoint, c)
	return true
}

// RetryAfter returns for how long a server does not want to be asked again, which
// it says with 4.29 (RFC 8516) or 5.03; ok is false for other codes.
func (e *CodeError) RetryAfter() (d time.Duration, ok bool) {
	return protocol.RetryAfter(e.Code, e.Options)
}

// guard is what a node that limits its peers knows of one of them: how much has
// passed between them, and how often it asks.
type guard struct {
	flow protocol.Amplification
	rate protocol.Rate
}

// guarded reports whether the node limits its peers.
func (sh *shard) guarded() bool { return sh.echo != nil || sh.limits.PerSecond > 0 }

// guardOf returns the guard of a peer; nil where the node has none.
func (sh *shard) guardOf(pe *peerEntry) *guard {
	if pe.Value.guard == nil && sh.guarded() {
		pe.Value.guard = &guard{}
	}
	return pe.Value.guard
}

// isNear reports whether an address is of a network whose hosts need not prove
// themselves: who can forge one of these is near enough to do worse.
func isNear(a netip.Addr) bool { return a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() }

// hear counts what has come from a peer, and takes its proof.
func (sh *shard) hear(now netio.Instant, in *incoming) {
	g := sh.guardOf(in.peer)
	if g == nil || sh.echo == nil {
		return
	}
	if isNear(in.peer.Peer.Addr.Addr()) {
		g.flow.Prove(now, provenFor)
		return
	}
	g.flow.Received(len(in.data))
	if v, ok := in.msg.Options.Get(codec.OptionEcho); ok {
		if _, ok := sh.echo.Verify(now, in.peer.Peer, v); ok {
			g.flow.Prove(now, provenFor)
		}
	}
}

// screen decides whether a new request is let in. If not, it has been answered.
func (e *endpoint) screen(now netio.Instant, in *incoming) bool {
	sh := e.sh
	g := in.peer.Value.guard
	if g == nil {
		return true
	}
	if n := sh.limits.PerSecond; n > 0 {
		if after, ok := g.rate.Allow(now, time.Second/time.Duration(n), n); !ok {
			sh.stats.rare().shed.Add(1)
			e.turnAway(in, codec.TooManyRequests, codec.MaxAge(uint32((after+time.Second-1)/time.Second)))
			return false
		}
	}
	// What must not be executed twice cannot be answered 4.01 afterwards.
	safe := in.msg.Code == codec.GET || in.msg.Code == codec.FETCH
	if sh.echo != nil && !safe && !in.group && !g.flow.Proven(now) {
		sh.stats.rare().refused.Add(1)
		e.turnAway(in, codec.Unauthorized, codec.Echo(sh.echo.Append(nil, now, in.peer.Peer)))
		return false
	}
	return true
}

// provenFor is how long an address that has shown that it is no forgery is
// believed.
const provenFor = time.Hour

// turnAway answers a request with an option that says what to do instead; nothing
// is remembered.
func (e *endpoint) turnAway(in *incoming, code codec.Code, opt codec.Option) {
	sh := e.sh
	sh.dedup.Forget(in.key)
	in.key = 0
	if in.group {
		return
	}
	m := &codec.Message{Type: codec.ACK, Code: code, MessageID: in.msg.MessageID, Token: in.msg.Token, Options: codec.Options{opt}}
	if in.msg.Type == codec.NON {
		m.Type, m.MessageID = codec.NON, sh.nonMID(in.peer)
	}
	if data, err := sh.send(m, in.dst, ""); err == nil {
		in.peer.Value.guard.flow.Sent(len(data))
	}
}

// mayRepeat reports whether an answer may be sent to a peer once more.
func (sh *shard) mayRepeat(now netio.Instant, pe *peerEntry, answer []byte) bool {
	g := pe.Value.guard
	if g == nil || sh.echo == nil {
		return true
	}
	if !g.flow.Allow(now, len(answer)) {
		return false
	}
	g.flow.Sent(len(answer))
	return true
}

// restrain puts 4.01 with Echo in the place of a response that is longer than may
// be sent to an address which may be forged.
func (sh *shard) restrain(in *incoming, m *codec.Message) {
	g := in.peer.Value.guard
	if sh.echo == nil || g == nil || in.group {
		return
	}
	now := sh.now()
	if !g.flow.Allow(now, m.EncodedLen()) {
		m.Code, m.Payload = codec.Unauthorized, nil
		m.Options = codec.Options{codec.Echo(sh.echo.Append(nil, now, in.peer.Peer))}
		in.unasked = true // the request with the Echo is another one; a duplicate may ask again
	}
	g.flow.Sent(m.EncodedLen())
}
