package sim

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// trace is the record of what happens in a World: a hash always, and text where
// somebody reads it.
type trace struct {
	out    io.Writer
	hash   uint64
	buf    []byte
	closed bool
}

// What an entry of the trace is about.
const (
	traceSend byte = iota + 1
	traceArrive
	traceNote
	traceTap
	traceHandler
)

// note is what a node says of a message that it is about to send.
type note struct {
	at     netio.Instant
	header [codec.HeaderLen]byte
	text   string
}

// Hash returns a number that stands for the whole trace so far: what was sent
// and what became of it, what the nodes say of it, and what was noted. Two Worlds
// of the same seed in which the same is done have the same hash.
func (w *World) Hash() uint64 {
	defer w.hold()()
	return w.trace.hash
}

// Notef adds a line of the application to the trace, in the name of a node; ""
// is nobody's.
func (w *World) Notef(node, format string, args ...any) {
	defer w.hold()()
	w.trace.text(w, traceNote, node, fmt.Sprintf(format, args...))
}

// mix adds an entry to the hash: as FNV-1a does, but eight bytes at a time, and
// with the upper bits folded down, or they would never come to matter.
func (t *trace) mix(b []byte) {
	const prime = 0x9e3779b97f4a7c15
	h := t.hash ^ uint64(len(b))
	for ; len(b) >= 8; b = b[8:] {
		h = (h ^ binary.LittleEndian.Uint64(b)) * prime
		h ^= h >> 32
	}
	for _, c := range b {
		h = (h ^ uint64(c)) * prime
	}
	t.hash = h ^ h>>29
}

// begin begins an entry of the hash.
func (t *trace) begin(w *World, kind byte, name string) {
	if t.hash == 0 {
		t.hash = 14695981039346656037
	}
	t.buf = binary.BigEndian.AppendUint64(append(t.buf[:0], kind), uint64(w.now))
	t.buf = append(append(t.buf, name...), 0)
}

// text adds an entry that is text.
func (t *trace) text(w *World, kind byte, name, text string) {
	if t.closed {
		return
	}
	t.begin(w, kind, name)
	t.buf = append(t.buf, text...)
	t.mix(t.buf)
	if t.out != nil {
		if name != "" {
			text = name + ": " + text
		}
		t.line(w, text)
	}
}

// send tells of a datagram that is sent. v says what becomes of it (nil: it is
// not decided here), and why where it is lost in any case.
func (t *trace) send(w *World, from *host, to string, data []byte, v *Verdict, why string) {
	if t.closed {
		return
	}
	said := from.said(data)
	t.begin(w, traceSend, from.name)
	t.buf = append(append(t.buf, to...), 0)
	t.buf = append(append(t.buf, said...), 0)
	t.buf = append(append(t.buf, why...), 0)
	t.buf = append(t.buf, data...)
	if v != nil {
		t.buf = append(t.buf, byte(v.Copies))
		t.buf = binary.BigEndian.AppendUint64(t.buf, uint64(v.Delay))
		if v.Drop {
			t.buf = append(t.buf, 1)
		}
		if v.Unreachable != nil {
			t.buf = append(t.buf, 2)
		}
	}
	t.mix(t.buf)
	if t.out == nil {
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s → %s %s", from.name, to, describe(data))
	if said != "" {
		fmt.Fprintf(&b, " (%s)", said)
	}
	switch {
	case why != "":
		fmt.Fprintf(&b, " lost: %s", why)
	case v == nil:
	case v.Unreachable != nil:
		b.WriteString(" unreachable")
	case v.Drop:
		b.WriteString(" lost")
	default:
		if v.Edit != nil {
			b.WriteString(" changed")
		}
		if v.Copies > 0 {
			fmt.Fprintf(&b, " ×%d", 1+v.Copies)
		}
		if v.Delay > 0 {
			fmt.Fprintf(&b, " late by %v", v.Delay)
		}
	}
	t.line(w, b.String())
}

// arrive tells of a datagram that has arrived, or of why it is lost at the last
// moment.
func (t *trace) arrive(w *World, id hostID, p *packet, lost string) {
	if t.closed {
		return
	}
	from, to := w.nameOfID(p.from), w.nameOfID(id)
	t.begin(w, traceArrive, from)
	t.buf = append(append(t.buf, to...), 0)
	t.buf = append(append(t.buf, lost...), 0)
	t.buf = append(t.buf, p.datagram.Data...)
	t.mix(t.buf)
	if t.out == nil {
		return
	}
	what := brief(p.datagram.Data)
	switch {
	case lost != "":
		t.line(w, fmt.Sprintf("%s → %s %s lost: %s", from, to, what, lost))
	case p.datagram.Err != nil:
		t.line(w, fmt.Sprintf("%s → %s %s not delivered: %v", to, from, what, p.datagram.Err))
	default:
		t.line(w, fmt.Sprintf("%s → %s %s delivered", from, to, what))
	}
}

func (t *trace) line(w *World, text string) {
	d := w.now.Sub(Epoch)
	// What cannot be written is the reader's loss: a World has no use for it.
	_, _ = fmt.Fprintf(t.out, "%5d.%06d %s\n", d/1e9, d%1e9/1e3, text)
}

// describe returns a datagram as text: the message in it, or its bytes.
func describe(data []byte) string {
	var m codec.Message
	if err := m.Parse(data); err != nil {
		const most = 32
		if len(data) > most {
			return fmt.Sprintf("raw %x… (%d bytes)", data[:most], len(data))
		}
		return fmt.Sprintf("raw %x", data)
	}
	return m.String()
}

// brief returns just enough of a message to tell it from others.
func brief(data []byte) string {
	var m codec.Message
	if m.Parse(data) != nil {
		return fmt.Sprintf("raw (%d bytes)", len(data))
	}
	return briefly(&m)
}

func briefly(m *codec.Message) string {
	code := m.Code.String()
	if m.Code.IsRequest() && m.Code.Name() != "" {
		code = m.Code.Name()
	}
	return fmt.Sprintf("%v [0x%04x] %s", m.Type, m.MessageID, code)
}

// message takes what a node says of a message. What it says of one that it sends is
// kept until the message comes to the network, which is before anything else
// happens.
func (h *host) message(e *actors.TapEvent) {
	w := h.w
	if w.trace.closed || e.Direction == actors.Sent && h.sock != nil && e.Note == "" || e.Direction == actors.Received && e.Note == "" {
		return
	}
	what := "raw"
	if e.Message != nil {
		what = briefly(e.Message)
	}
	switch {
	case e.Direction == actors.Sent && h.sock == nil:
		text := "cannot send " + what
		if e.Note != "" {
			text += " (" + e.Note + ")"
		}
		w.trace.text(w, traceTap, h.name, text+" to "+w.nameOf(e.Peer.Addr)+": the socket is closed")
	case e.Direction == actors.Sent:
		for len(h.notes) > 0 && h.notes[0].at < w.now {
			h.notes = h.notes[1:] // the system has refused it
		}
		n := note{at: w.now, text: e.Note}
		copy(n.header[:], e.Data)
		h.notes = append(h.notes, n)
	case e.Direction == actors.Ignored:
		w.trace.text(w, traceTap, h.name, "ignores "+what+" from "+w.nameOf(e.Peer.Addr)+": "+e.Note)
	default:
		w.trace.text(w, traceTap, h.name, what+" from "+w.nameOf(e.Peer.Addr)+": "+e.Note)
	}
}

// said returns what the node has said of the datagram that it sends.
func (h *host) said(data []byte) string {
	for i := range h.notes {
		if len(data) >= codec.HeaderLen && string(h.notes[i].header[:]) == string(data[:codec.HeaderLen]) {
			text := h.notes[i].text
			h.notes = append(h.notes[:0], h.notes[i+1:]...)
			return text
		}
	}
	return ""
}

func (t *trace) handler(w *World, name string, r *actors.Request) {
	t.begin(w, traceHandler, name)
	t.buf = append(t.buf, byte(r.Method))
	for i := range r.Options {
		if o := &r.Options[i]; o.Number == codec.OptionURIPath {
			t.buf = append(append(t.buf, '/'), o.Value...)
		}
	}
	t.mix(t.buf)
	if t.out == nil {
		return
	}
	method := r.Method.Name()
	if method == "" {
		method = r.Method.String()
	}
	t.line(w, name+": handles "+method+" "+r.Path())
}

// logHandler puts what the nodes log into the trace.
type logHandler struct {
	w     *World
	name  string
	attrs string
	group string
}

// Enabled implements slog.Handler.
func (l *logHandler) Enabled(_ context.Context, level slog.Level) bool {
	defer l.w.hold()()
	return level >= slog.LevelInfo && !l.w.trace.closed
}

// Handle implements slog.Handler.
func (l *logHandler) Handle(_ context.Context, r slog.Record) error {
	defer l.w.hold()()
	var b strings.Builder
	b.WriteString(strings.TrimPrefix(r.Message, "actors: "))
	b.WriteString(l.attrs)
	r.Attrs(func(a slog.Attr) bool {
		writeAttr(&b, l.group, a)
		return true
	})
	l.w.trace.text(l.w, traceNote, l.name, "log "+r.Level.String()+" "+b.String())
	return nil
}

// WithAttrs implements slog.Handler.
func (l *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *l
	var b strings.Builder
	for _, a := range attrs {
		if a.Key == "node" {
			c.name = a.Value.String()
			continue
		}
		writeAttr(&b, l.group, a)
	}
	c.attrs += b.String()
	return &c
}

// WithGroup implements slog.Handler.
func (l *logHandler) WithGroup(name string) slog.Handler {
	c := *l
	c.group += name + "."
	return &c
}

// writeAttr writes an attribute. Stacks have addresses in them, which differ from
// run to run.
func writeAttr(b *strings.Builder, group string, a slog.Attr) {
	if a.Key == "stack" {
		return
	}
	fmt.Fprintf(b, " %s%s=", group, a.Key)
	v := a.Value.Resolve().String()
	if strings.ContainsAny(v, " \"\n") {
		fmt.Fprintf(b, "%q", v)
	} else {
		b.WriteString(v)
	}
}
