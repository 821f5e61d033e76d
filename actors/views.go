package actors

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"time"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// view is what observers see who asked a resource for the same: the same
// method, path, query, format, ETags and, with FETCH, payload. They are sent the
// same messages but for token and message ID.
type view struct {
	watch *watch
	site  *watchSite
	topic protocol.TopicID
	key   string
	// method, options and payload are those of the request, without Observe.
	method  codec.Code
	options codec.Options
	payload []byte
	// plain: it is the resource itself that is observed, not what a query or
	// a FETCH makes of it.
	plain bool
	// block2 is the size of blocks that the observers have asked for, if has2.
	block2 codec.Block
	has2   bool
	// format is that of what has been sent, which must not change (RFC 7641
	// §4.2); noFormat without Content-Format, and known says whether anything
	// has.
	format uint32
	known  bool
	seq    uint32 // of the latest edition
	// editions are the latest versions, each at its number modulo their count.
	editions []edition
	ending   bool     // it has no part in the resource any more
	rules    *ruleSet // of those that have one; nil where nobody has

	// The handler is asked with in, whose exchange is slot. While it runs,
	// dirty says that it has to be asked again, and overtaken that what it
	// answers is older than what has been published meanwhile.
	in                        *incoming
	slot                      slot
	running, dirty, overtaken bool
	held                      *Response // waits for a sequence number
	heldTimer                 protocol.Handle
}

// edition is one version of a view, encoded but for token and message ID.
type edition struct {
	version uint32
	seq     uint32    // its number
	res     *Response // code, options and payload
	tmpl    codec.Template
	long    bool // tmpl has the first block only
}

const noFormat = 1 << 16

// Bounds of what observers can make a node keep besides themselves: views of a
// resource at a shard, and the request of one.
const (
	maxViews    = 1024
	maxViewKey  = 1024
	maxEditions = 1 << 16 // of all views of a resource at a shard, or one view's
)

// appendViewKey appends what tells the request's view from others.
func appendViewKey(dst []byte, in *incoming, payload []byte) []byte {
	m := &in.msg
	code := byte(m.Code)
	if in.joins != nil {
		code |= 0x80 // methods are of class 0
	}
	dst = append(dst, code)
	for i := range m.Options {
		o := &m.Options[i]
		if !in.inKey(o) {
			continue
		}
		dst = binary.BigEndian.AppendUint16(dst, uint16(o.Number))
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(o.Value)))
		dst = append(dst, o.Value...)
	}
	if m.Code == codec.FETCH {
		dst = append(append(dst, 0xff, 0xff), payload...)
	}
	return dst
}

// viewFor returns the view of a request, which is made if there is none; nil if
// there are too many.
func (o *observing) viewFor(w *watch, in *incoming) *view {
	s, m, payload := &w.sites[o.sh.index], &in.msg, in.msg.Payload
	if in.body != nil {
		payload = in.body
	}
	o.key = appendViewKey(o.key[:0], in, payload)
	if v := s.byKey[string(o.key)]; v != nil {
		return v
	}
	queue := max(w.route.resource.Queue, 1)
	if n := len(s.views); n >= maxViews || n > 0 && (n+1)*queue > maxEditions || len(o.key) > maxViewKey {
		return nil
	}
	v := &view{watch: w, site: s, key: string(o.key), method: m.Code, block2: in.block2, has2: in.has2}
	for i := range m.Options {
		opt := &m.Options[i]
		if in.inKey(opt) || in.joins == nil && opt.Number != codec.OptionObserve {
			v.options = append(v.options, *opt)
		}
	}
	v.plain = m.Code == codec.GET && !v.options.Has(codec.OptionURIQuery)
	v.options = v.options.Clone()
	if m.Code == codec.FETCH {
		v.payload = slices.Clone(payload)
	}
	v.editions = make([]edition, queue)
	if in.joins != nil {
		v.topic = o.table.AddSelective(w.route.resource.Queue)
	} else {
		v.topic = o.table.AddTopic(w.route.resource.Queue)
	}
	at := int(uint32(v.topic)) - 1
	for at >= len(o.views) {
		o.views = append(o.views, nil)
	}
	o.views[at] = v
	if s.byKey == nil {
		s.byKey = map[string]*view{}
	}
	s.byKey[v.key] = v
	s.views = append(s.views, v)
	return v
}

// viewOf returns the view of a topic.
func (o *observing) viewOf(t protocol.TopicID) *view { return o.views[uint32(t)-1] }

// detach takes a view out of its resource: who observes from now on sees
// another.
func (v *view) detach() {
	if v.ending {
		return
	}
	v.ending = true
	delete(v.site.byKey, v.key)
	if i := slices.Index(v.site.views, v); i >= 0 {
		v.site.views = slices.Delete(v.site.views, i, i+1)
	}
}

// dropView forgets a view that has no observers.
func (o *observing) dropView(v *view) {
	v.detach()
	o.sh.cancel(&v.heldTimer)
	if v.rules != nil {
		o.dropRules(v.rules)
	}
	o.table.DropTopic(v.topic)
	o.views[uint32(v.topic)-1] = nil
	v.editions, v.held = nil, nil
}

// number gives the view's next edition its number. All views of a resource
// share one sequence, of which each takes the last number if that is new to it;
// so one that many observe differently does not take more than one that all
// observe alike. ok is false if at is to be waited for.
func (o *observing) number(v *view, now netio.Instant) (at netio.Instant, ok bool) {
	s := v.site
	if v.seq == s.seq.Last() {
		if _, at, ok = s.seq.Next(now); !ok {
			return at, false
		}
	}
	v.seq, s.numbered = s.seq.Last(), s.changes.Load()
	return 0, true
}

// firstNumber returns the number for the response to a registration: that of
// the state that observers have, or a new one if the state has changed since it
// was given, which nobody had to be told. So a client that was forgotten and
// registers again sees that it is newer.
func (o *observing) firstNumber(v *view, now netio.Instant) uint32 {
	s := v.site
	if !s.started {
		s.started = true
		s.seq.Init(startNumber(o.sh.env.Clock.Wall(now)))
		_, _, _ = s.seq.Next(now)
		s.numbered = s.changes.Load()
	}
	if changes := s.changes.Load(); s.numbered != changes {
		_, _, _ = s.seq.Next(now)
		s.numbered = changes
	}
	return s.seq.Last()
}

// startNumber is where the numbers of a resource begin. They pass more slowly
// than time does in units of 2^-15 s, so a node that starts again within the 128
// s in which numbers count (RFC 7641 §3.4) goes on above where it was.
func startNumber(t time.Time) uint32 {
	return uint32(t.Unix()<<15 + int64(t.Nanosecond())<<15/int64(time.Second))
}

// edit makes the version's edition of what a message says.
func (o *observing) edit(v *view, version uint32, res *Response) error {
	e := &v.editions[int(version)%len(v.editions)]
	e.version, e.res = version, o.tagged(v, res)
	return o.encode(v, e)
}

// encode encodes an edition: with the view's number, or as an error without.
func (o *observing) encode(v *view, e *edition) error {
	m := &o.msg
	*m = codec.Message{Code: e.res.Code, Payload: e.res.Payload}
	e.long = false
	switch {
	case !e.res.Code.IsSuccess():
		m.Options = e.res.Options
	case v.holds(e.res):
		m.Code, m.Payload = codec.Valid, nil
		o.opts = o.opts[:0]
		for _, opt := range e.res.Options {
			if opt.Number == codec.OptionETag || opt.Number == codec.OptionMaxAge {
				o.opts = append(o.opts, opt)
			}
		}
		m.Options = o.withObserve(v.seq)
	default:
		o.opts = append(o.opts[:0], e.res.Options...)
		o.cut(v, e, m)
		m.Options = o.withObserve(v.seq)
	}
	err := fitsDatagram(m)
	if err == nil {
		err = e.tmpl.Set(m)
	}
	m.Options, m.Payload = nil, nil
	return err
}

// tagged gives a state that has to be sent in blocks an entity-tag, so that the
// observers see which blocks belong together.
func (o *observing) tagged(v *view, res *Response) *Response {
	c, _ := protocol.CutBody(int64(len(res.Payload)), v.block2, v.has2, o.sh.szx)
	if !c.Block.More || res.Code != codec.Content || res.Options.Has(codec.OptionETag) {
		return res
	}
	with := *res // it may be that of other views, too
	with.Options = res.Options.Clone().Add(codec.ETag(etagOf(res.Options, res.Payload)))
	return &with
}

// cut leaves in a message the first block of a state that is longer, with the
// options that say so (RFC 7959 §2.6).
func (o *observing) cut(v *view, e *edition, m *codec.Message) {
	size := len(m.Payload)
	c, code := protocol.CutBody(int64(size), v.block2, v.has2, o.sh.szx)
	if code != 0 || !c.Blockwise {
		return
	}
	o.opts = o.opts.Set(codec.Block2(c.Block))
	if e.long = c.Block.More; e.long {
		o.opts = o.opts.Set(codec.Size2(uint32(min(int64(size), math.MaxUint32))))
	}
	m.Payload = m.Payload[c.From:c.To]
}

// shelve keeps a state for the requests with which an observer fetches the rest
// of it: what was kept for them before is older.
func (o *observing) shelve(v *view, e *edition, pe *peerEntry) {
	asked := codec.Message{Code: v.method, Options: v.options}
	if asked.Options.Has(codec.OptionETag) { // it will not be in those
		asked.Options = asked.Options.Clone().Remove(codec.OptionETag)
	}
	whole := codec.Message{Code: e.res.Code, Options: e.res.Options, Payload: e.res.Payload}
	o.sh.shelve(protocol.MakeBlockKey(pe.ID, &asked), keep(&whole, nil))
}

// withObserve puts an Observe option into o.opts. Its value lives until the
// next one.
func (o *observing) withObserve(seq uint32) codec.Options {
	o.value = codec.AppendUint(o.value[:0], uint64(seq))
	o.opts = o.opts.Add(codec.Option{Number: codec.OptionObserve, Value: o.value})
	return o.opts
}

// holds reports whether the observers have said, by an ETag in their request,
// that they have this representation: then it is enough to say that it is valid
// (RFC 7641 §4.2).
func (v *view) holds(res *Response) bool {
	tag, ok := res.Options.Get(codec.OptionETag)
	if !ok || res.Code != codec.Content {
		return false
	}
	for have := range v.options.Values(codec.OptionETag) {
		if bytes.Equal(have, tag) {
			return true
		}
	}
	return false
}

// takes reports whether what was published for the resource is what this view
// is told too.
func (v *view) takes(res *Response) bool {
	switch {
	case !res.Code.IsSuccess():
		return true
	case !v.fits(res):
		return false
	}
	return v.plain || v.watch.route.resource.Queue > 0
}

// fits reports whether a response has the format that the observers have been
// sent.
func (v *view) fits(res *Response) bool {
	if v.known {
		return res.Code == codec.Valid || formatOf(res.Options) == v.format
	}
	want, ok := v.options.Accept()
	return !ok || uint32(want) == formatOf(res.Options)
}

func formatOf(o codec.Options) uint32 {
	if f, ok := o.ContentFormat(); ok {
		return uint32(f)
	}
	return noFormat
}

// tell gives a view a new version. What is an error ends it.
func (o *observing) tell(v *view, res *Response) {
	if v.rules != nil {
		o.offer(v.rules, res)
		o.enlist(v.rules)
		return
	}
	if !res.Code.IsSuccess() {
		o.end(v, res)
		return
	}
	if at, ok := o.number(v, o.sh.now()); !ok {
		o.hold(v, res, at)
		return
	}
	v.noteFormat(res.Code, res.Options)
	o.sh.cancel(&v.heldTimer)
	v.held = nil
	if err := o.edit(v, o.table.Publish(v.topic), res); err != nil {
		o.sh.node.log.Error("actors: a notification could not be encoded", "path", v.options.Path(), "error", err)
		o.end(v, &Response{Code: codec.InternalServerError})
	}
}

func (v *view) noteFormat(code codec.Code, opts codec.Options) {
	if !v.known && code == codec.Content {
		v.format, v.known = formatOf(opts), true
	}
}

// hold keeps a state until there is a number for it; later ones replace it.
func (o *observing) hold(v *view, res *Response, at netio.Instant) {
	v.held = res
	if v.heldTimer == 0 {
		v.heldTimer = o.sh.timers.Add(at, timer{box: o.sh.endpoint, msg: tellHeld{v}})
	}
}

func (o *observing) onTellHeld(v *view) {
	v.heldTimer = 0
	if res := v.held; res != nil && !v.ending {
		v.held = nil
		o.tell(v, res)
	}
}

// end tells the observers of a view that there is nothing to observe any more,
// and why (RFC 7641 §4.2).
func (o *observing) end(v *view, res *Response) {
	if v.ending {
		return
	}
	v.detach()
	o.sh.cancel(&v.heldTimer)
	v.held = nil
	if err := o.edit(v, o.table.End(v.topic), res); err != nil {
		_ = o.edit(v, o.table.Version(v.topic), &Response{Code: codec.InternalServerError})
	}
}

// forget removes the observers of a resource.
func (o *observing) forget(w *watch) {
	for s := &w.sites[o.sh.index]; len(s.views) > 0; {
		v := s.views[0]
		v.detach()
		for {
			g, ok := o.table.DropTopic(v.topic)
			if !ok {
				break
			}
			o.left(g)
		}
	}
}

// endAll ends the observations of a resource at this shard.
func (sh *shard) endAll(r *Route, res *Response) {
	w := r.watched.Load()
	if w == nil || sh.obs == nil {
		return
	}
	for s := &w.sites[sh.index]; len(s.views) > 0; {
		sh.obs.end(s.views[0], res)
	}
}
