package sim

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/coap2/coap2/sim/radio"
)

// Radio is the IEEE 802.15.4 radio of a Segment: its nodes are stations of a
// radio.Air, in which datagrams take their time, collide and are forwarded.
// Addresses on the air are those of IPv6, whatever the nodes have.
//
// Nothing joins it to other segments: what goes there, or comes from there, is
// lost. Link, faults and partitions come on top of it.
type Radio struct {
	// Config is that of the Air. Its Clock, Seed and Sniff are the World's and
	// must be zero.
	radio.Config
	// Station returns which station of the Topology a node is, below 0 = none.
	// Several can be one. It must answer by the name alone. Nil: the nodes of the
	// segment, in the order in which they are made.
	Station func(node string) int
}

// ether is a Radio at work.
type ether struct {
	Radio
	rule *segmentRule
	air  *radio.Air
	// stations by host, 1 more than they are; next is the one of the next host.
	stations []int32
	next     int
}

// noStation is what hosts are in stations that are none.
const noStation = -1

func (w *World) newEther(x *segmentRule) (*ether, error) {
	e := &ether{Radio: *x.Radio, rule: x}
	if e.Clock != nil || e.Seed != 0 || e.Sniff != nil {
		return nil, fmt.Errorf("sim: segment %q: Radio.Clock, Seed and Sniff are the World's; leave them out", x.Name)
	}
	e.Clock = clock{w}
	key := w.key(x.Name, "radio")
	e.Seed = binary.BigEndian.Uint64(key[:])
	e.Sniff = func(f *radio.Frame) {
		if f.Datagram.Payload == nil {
			return // nobody watched when it was sent
		}
		for _, s := range w.sniffers {
			s.f(AirFrame{f})
		}
	}
	var err error
	if e.air, err = radio.New(e.Config); err != nil {
		return nil, fmt.Errorf("sim: segment %q: %w", x.Name, err)
	}
	return e, nil
}

// ether returns the Radio of a class of nodes, nil if they have none.
func (c *class) ether() *ether {
	if c.segment == nil {
		return nil
	}
	return c.segment.ether
}

// station returns which station a host is, below 0 if none.
func (e *ether) station(w *World, id hostID) int {
	for int(id) >= len(e.stations) {
		at := hostID(len(e.stations))
		n := -1
		if w.classes[w.classOf(at)-1].ether() == e {
			if e.Station != nil {
				n = e.Station(w.nameOfID(at))
			} else {
				n = e.next
				e.next++
			}
		}
		if n < 0 || n >= e.Topology.Len() {
			n = noStation
		}
		e.stations = append(e.stations, int32(n))
	}
	return int(e.stations[id])
}

// aired is a copy of a datagram that is on the air for a host.
type aired struct {
	station int
	id      hostID
	p       *packet // nil when it has come
	delay   time.Duration
}

// transmit gives the datagram to the radio.
func (c *carriage) transmit() {
	w, e, cast := c.w, c.ether, c.cast
	d := &radio.Datagram{Size: len(c.data), Header: radio.Header{From: c.station, To: c.hears, Source: c.src.Port(), Dest: c.dst.Port(), HopLimit: c.hopLimit()}}
	if c.multicast {
		d.Header.To, d.Header.Group = radio.Everyone, c.dst.Addr()
		slices.SortStableFunc(cast, func(a, b aired) int { return cmp.Compare(a.station, b.station) })
	}
	if len(w.sniffers) > 0 {
		d.Payload = append([]byte{}, c.data...)
	}
	d.Heard = func(station int) {
		i := sort.Search(len(cast), func(i int) bool { return cast[i].station >= station })
		for ; i < len(cast) && cast[i].station == station; i++ {
			if x := &cast[i]; x.p != nil {
				w.agenda.add(later(w.now, int64(x.delay)), x.p.place, x.id)
				x.p = nil
			}
		}
	}
	d.Done = func(lost radio.Loss) {
		for i := range cast {
			if x := &cast[i]; x.p != nil {
				w.dropped(x.id, x.p, e.cause(lost, d.Header.From, x.station))
				w.release(x.p)
			}
		}
	}
	d.Heard(c.station) // those who are the same station
	if !c.multicast && c.hears == c.station {
		d.Done(0)
		return
	}
	if c.leaves > w.now {
		clock{w}.AfterFunc(c.leaves.Sub(w.now), func() { e.air.Send(d) })
		return
	}
	e.air.Send(d)
}

// cause says why a datagram has not come to a station.
func (e *ether) cause(lost radio.Loss, from, to int) Cause {
	switch {
	case lost&radio.Oversize > 0:
		return LostByMTU
	case lost&radio.Unreachable > 0 || !e.air.Reaches(from, to):
		return LostUnreachable
	case lost&radio.Collided > 0:
		return LostInCollision
	case lost&radio.Busy > 0:
		return LostByBusyAir
	case lost&radio.Overflow > 0:
		return LostInQueue
	case lost&radio.Expired > 0:
		return LostInBuffer
	case lost&radio.NoAck > 0:
		return LostUnreachable
	}
	return LostByHopLimit
}

// Station is a node on a Radio.
type Station struct {
	// Segment is the name of its Segment, and Number which station of the
	// Topology it is.
	Segment  string
	Number   int
	Topology *radio.Topology
	// Place is where it is now.
	Place radio.Place
	// Energy is what its radio has spent its time on, and Counts what has happened
	// at it.
	Energy radio.Energy
	Counts radio.Counts
}

// Station returns what there is to say of the radio of a node now; ok is false if
// it has none.
func (w *World) Station(node string) (s Station, ok bool) {
	defer w.hold()()
	x, n := w.stationOf(node)
	if x == nil {
		return s, false
	}
	s = Station{Segment: x.rule.Name, Number: n, Topology: x.Topology, Energy: x.air.Energy(n), Counts: x.air.Counts(n)}
	s.Place, _ = x.air.Position(n)
	return s, true
}

// Energy returns what the radio of a node has spent its time on; ok is false if
// it has none.
func (w *World) Energy(node string) (e radio.Energy, ok bool) {
	defer w.hold()()
	x, station := w.stationOf(node)
	if x == nil {
		return e, false
	}
	return x.air.Energy(station), true
}

// Position returns where a node is, as far as its radio knows; ok is false if it
// has none.
func (w *World) Position(node string) (p radio.Place, ok bool) {
	defer w.hold()()
	x, station := w.stationOf(node)
	if x == nil {
		return p, false
	}
	return x.air.Position(station)
}

// stationOf returns which station of which Radio a node is; nil if it is none.
func (w *World) stationOf(node string) (*ether, int) {
	id, ok := w.idOf(node)
	if !ok {
		return nil, 0
	}
	x := w.classes[w.classOf(id)-1].ether()
	if x == nil {
		return nil, 0
	}
	station := x.station(w, id)
	if station < 0 {
		return nil, 0
	}
	return x, station
}

// addRadio adds what the radios have counted.
func (w *World) addRadio(s *NetStats) {
	for _, x := range w.segments {
		if x.ether == nil {
			continue
		}
		r, e := x.ether.air.Stats(), x.ether.air.TotalEnergy()
		s.Frames += r.Frames
		s.Collisions += r.Collisions
		s.Acks += r.Acks
		s.Retries += r.Retries
		s.GivenUp += r.GivenUp
		s.Energy.Sending += e.Sending
		s.Energy.Receiving += e.Receiving
		s.Energy.Idle += e.Idle
		s.Energy.Asleep += e.Asleep
	}
}

// WatchFrames calls f with every frame on a Radio when it begins, of datagrams
// that are sent from now on, until the function that it returns is called.
// Package pcap writes them to a file. What it is given is valid during the call.
func (w *World) WatchFrames(f func(AirFrame)) (stop func()) {
	defer w.hold()()
	x := &sniffer{f}
	w.sniffers = append(w.sniffers, x)
	return func() {
		defer w.hold()()
		w.sniffers = slices.DeleteFunc(slices.Clone(w.sniffers), func(o *sniffer) bool { return o == x })
	}
}

// AirFrame is a frame on a Radio when it begins.
type AirFrame struct{ *radio.Frame }

// Time returns when that is as calendar time: every World begins with the year
// 2000.
func (f AirFrame) Time() time.Time { return clock{}.Wall(f.At) }

type sniffer struct{ f func(AirFrame) }

// put keeps a copy of a packet until the radio has brought it to a host.
func (c *carriage) put(p *packet, id hostID, delay time.Duration) {
	p.under++
	c.cast = append(c.cast, aired{c.hears, id, p, delay})
}

// tune finds the stations of the sender and a receiver, and reports whether they
// are on one Radio, or on none.
func (c *carriage) tune(receiver *ether, id hostID) bool {
	if receiver != c.ether {
		return false
	}
	if receiver == nil {
		return true
	}
	c.hears = receiver.station(c.w, id)
	return c.station >= 0 && c.hears >= 0
}
