package mqtt

import (
	"slices"
	"time"
)

// receive takes a segment.
func (c *conn) receive(s *segment) {
	switch {
	case s.flags&flagRST != 0:
		c.down()
		return
	case s.flags&flagSYN != 0 && c.dialed:
		if s.flags&flagACK == 0 || s.ack != 1 {
			return
		}
		if !c.up {
			c.rcvNxt = s.seq + 1
			c.up = true
			c.acked(s)
		}
		c.acknowledge()
		c.transmit()
		return
	case s.flags&flagSYN != 0: // again: what we answered was lost
		c.again()
		return
	case !c.up && c.dialed:
		return
	}
	c.up = true
	c.acked(s)
	if !c.gone {
		c.take(s)
	}
	if !c.gone {
		c.transmit()
	}
}

// acked takes the number up to which the other side has everything.
func (c *conn) acked(s *segment) {
	ack := s.ack
	n := int(int32(ack - c.una))
	switch {
	case n < 0 || n > int(c.nxt-c.una):
		return
	case n == 0:
		if c.nxt == c.una || len(s.data) > 0 {
			return
		}
		if c.duplicate++; c.duplicate == 3 { // RFC 5681 §3.2
			c.again()
			c.cwnd = c.threshold
		}
		return
	}
	if c.timedTo != 0 && int32(ack-c.timedTo) >= 0 {
		c.sample(c.stack.clock.Now().Sub(c.timedAt))
		c.timedTo = 0
	}
	full := c.stack.profile.maxData()
	if c.cwnd < c.threshold {
		c.cwnd += min(n, full)
	} else {
		c.cwnd += max(full*full/c.cwnd, 1)
	}
	if c.una > 0 {
		c.out = slices.Delete(c.out, 0, n)
	}
	c.una, c.duplicate, c.retries = ack, 0, 0
	c.settle() // timestamps make every acknowledgement a sample
	stop(&c.timer)
	if c.una == c.nxt {
		return
	}
	if int32(c.recover-c.una) > 0 { // RFC 6582 §3.2: the next one was lost too
		c.emit(0, min(int(c.nxt-c.una), full))
	}
	c.arm()
}

// sample takes a measured round trip (RFC 6298 §2).
func (c *conn) sample(d time.Duration) {
	if c.srtt == 0 {
		c.srtt, c.dev = d, d/2
	} else {
		c.dev += ((c.srtt - d).Abs() - c.dev) / 4
		c.srtt += (d - c.srtt) / 8
	}
}

// settle makes the timeout what the round trips say.
func (c *conn) settle() {
	if c.srtt > 0 {
		c.rto = min(c.srtt+max(4*c.dev, c.stack.profile.MinRTO), maxRTO)
	}
}

// maxEarly bounds what is kept before its turn.
const maxEarly = 1024

// take takes the data of a segment.
func (c *conn) take(s *segment) {
	if len(s.data) == 0 {
		return
	}
	behind := int(int32(c.rcvNxt - s.seq))
	switch {
	case behind >= len(s.data): // once more
		c.acknowledge()
		return
	case behind < 0: // before its turn
		i, has := slices.BinarySearchFunc(c.early, s.seq, func(e segment, seq uint32) int { return int(int32(e.seq - seq)) })
		if !has && len(c.early) < maxEarly {
			e := *s
			e.data = slices.Clone(s.data)
			c.early = slices.Insert(c.early, i, e)
		}
		c.acknowledge()
		return
	}
	filled := len(c.early) > 0
	c.accept(s.data[behind:])
	for len(c.early) > 0 && !c.gone {
		e := c.early[0]
		behind := int(int32(c.rcvNxt - e.seq))
		if behind < 0 {
			break
		}
		c.early = c.early[1:]
		if behind < len(e.data) {
			c.accept(e.data[behind:])
		}
	}
	if c.gone || c.pending == 0 {
		return // what was answered has acknowledged it
	}
	if filled || c.pending >= 2*c.stack.profile.maxData() {
		c.acknowledge()
	} else if c.ackAt == nil {
		c.ackAt = c.stack.clock.AfterFunc(c.stack.profile.DelayedACK, c.acknowledge)
	}
}

func (c *conn) accept(b []byte) {
	c.rcvNxt += uint32(len(b))
	c.pending += len(b)
	if c.onData != nil {
		c.onData(b)
	}
}
