package actors

import "github.com/coap2/coap2/netio"

// A node can have several shards: everything of a peer is at the one that
// netio.ShardOf names, and shards share nothing that is touched per message. So
// a call begins at the shard of its peer, and a request is served where it was
// received.

// shardOf returns the shard of a peer.
func (n *Node) shardOf(p netio.Peer) *shard {
	if len(n.shards) == 1 {
		return n.shard
	}
	return n.shards[netio.ShardOf(p, len(n.shards))]
}

// receiver returns what takes the transport's batches.
func (n *Node) receiver() func([]netio.Datagram) {
	if len(n.shards) == 1 {
		return n.shard.receive
	}
	return n.receive
}

// receive takes a batch to the shard of its peers. A transport that knows the
// shards brings all of a batch for the same one; where one does not, and for
// the few datagrams that come in by the wrong socket, the batch is taken apart.
func (n *Node) receive(ds []netio.Datagram) {
	if len(ds) == 0 {
		return
	}
	k := netio.ShardOf(ds[0].Peer, len(n.shards))
	for i := range ds[1:] {
		if netio.ShardOf(ds[1+i].Peer, len(n.shards)) != k {
			n.spread(ds)
			return
		}
	}
	n.shards[k].receive(ds)
}

// spread takes a mixed batch apart, in the order of the shards.
func (n *Node) spread(ds []netio.Datagram) {
	parts := make([][]netio.Datagram, len(n.shards))
	for i := range ds {
		k := netio.ShardOf(ds[i].Peer, len(n.shards))
		parts[k] = append(parts[k], ds[i])
	}
	for k, part := range parts {
		n.shards[k].receive(part)
	}
}
