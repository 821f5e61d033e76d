package sim

import (
	"fmt"

	"github.com/coap2/coap2/netio"
)

// Medium is what the nodes of a Segment share to send: air, or a bus. One frame
// at a time passes; of two that overlap in time, however little, neither is
// received by anyone. Nobody listens before he sends (no carrier sense), and
// nobody sends again what was lost: that is ALOHA without its
// acknowledgements, the worst that a radio can be.
//
// Everyone hears everyone. A node sends its own frames one after the other. A
// datagram is one frame, however long; one that comes from another Segment is
// sent by the router. The zero value is no Medium: nothing collides.
type Medium struct {
	// Bandwidth is how many bytes pass in a second; 0 = there is no Medium.
	Bandwidth int
	// Overhead is how many bytes a frame has besides the payload of the datagram;
	// 0 = the headers of IP and UDP. With compressed headers (RFC 6282) over IEEE
	// 802.15.4 it is 25 to 50.
	Overhead int
	// Queue is how many bytes of frames can wait at one node, what has not yet
	// left of the one that is being sent included; 0 = 65,536.
	Queue int
}

// Validate reports what is wrong with a Medium, if anything.
func (m Medium) Validate() error {
	if err := (Rate{Bandwidth: m.Bandwidth, Queue: m.Queue}).Validate(); err != nil {
		return fmt.Errorf("sim: Medium: %w", err)
	}
	if m.Overhead < 0 || m.Overhead > maxPacket {
		return fmt.Errorf("sim: Medium.Overhead is %d; it must be between 0 and %d bytes", m.Overhead, maxPacket)
	}
	if m.Bandwidth == 0 && m != (Medium{}) {
		return fmt.Errorf("sim: Medium.Bandwidth is 0; without it there is no Medium to have an overhead or a queue")
	}
	return nil
}

// frame is what is on a Medium from one moment to another.
type frame struct {
	start, end netio.Instant
	collided   bool
	// before is the frame in which the same datagram passed another Medium on its
	// way, nil if there is none.
	before *frame
}

// lost reports whether a datagram that passed in this frame and those before it
// has collided on the way.
func (f *frame) lost() bool {
	for ; f != nil; f = f.before {
		if f.collided {
			return true
		}
	}
	return false
}

// air is a Medium at work.
type air struct {
	Medium
	// frames are those that have not ended, and maybe some that have.
	frames []*frame
	// router is the queue of what comes from other segments; of the datagram to a
	// group that came last, passed is the frame.
	router bottleneck
	passed *frame
}

// send puts a datagram on the air, once those are sent that wait in the queue of
// its sender. seq is the number of a datagram to a group that comes from
// another segment, or 0.
func (a *air) send(w *World, queue *bottleneck, at netio.Instant, c *carriage, seq uint64, before *frame) (*frame, bool) {
	if seq != 0 && queue.seq == seq {
		return a.passed, queue.ok
	}
	size := c.size()
	if a.Overhead > 0 {
		size = a.Overhead + len(c.data)
	}
	begins := max(queue.until, at)
	ends, ok := queue.pass(Rate{Bandwidth: a.Bandwidth, Queue: a.Queue}, at, size, seq)
	a.passed = nil
	if !ok {
		return nil, false
	}
	f := &frame{start: begins, end: ends, before: before}
	a.passed = f
	kept := a.frames[:0]
	for _, o := range a.frames {
		if o.end <= w.now {
			continue
		}
		kept = append(kept, o)
		if o.start < f.end && f.start < o.end {
			w.collide(o)
			w.collide(f)
		}
	}
	clear(a.frames[len(kept):])
	a.frames = append(kept, f)
	w.stats.Frames++
	return f, true
}

func (w *World) collide(f *frame) {
	if !f.collided {
		f.collided = true
		w.stats.Collisions++
	}
}
