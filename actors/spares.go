package actors

import (
	"sync"

	"github.com/coap2/coap2/codec"
)

// spares is what a shard uses again and again, and nothing that it has to
// remember. Where the nodes of an Env run on one goroutine, all of them share
// one: thousands of nodes that take turns find it in the processor's cache.
type spares struct {
	nursery     nursery
	overheard   overheard
	event       TapEvent      // what is being told
	resent      codec.Message // what is being sent again
	writers     []*writer     // free lists
	callBatches []*callBatch
	spare       []*incoming
	batchMu     sync.Mutex
	batches     []*inbatch // shared with the transport's readers: guarded by batchMu
	batchBytes  int        // size of all in batches; guarded by batchMu
}
