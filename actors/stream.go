package actors

import (
	"io"
	"slices"
	"sync"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
)

// stream is the body of a request that a handler reads while it comes. Each
// block is acknowledged when there is room for the next, so that a handler that
// reads slowly slows its peer down and no more than streamRoom waits in memory.
type stream struct {
	sh  *shard
	id  uint64
	key protocol.BlockKey
	ctx *taskContext

	mu    sync.Mutex
	buf   []byte // has come and has not been read
	end   error  // after buf: io.EOF, or why there is no more
	wait  Signal // of the handler that wants to read
	stuck bool   // a block waits for room

	// The rest belongs to the shard's goroutine.
	held  *incoming // the block that waits
	final bool      // held is the last one
	done  bool      // the handler has returned:
	res   *Response
	err   error
}

// streamRoom is how much of a body waits for its handler.
const streamRoom = 16 << 10

// Read implements io.Reader for the handler.
func (s *stream) Read(p []byte) (int, error) {
	for {
		s.mu.Lock()
		if len(p) == 0 || len(s.buf) > 0 {
			n := copy(p, s.buf)
			s.buf = s.buf[:copy(s.buf, s.buf[n:])]
			room := s.stuck && len(s.buf) < streamRoom
			if room {
				s.stuck = false
			}
			s.mu.Unlock()
			if room {
				s.sh.post(s.sh.endpoint, streamRoomed{s})
			}
			return n, nil
		}
		if err := s.end; err != nil {
			s.mu.Unlock()
			return 0, err
		}
		wait := s.sh.env.Runner.NewSignal()
		s.wait = wait
		s.mu.Unlock()
		if err := wait.Wait(s.ctx); err != nil {
			return 0, err
		}
	}
}

// streamRoomed: the handler has read, and the next block may come.
type streamRoomed struct{ s *stream }

// push gives the handler the next bytes.
func (s *stream) push(b []byte, last bool) {
	s.mu.Lock()
	if s.end == nil {
		s.buf = append(s.buf, b...)
		if last {
			s.end = io.EOF
		}
	}
	s.wake()
}

// close ends the reading: there will be nothing more.
func (s *stream) close(err error) {
	s.mu.Lock()
	if s.end == nil {
		s.end = err
	}
	s.wake()
}

// wake unlocks the stream and wakes its reader.
func (s *stream) wake() {
	wait := s.wait
	s.wait = nil
	s.mu.Unlock()
	if wait != nil {
		wait.Set()
	}
}

// hasRoom reports whether the next block may come now; if not, the handler will
// say when.
func (s *stream) hasRoom() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stuck = s.end == nil && len(s.buf) >= streamRoom
	return !s.stuck
}

// onRoom lets the next block come.
func (s *stream) onRoom() {
	if in := s.held; in != nil && !s.final {
		s.held = nil
		s.reply(in, &Response{Code: codec.Continue}, nil)
	}
}

func (s *stream) reply(in *incoming, res *Response, err error) {
	in.res, in.err = res, err
	s.sh.post(in.slot.box, in)
}

// dismiss ends the exchange of the block that waits, without a response.
func (s *stream) dismiss() {
	in := s.held
	s.held = nil
	if in.gen != in.slot.gen {
		return // its exchange has ended, and knows what to do with it
	}
	if !in.acked && in.msg.Type == codec.CON {
		s.sh.sendEmpty(codec.ACK, in.msg.MessageID, in.dst)
	}
	in.answered = true
	s.sh.served(in.slot)
}

// onReturn takes the answer of the handler. It is for the last block; an error is
// for whichever comes next, and ends the transfer.
func (s *stream) onReturn(res *Response, err error) {
	s.done, s.res, s.err = true, res, err
	s.mu.Lock()
	s.buf = nil
	s.mu.Unlock()
	s.close(io.ErrClosedPipe)
	if s.held != nil {
		s.giveAnswer()
	}
}

// succeeded reports whether the handler has answered with a success: then what
// it did not want to read is let through.
func (s *stream) succeeded() bool {
	return s.err == nil && (s.res == nil || s.res.Code == 0 || s.res.Code.IsSuccess())
}

// giveAnswer answers the block that waits for the handler, which has returned.
func (s *stream) giveAnswer() {
	in := s.held
	s.held = nil
	if !s.final && s.succeeded() {
		s.reply(in, &Response{Code: codec.Continue}, nil)
		return
	}
	s.sh.blockwise.spool.Abort(s.key)
	delete(s.sh.blockwise.streams, s.id)
	s.reply(in, s.res, s.err)
}

// lost ends a stream whose peer has gone away or has begun anew.
func (s *stream) lost(err error) {
	delete(s.sh.blockwise.streams, s.id)
	s.close(err)
	s.ctx.end(err)
	if in := s.held; in != nil {
		s.held = nil
		s.reply(in, nil, &CodeError{Code: codec.RequestEntityIncomplete, Diagnostic: "this transfer has ended"})
	}
}

// endStreams ends the streams of a node that stops.
func (b *blocks) endStreams() {
	ids := make([]uint64, 0, len(b.streams))
	for id := range b.streams {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		if s := b.streams[id]; s != nil && !s.final {
			s.lost(ErrStopped)
		}
	}
}

// answerStream takes the answer of a handler that read a stream.
func (x *exchange) answerStream(in *incoming) {
	s, res, err := in.stream, in.res, in.err
	in.answered = true
	x.sh.served(x.slot) // frees in
	s.onReturn(res, err)
}
