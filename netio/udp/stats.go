package udp

import "sync/atomic"

// Stats counts what a transport has done since Open, over all its sockets.
type Stats struct {
	// DatagramsIn and BytesIn count received payloads, BatchesIn the calls of
	// Receiver.Datagrams that brought them.
	DatagramsIn, BytesIn, BatchesIn uint64
	// DatagramsOut and BytesOut count payloads that the system took, BatchesOut
	// the groups of them for one socket that were handed to it.
	DatagramsOut, BytesOut, BatchesOut uint64
	// Merged counts those datagrams out that the system took together with
	// their neighbours, as one message for it to cut: runs of one length to one
	// peer (Linux 4.18, UDP_SEGMENT). Of these, what a full queue of the
	// interface drops is no error of the write.
	Merged uint64
	// Truncated counts datagrams longer than Config.MaxDatagram, dropped.
	Truncated uint64
	// Undelivered counts the datagrams with Err that were given to the receiver.
	Undelivered uint64
	// SendErrors counts datagrams that the system refused to take.
	SendErrors uint64
	// ReadErrors counts failures of reading that were survived.
	ReadErrors uint64
	// KernelDrops counts datagrams that came while a socket's buffer was full,
	// or were damaged; 0 where the system does not tell (not Linux).
	KernelDrops uint64
}

type counters struct {
	datagramsIn, bytesIn, batchesIn    atomic.Uint64
	datagramsOut, bytesOut, batchesOut atomic.Uint64
	merged                             atomic.Uint64
	truncated, undelivered             atomic.Uint64
	sendErrors, readErrors             atomic.Uint64
	kernelDrops                        atomic.Uint64
}

// Dropped implements netio.DropCounter: KernelDrops and Truncated.
func (t *Transport) Dropped() (sum uint64) {
	for s := range t.all() {
		s.countDrops()
		sum += s.kernelDrops.Load() + s.truncated.Load()
	}
	return sum
}

// Stats returns the counters. It may be called at any time, also after Close.
func (t *Transport) Stats() Stats {
	var sum Stats
	for s := range t.all() {
		s.countDrops()
		c := &s.counters
		sum.DatagramsIn += c.datagramsIn.Load()
		sum.BytesIn += c.bytesIn.Load()
		sum.BatchesIn += c.batchesIn.Load()
		sum.DatagramsOut += c.datagramsOut.Load()
		sum.BytesOut += c.bytesOut.Load()
		sum.BatchesOut += c.batchesOut.Load()
		sum.Merged += c.merged.Load()
		sum.Truncated += c.truncated.Load()
		sum.Undelivered += c.undelivered.Load()
		sum.SendErrors += c.sendErrors.Load()
		sum.ReadErrors += c.readErrors.Load()
		sum.KernelDrops += c.kernelDrops.Load()
	}
	return sum
}
