package protocol

import (
	"net/netip"
	"slices"
	"time"

	"github.com/coap2/coap2/netio"
)

// Defaults and bounds of a NameCache.
const (
	DefaultNames         = 1024
	DefaultNameAddrs     = 8
	DefaultNegativeAge   = 5 * time.Second
	DefaultHelloAge      = 10 * time.Minute
	DefaultNamesOfSource = 4
	// MaxNameAge is the longest that a name is believed without asking again.
	MaxNameAge = 24 * time.Hour
)

// NameCacheConfig bounds a NameCache. Zero fields mean the default.
type NameCacheConfig struct {
	// Names is how many names are remembered, those among them that do not exist;
	// 0 = 1,024. Beyond it those go first that were only heard of, then those
	// that were not used for longest.
	Names int
	// Addrs is how many addresses a name has at most; 0 = 8.
	Addrs int
	// Negative is how long it is remembered that nobody has a name; 0 = 5 s.
	Negative time.Duration
	// Hello is how long a name is believed that has said hello, which does not say
	// how long; 0 = 10 min.
	Hello time.Duration
	// PerSource is how many names that nobody has asked for one address can put
	// here by saying hello; 0 = 4.
	PerSource int
}

func (c NameCacheConfig) withDefaults() NameCacheConfig {
	for _, f := range []struct {
		v   *int
		def int
	}{{&c.Names, DefaultNames}, {&c.Addrs, DefaultNameAddrs}, {&c.PerSource, DefaultNamesOfSource}} {
		if *f.v == 0 {
			*f.v = f.def
		}
	}
	if c.Negative == 0 {
		c.Negative = DefaultNegativeAge
	}
	if c.Hello == 0 {
		c.Hello = DefaultHelloAge
	}
	return c
}

// NameState says what a NameCache knows of a name.
type NameState uint8

// States of a name.
const (
	// NameUnknown: nothing; ask.
	NameUnknown NameState = iota
	// NameFresh: where it is.
	NameFresh
	// NameStale: where it was. Ask again before that is used.
	NameStale
	// NameAbsent: nobody has answered to it a moment ago.
	NameAbsent
)

// String returns the name of the state.
func (s NameState) String() string {
	switch s {
	case NameUnknown:
		return "NameUnknown"
	case NameFresh:
		return "NameFresh"
	case NameStale:
		return "NameStale"
	case NameAbsent:
		return "NameAbsent"
	}
	return "NameState(?)"
}

// NameRecord is what is known of a name.
type NameRecord struct {
	Name     string
	Instance InstanceID
	// Addrs are the node's addresses, the preferred one first.
	Addrs []netip.AddrPort
	// Age is for how long it was to be believed when it was learned, Expires the
	// moment at which that is over.
	Age     time.Duration
	Expires netio.Instant
	// Stale: it is in doubt.
	Stale bool
}

// NameCacheStats are the counters of a NameCache.
type NameCacheStats struct {
	// Names is how many are known, Absent how many of them do not exist, Heard
	// how many have only been heard of.
	Names, Absent, Heard int
	// Hits and Misses count lookups. Evicted names had to make room. Hellos and
	// Goodbyes are those that were taken; Refused ones came from too busy a
	// source, found no room, or (goodbyes) from another address or instance than
	// the name's. Doubts are hellos that did not fit what was known.
	Hits, Misses, Evicted, Hellos, Goodbyes, Refused, Doubts uint64
}

// NameCache remembers where names are. What it learns as answers to own questions
// it believes for as long as these say. What is said without being asked can only
// add names that are not known, few of each source, and put known ones in doubt;
// who has the better of a doubt is for an own question to decide.
type NameCache struct {
	cfg   NameCacheConfig
	names map[string]*nameEntry
	// known and heard are lists of entries, the least recently used first.
	known, heard nameList
	sources      map[netip.Addr]int // entries in heard, by who said them
	due          Deadlines[*nameEntry]
	absent       int
	stats        NameCacheStats
}

type nameEntry struct {
	NameRecord
	absent, heard, used bool
	asked               bool // a refresh has been asked for
	source              netip.Addr
	due                 Handle
	prev, next          *nameEntry
}

// MakeNameCache returns an empty cache.
func MakeNameCache(cfg NameCacheConfig) NameCache {
	return NameCache{cfg: cfg.withDefaults(), names: map[string]*nameEntry{}, sources: map[netip.Addr]int{}}
}

// Stats returns the counters.
func (c *NameCache) Stats() NameCacheStats {
	s := c.stats
	s.Names, s.Heard, s.Absent = len(c.names), c.heard.n, c.absent
	return s
}

// Lookup returns what is known of a canonical name, and notes that it is in use. The
// record's addresses must not be changed.
func (c *NameCache) Lookup(now netio.Instant, name string) (NameRecord, NameState) {
	e := c.names[name]
	if e == nil || now >= e.Expires {
		c.stats.Misses++
		return NameRecord{}, NameUnknown
	}
	if e.absent {
		c.stats.Hits++
		return NameRecord{}, NameAbsent
	}
	e.used = true
	c.list(e).remove(e)
	if e.heard { // it is of use: no longer a stranger's
		c.adopt(e)
	}
	c.known.add(e)
	if e.Stale {
		c.stats.Misses++
		return e.NameRecord, NameStale
	}
	c.stats.Hits++
	return e.NameRecord, NameFresh
}

// Learn takes what an own question has brought: everything that is known of a name,
// the preferred addresses first, to be believed for age. No addresses: nobody has
// the name.
func (c *NameCache) Learn(now netio.Instant, name string, id InstanceID, age time.Duration, addrs []netip.AddrPort) {
	e := c.names[name]
	if e == nil {
		if e = c.make(name); e == nil {
			return
		}
	} else {
		c.list(e).remove(e)
		if e.heard {
			c.adopt(e)
		}
	}
	c.known.add(e)
	e.Instance, e.Stale, e.asked = id, false, false
	c.setAbsent(e, len(addrs) == 0)
	if e.absent {
		age, e.used = c.cfg.Negative, false
	}
	e.Addrs = slices.Clone(addrs[:min(len(addrs), c.cfg.Addrs)])
	e.Age = min(max(age, 0), MaxNameAge)
	e.Expires = now.Add(e.Age)
	c.watch(e, now)
}

// Hello takes the word of an address that it has a name. It reports whether that
// is news to be asked about: of a known name another instance or address.
func (c *NameCache) Hello(now netio.Instant, name string, id InstanceID, from netip.AddrPort) (doubt bool) {
	e := c.names[name]
	if e != nil && (now >= e.Expires || e.absent) {
		c.drop(e)
		e = nil
	}
	if e == nil {
		source := from.Addr()
		if c.sources[source] >= c.cfg.PerSource {
			c.stats.Refused++
			return false
		}
		if len(c.names) >= c.cfg.Names && c.heard.first == nil {
			c.stats.Refused++ // strangers take no room from what is in use
			return false
		}
		if e = c.make(name); e == nil {
			return false
		}
		e.Instance, e.Addrs, e.heard, e.source = id, []netip.AddrPort{from}, true, source
		e.Age = c.cfg.Hello
		e.Expires = now.Add(e.Age)
		c.sources[source]++
		c.heard.add(e)
		c.stats.Hellos++
		c.watch(e, now)
		return false
	}
	known := slices.Contains(e.Addrs, from)
	switch {
	case e.Instance == id && known:
		c.stats.Hellos++
		// As much as was to be believed before, not more. A doubt is not so easily
		// removed: who goes and comes back is asked.
		if !e.Stale {
			e.Expires, e.asked = now.Add(e.Age), false
			c.watch(e, now)
		}
		return false
	case e.Instance == id && e.heard && from.Addr() == e.source && len(e.Addrs) < c.cfg.Addrs:
		c.stats.Hellos++
		e.Addrs = append(slices.Clip(e.Addrs), from)
		return false
	}
	c.stats.Doubts++
	doubt = !e.Stale
	e.Stale = true
	return doubt
}

// Goodbye takes the word of an address that the name it has is no longer its own.
// Only the instance itself can say so, from an address that it has; then the name is
// in doubt, no more. It reports whether that is so.
func (c *NameCache) Goodbye(now netio.Instant, name string, id InstanceID, from netip.AddrPort) bool {
	e := c.names[name]
	if e == nil || e.absent || now >= e.Expires || e.Instance != id || !slices.Contains(e.Addrs, from) {
		c.stats.Refused++
		return false
	}
	c.stats.Goodbyes++
	e.Stale = true
	return true
}

// Failed says that a request to an address of a name was not answered: the name is
// in doubt, and the address the last to be tried.
func (c *NameCache) Failed(name string, addr netip.AddrPort) {
	e := c.names[name]
	if e == nil || e.absent {
		return
	}
	i := slices.Index(e.Addrs, addr)
	if i < 0 {
		return
	}
	e.Stale = true
	e.Addrs = append(slices.Delete(slices.Clone(e.Addrs), i, i+1), addr)
}

// Due returns when Refresh is to be called; 0 = not before something is learned.
func (c *NameCache) Due() netio.Instant {
	at, ok := c.due.Next()
	if !ok {
		return 0
	}
	return at
}

// Refresh forgets names whose time is over, and returns one that is in use and soon
// to be forgotten, so that somebody asks for it before somebody waits for it. ok is
// false if there is none (any more).
func (c *NameCache) Refresh(now netio.Instant) (name string, ok bool) {
	for {
		e, ok := c.due.Pop(now)
		if !ok {
			return "", false
		}
		e.due = 0
		if now >= e.Expires {
			c.drop(e)
			continue
		}
		ask := e.used && !e.asked && !e.absent
		e.asked, e.used = true, false
		e.due = c.due.Add(e.Expires, e)
		if ask {
			return e.Name, true
		}
	}
}

// watch arms the next event of an entry: the refresh after 4/5 of its time.
func (c *NameCache) watch(e *nameEntry, now netio.Instant) {
	if e.due != 0 {
		c.due.Cancel(e.due)
	}
	at := e.Expires
	if !e.absent {
		at = now.Add(e.Age / 5 * 4)
	}
	e.due = c.due.Add(at, e)
}

// Records returns what is known, the least recently used first; what has only been
// heard of, and what does not exist, is not among it.
func (c *NameCache) Records(now netio.Instant) []NameRecord {
	var rs []NameRecord
	for e := c.known.first; e != nil; e = e.next {
		if !e.absent && now < e.Expires {
			rs = append(rs, e.NameRecord)
		}
	}
	return rs
}

// Restore puts back what Records has returned in another life.
func (c *NameCache) Restore(now netio.Instant, rs []NameRecord) {
	for _, r := range rs {
		left := r.Expires.Sub(now)
		if left <= 0 || len(r.Addrs) == 0 {
			continue
		}
		// A clock that was wrong makes nothing live longer than it was to.
		c.Learn(now, r.Name, r.Instance, min(left, r.Age), r.Addrs)
		if e := c.names[r.Name]; e != nil {
			e.Stale = r.Stale
		}
	}
}

// make makes room, and an entry that is in no list yet; nil if there is no room.
func (c *NameCache) make(name string) *nameEntry {
	if len(c.names) >= c.cfg.Names {
		old := c.heard.first
		if old == nil {
			old = c.known.first
		}
		if old == nil {
			return nil
		}
		c.stats.Evicted++
		c.drop(old)
	}
	e := &nameEntry{NameRecord: NameRecord{Name: name}}
	c.names[name] = e
	return e
}

func (c *NameCache) drop(e *nameEntry) {
	if e.due != 0 {
		c.due.Cancel(e.due)
	}
	c.list(e).remove(e)
	if e.heard {
		c.adopt(e)
	}
	c.setAbsent(e, false)
	delete(c.names, e.Name)
}

func (c *NameCache) setAbsent(e *nameEntry, absent bool) {
	if e.absent != absent {
		if e.absent = absent; absent {
			c.absent++
		} else {
			c.absent--
		}
	}
}

// adopt ends that an entry counts as its source's.
func (c *NameCache) adopt(e *nameEntry) {
	e.heard = false
	if c.sources[e.source]--; c.sources[e.source] <= 0 {
		delete(c.sources, e.source)
	}
}

func (c *NameCache) list(e *nameEntry) *nameList {
	if e.heard {
		return &c.heard
	}
	return &c.known
}

// nameList is a doubly linked list of entries.
type nameList struct {
	first, last *nameEntry
	n           int
}

func (l *nameList) add(e *nameEntry) {
	e.prev, e.next = l.last, nil
	if l.last != nil {
		l.last.next = e
	} else {
		l.first = e
	}
	l.last = e
	l.n++
}

func (l *nameList) remove(e *nameEntry) {
	if e.prev != nil {
		e.prev.next = e.next
	} else {
		l.first = e.next
	}
	if e.next != nil {
		e.next.prev = e.prev
	} else {
		l.last = e.prev
	}
	e.prev, e.next = nil, nil
	l.n--
}
