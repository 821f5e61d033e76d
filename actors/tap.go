package actors

import (
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// ignored tells the tap that a received message was of no use.
func (sh *shard) ignored(in *incoming, why string) {
	sh.tap(Ignored, in.dst.peer, &in.msg, nil, why)
}

func (sh *shard) tap(d Direction, peer netio.Peer, m *codec.Message, data []byte, note string) {
	if !sh.tapped() {
		return
	}
	e := &sh.event
	*e = TapEvent{At: sh.now(), Direction: d, Peer: peer, Message: m, Data: data, Note: note}
	if sh.node.observer != nil {
		sh.node.observer.Message(e)
	}
	if sh.node.tap != nil {
		sh.callTap(*e)
	}
	*e = TapEvent{}
}

// tapped reports whether somebody is told of messages.
func (sh *shard) tapped() bool { return sh.node.tap != nil || sh.node.observer != nil }

func (sh *shard) callTap(e TapEvent) {
	sh.node.tapMu.Lock()
	defer func() {
		sh.node.tapMu.Unlock()
		if r := recover(); r != nil {
			sh.stats.rare().panics.Add(1)
			sh.node.log.Error("actors: Config.Tap panicked", "panic", r)
		}
	}()
	sh.node.tap(e)
}
