package scenario

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/coap2/coap2/sim"
	"github.com/coap2/coap2/sim/radio"
)

// ether is the radio of a segment: who hears whom, and how it is used.
type ether struct {
	radio.Config        // without Topology
	topology     string // full, star, grid, disk; "" = edges, or places
	columns      int
	wander       radio.Wander // of a disk; Fastest 0 = nobody moves
	edges        []byte
	places       []byte
}

// radioOf reads the radio of a segment.
func (d *decoder) radioOf(o *object) *ether {
	x := &ether{topology: "full", wander: radio.Wander{Side: 100_000, Motion: radio.Motion{Reach: 30_000}}}
	read(o, "topology", &x.topology, func(s string) (string, error) {
		switch s {
		case "full", "star", "grid", "disk":
			return s, nil
		}
		return "", fmt.Errorf("want full, star, grid or disk, not %s", quote(s))
	})
	read(o, "file", &x.edges, func(name string) ([]byte, error) { return textOf(o.v.get("file").file, name, checkEdges) })
	read(o, "places", &x.places, func(name string) ([]byte, error) { return textOf(o.v.get("places").file, name, checkPlaces) })
	for _, k := range [...]string{"file", "places"} {
		if o.find(k) == nil {
			continue
		}
		if o.find("topology") != nil {
			o.fail(k, "topology and %s both say who hears whom; use one of them", k)
		} else if x.topology == "" {
			o.fail(k, "file and places both say who hears whom; use one of them")
		}
		x.topology = ""
	}
	o.count("columns", &x.columns, 1, radio.MaxStations)
	read(o, "side", &x.wander.Side, parseLength)
	read(o, "reach", &x.wander.Reach, parseLength)
	d.wander(o, x)
	for _, k := range [...]struct {
		key, of string
		places  bool
	}{{"columns", "grid", false}, {"side", "disk", false}, {"reach", "disk", true}, {"speed", "disk", false}, {"pause", "disk", false}, {"step", "disk", true}} {
		switch {
		case o.find(k.key) == nil || x.topology == k.of || k.places && x.places != nil:
		case k.places:
			o.fail(k.key, "it is for topology: %s, and for places", k.of)
		default:
			o.fail(k.key, "it is for topology: %s", k.of)
		}
	}
	read(o, "csma", &x.Access, func(s string) (radio.Access, error) {
		switch s {
		case "unslotted":
			return radio.Unslotted, nil
		case "none":
			return radio.NoAccess, nil
		}
		return 0, fmt.Errorf("want unslotted or none, not %s", quote(s))
	})
	for _, k := range [...]struct {
		key  string
		into *int
		most int
	}{{"min_be", &x.MinBE, 8}, {"max_be", &x.MaxBE, 8}, {"backoffs", &x.MaxBackoffs, 5}} {
		if o.count(k.key, k.into, 0, k.most) && *k.into == 0 {
			*k.into = -1 // there 0 is the default
		}
		if o.find(k.key) != nil && x.Access == radio.NoAccess {
			o.fail(k.key, "it is for csma: unslotted")
		}
	}
	acks := true
	if o.bool("acks", &acks); !acks {
		x.NoAcks = true
	}
	if o.count("retries", &x.Retries, 0, 7) && x.Retries == 0 {
		x.Retries = -1 // there 0 is the default
	}
	if o.find("retries") != nil && !acks {
		o.fail("retries", "it is for acks: true")
	}
	d.duty(o, x)
	x.Forward = x.topology != "full"
	o.bool("forward", &x.Forward)
	if o.time("jitter", &x.Jitter) && x.Jitter == 0 {
		x.Jitter = 1 // there 0 is the default
	}
	if x.Jitter > time.Hour {
		o.fail("jitter", "want at most 1h, not %v", x.Jitter)
	}
	o.count("frames", &x.Queue, 1, 1<<20)
	least, most := 3, 5
	if x.MinBE != 0 {
		least = max(x.MinBE, 0)
	}
	if x.MaxBE != 0 {
		most = max(x.MaxBE, 0)
	}
	if least > most {
		o.fail("min_be", "%d is greater than max_be, %d", least, most)
	}
	return x
}

// wander reads how the stations move.
func (d *decoder) wander(o *object, x *ether) {
	var pause span
	speed := [2]int{}
	read(o, "speed", &speed, parseSpeed)
	o.span("pause", &pause)
	if o.find("pause") != nil && o.find("speed") == nil {
		o.fail("pause", "it is for stations that move; speed says how fast")
	}
	if o.time("step", &x.wander.Step) && (x.wander.Step < time.Millisecond || x.wander.Step > time.Hour) {
		o.fail("step", "want a time from 1ms to 1h, not %v", x.wander.Step)
		x.wander.Step = 0
	}
	if o.find("step") != nil && o.find("speed") == nil && x.places == nil {
		o.fail("step", "it is for stations that move; speed says how fast, or places where to")
	}
	x.wander.Slowest, x.wander.Fastest = speed[0], speed[1]
	x.wander.Shortest, x.wander.Longest = pause.from, pause.to
}

// duty reads when the stations sleep.
func (d *decoder) duty(o *object, x *ether) {
	o.time("wake", &x.Duty.Wake)
	o.time("listen", &x.Duty.Listen)
	wake, listen := o.find("wake"), o.find("listen")
	switch {
	case listen != nil && wake == nil:
		o.fail("listen", "it is for stations that sleep; wake says how often they wake")
	case wake != nil && (x.Duty.Wake < 10*time.Millisecond || x.Duty.Wake > time.Hour):
		o.fail("wake", "want a time from 10ms to 1h, not %v", x.Duty.Wake)
	case listen != nil && (x.Duty.Listen <= radio.AckWait || x.Duty.Listen > x.Duty.Wake/2):
		o.fail("listen", "want more than %v, what there is between two frames, and at most half of wake, %v; not %v", radio.AckWait, x.Duty.Wake/2, x.Duty.Listen)
	}
}

// parseSpeed reads 1.5m/s, or two, 1m/s..2m/s, as millimetres a second.
func parseSpeed(s string) (speed [2]int, err error) {
	a, b, two := strings.Cut(s, "..")
	if !two {
		b = a
	}
	for i, text := range [...]string{a, b} {
		length, ok := strings.CutSuffix(strings.TrimSpace(text), "m/s")
		if speed[i], err = parseLength(length + "m"); err != nil || !ok || speed[i] > 1_000_000 || speed[i] < speed[0] {
			return speed, fmt.Errorf("want a speed from 0.001m/s to 1000m/s, such as 1.5m/s, or two, 1m/s..2m/s, not %s", quote(s))
		}
	}
	return speed, nil
}

// maxEdges is how long a file of a topology is at most.
const maxEdges = 16 << 20

func checkEdges(text []byte) error {
	_, err := radio.Parse(bytes.NewReader(text), radio.MaxStations)
	return err
}

// checkPlaces does not know how many stations there are.
func checkPlaces(text []byte) error {
	_, err := radio.ParseWaypoints(bytes.NewReader(text), radio.MaxStations, radio.Motion{Reach: 1})
	if errors.Is(err, radio.ErrNoPlace) {
		return nil
	}
	return err
}

// textOf reads a file beside another that says who hears whom, or where stations
// are.
func textOf(beside, name string, check func([]byte) error) ([]byte, error) {
	if name == "" || strings.ContainsRune(name, 0) {
		return nil, fmt.Errorf("want the name of a file, not %s", quote(name))
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(beside), name)
	}
	info, err := os.Stat(name)
	if err == nil && (!info.Mode().IsRegular() || info.Size() > maxEdges) {
		err = fmt.Errorf("want a file of at most %d bytes", maxEdges)
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(name)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, reason(err))
	}
	if err = check(text); err != nil {
		return nil, fmt.Errorf("%s: %s", name, strings.TrimPrefix(err.Error(), "radio: "))
	}
	return append([]byte{}, text...), nil
}

// parseLength reads 30m, 2.5m or 1km as millimetres.
func parseLength(s string) (int, error) {
	digits, unit := s, 0.0
	if d, ok := strings.CutSuffix(s, "km"); ok {
		digits, unit = d, 1_000_000
	} else if d, ok := strings.CutSuffix(s, "m"); ok {
		digits, unit = d, 1000
	}
	f, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	if f *= unit; err != nil || !(f >= 1 && f <= 1_000_000_000) {
		return 0, fmt.Errorf("want a length from 0.001m to 1000km, such as 30m, not %s", quote(s))
	}
	return int(math.Round(f)), nil
}

// tune makes the radio of a segment in the World.
func (r *run) tune(x *ether, name string, who members) (*sim.Radio, error) {
	stations := make([]int32, r.s.nodes.total)
	n := int32(0)
	for i := range stations {
		stations[i] = -1
		if who.has(i) {
			stations[i] = n
			n++
		}
	}
	rad := &sim.Radio{Config: x.Config, Station: func(node string) int {
		node, _, _ = strings.Cut(node, askerMark)
		if i := r.s.nodes.index(node); i >= 0 {
			return int(stations[i])
		}
		return -1
	}}
	var err error
	rad.Topology, err = r.topology(x, name, int(n))
	return rad, err
}

// draws is how often the places of a disk are drawn until all are connected.
const draws = 100

func (r *run) topology(x *ether, name string, n int) (t *radio.Topology, err error) {
	switch x.topology {
	case "full":
		return radio.Full(n)
	case "star":
		return radio.Star(n)
	case "":
		if x.places != nil {
			return radio.ParseWaypoints(bytes.NewReader(x.places), n, x.wander.Motion)
		}
		return radio.Parse(bytes.NewReader(x.edges), n)
	case "grid":
		columns := x.columns
		for columns == 0 || x.columns == 0 && columns*columns < n {
			columns++
		}
		return radio.Grid(n, columns)
	}
	places := r.rand("radio/" + name)
	for range draws {
		if x.wander.Fastest > 0 {
			t, err = radio.NewWander(n, x.wander, places)
		} else {
			t, err = radio.Disk(n, x.wander.Side, x.wander.Reach, places)
		}
		if err != nil {
			return nil, err
		}
		if err = t.Connected(); err == nil {
			return t, nil
		}
	}
	return nil, fmt.Errorf("%w, in %d draws; a longer reach or a smaller side helps", err, draws)
}

// spent is the energy of all radios, in millijoules.
type spent struct{ send, receive, idle float64 }

func spentOn(e radio.Energy) spent {
	return spent{float64(e.SendNJ()) / 1e6, float64(e.ReceiveNJ()) / 1e6, float64(e.IdleNJ()) / 1e6}
}

// plus adds y without less.
func (x *spent) plus(y, less spent) {
	x.send += y.send - less.send
	x.receive += y.receive - less.receive
	x.idle += y.idle - less.idle
}

// EnergyReport is what the radios have spent, in millijoules.
type EnergyReport struct {
	SendMJ    float64 `json:"send_mj"`
	ReceiveMJ float64 `json:"receive_mj"`
	// IdleMJ is what listening has cost while nothing was on the air.
	IdleMJ float64 `json:"idle_mj"`
	// SleepMJ is what sleeping has cost, and Awake how much of the time the radios
	// were awake, 0 to 1.
	SleepMJ float64 `json:"sleep_mj"`
	Awake   float64 `json:"awake"`
	// Retries is how often a frame was sent again for want of an acknowledgement,
	// GivenUp how many frames never got one.
	Retries uint64 `json:"retries"`
	GivenUp uint64 `json:"given_up"`
	// MostMJ is SendMJ + ReceiveMJ of the node that has spent most, MostBy.
	MostMJ float64 `json:"most_mj"`
	MostBy string  `json:"most_by"`
}

// energy sums up what the radios have spent; nil if there are none.
func (r *run) energy() *EnergyReport {
	any := false
	for _, x := range r.s.segments {
		any = any || x.ether != nil
	}
	if !any {
		return nil
	}
	net := r.w.NetStats()
	e := net.Energy
	all := spentOn(e)
	rep := &EnergyReport{
		SendMJ: rounded(all.send), ReceiveMJ: rounded(all.receive), IdleMJ: rounded(all.idle), SleepMJ: rounded(float64(e.SleepNJ()) / 1e6),
		Retries: net.Retries, GivenUp: net.GivenUp,
	}
	if on := e.Sending + e.Receiving + e.Idle; on > 0 {
		rep.Awake = rounded(float64(on) / float64(on+e.Asleep))
	}
	for i := range r.s.nodes.total {
		name := r.s.nodes.name(i)
		if e, ok := r.w.Energy(name); ok {
			if one := spentOn(e); one.send+one.receive > rep.MostMJ {
				rep.MostMJ, rep.MostBy = one.send+one.receive, name
			}
		}
	}
	rep.MostMJ = rounded(rep.MostMJ)
	return rep
}

func rounded(v float64) float64 { return math.Round(v*1e6) / 1e6 }
