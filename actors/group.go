package actors

import (
	"time"

	"github.com/coap2/coap2/codec"
)

// maxDelayed bounds the answers to multicast requests that wait for their
// leisure; as each keeps its peer from being forgotten, it is a quarter of
// Limits.Peers where that is less.
const maxDelayed = 1024

// maxDelayedBytes bounds their bytes: of ordinary answers there is room for all.
const maxDelayedBytes = 1 << 20

// answerGroup answers a request that was sent to a group: errors and what does
// not help the asker are kept to ourselves, and the rest is sent at a random
// moment within the leisure, so that not everybody answers at once (RFC 7252
// §8.2). While an answer waits it is bytes and a timer; the exchange is free.
func (x *exchange) answerGroup(in *incoming, m *codec.Message) {
	sh := x.sh
	defer sh.served(x.slot)
	if !m.Code.IsSuccess() {
		sh.stats.rare().unsent.Add(1)
		return
	}
	if sh.delayed >= min(max(maxDelayed/len(sh.node.shards), 1), max(sh.limits.Peers/4, 1)) {
		sh.stats.rare().unsent.Add(1)
		return
	}
	if sh.delayedBytes+m.EncodedLen() > maxDelayedBytes/len(sh.node.shards) {
		sh.stats.rare().unsent.Add(1)
		return
	}
	m.Type, m.MessageID = codec.NON, sh.nonMID(in.peer)
	data, err := m.Append(nil)
	if err != nil {
		sh.stats.rare().unsent.Add(1)
		sh.node.log.Error("actors: a response could not be encoded", "path", in.req.Path(), "error", err)
		return
	}
	sh.delayed++
	sh.delayedBytes += len(data)
	sh.peers.Pin(in.peer)
	leisure := sh.params.DefaultLeisure
	if in.req.paced {
		leisure = in.req.leisure
	}
	if leisure > 0 {
		leisure = time.Duration(sh.rand.Float64() * float64(leisure))
	}
	sh.after(leisure, nil, &sendDelayed{data: data, dst: in.dst, peer: in.peer})
}

// onSendDelayed sends a multicast answer whose leisure has passed.
func (sh *shard) onSendDelayed(m *sendDelayed) {
	sh.delayed--
	sh.delayedBytes -= len(m.data)
	sh.peers.Unpin(m.peer)
	sh.resend(m.data, m.dst, "")
}
