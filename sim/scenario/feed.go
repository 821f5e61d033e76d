package scenario

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/rules"
	"github.com/coap2/coap2/sim/signal"
)

// signalOf reads what a resource samples.
func (o *object) signalOf(r *resource) {
	read(o, "signal", &r.signal, func(text string) (*signal.Signal, error) {
		s, err := signal.Parse(text)
		if err != nil {
			return nil, trimmed(err)
		}
		if s.File != "" {
			if s.Points, err = o.points(s.File); err == nil {
				err = s.Validate()
			}
		}
		return &s, trimmed(err)
	})
	r.decimals = 1
	o.count("decimals", &r.decimals, 0, 15)
	res := &r.options
	o.bool("confirmable", &res.Confirmable)
	o.count("queued", &res.Queue, 1, 65536)
	o.time("lease", &res.Lease)
	switch {
	case r.signal != nil && (o.find("text") != nil || o.find("size") != nil || r.state > 0):
		o.fail("signal", "text, size and state say what it answers; use one of them")
	case r.signal == nil && o.find("decimals") != nil:
		o.fail("decimals", "it is for a signal, which the resource does not have")
	case r.signal == nil && !res.Observable && (res.Confirmable || res.Queue > 0 || res.Lease > 0):
		o.fail("signal", "confirmable, queued and lease are for those who observe a resource, and this one has no signal and is not observable")
	}
	res.Observable = res.Observable || r.signal != nil
	if o.find("lease") != nil && res.Lease < time.Second {
		o.fail("lease", "want a time of at least 1s, not %v", res.Lease)
	}
}

// trimmed is an error without the package that it comes from.
func trimmed(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(strings.TrimPrefix(strings.TrimPrefix(err.Error(), "signal: "), "rules: "))
}

// points reads a table, beside the scenario's file.
func (o *object) points(name string) ([]signal.Point, error) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(o.v.get("signal").file), name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, reason(err))
	}
	defer f.Close()
	points, err := signal.ReadCSV(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, trimmed(err))
	}
	return points, nil
}

// feed is what a resource with a signal has published so far, by its number. What
// it had before it published is number 0. It outlives the node.
type feed struct {
	source  *signal.Source
	place   *resource
	samples []sample
	route   *actors.Route // in the node's present life
	judges  []*judge
	brokers []*brokered // those that are told as well
}

type sample struct {
	at    netio.Instant
	value float64 // as it is printed
	text  string
}

// feed returns the feed of a resource with a signal; nil if there is none.
func (r *run) feed(key stateKey) *feed {
	if f := r.feeds[key]; f != nil {
		return f
	}
	p, k := r.placeOf(key.node)
	res := p.resource(key.path, k)
	if res == nil || res.signal == nil {
		return nil
	}
	f := &feed{source: res.signal.Start(r.w.Rand(p.pattern.name(k), "signal"+key.path)), place: res}
	r.feeds[key] = f
	f.next(r)
	return f
}

// next takes the next sample.
func (f *feed) next(r *run) *sample {
	v := strconv.FormatFloat(f.source.At(r.w.Elapsed()), 'f', f.place.decimals, 64)
	s := sample{at: r.w.Now(), text: fmt.Sprintf(`{"value":%s,"n":%d}`, v, len(f.samples))}
	s.value, _ = strconv.ParseFloat(v, 64) // it has just been printed
	f.samples = append(f.samples, s)
	return &f.samples[len(f.samples)-1]
}

func (s *sample) response() (*actors.Response, error) {
	return actors.Bytes(codec.JSON, []byte(s.text))
}

// serve answers with the last sample.
func (f *feed) serve() (*actors.Response, error) { return f.samples[len(f.samples)-1].response() }

// numberOf returns which sample a payload is.
func (f *feed) numberOf(payload []byte) (n int, ok bool) {
	at := len(payload) - 1
	for at > 0 && payload[at-1] >= '0' && payload[at-1] <= '9' {
		at--
	}
	if at < 0 {
		return 0, false
	}
	n, err := strconv.Atoi(string(payload[at:max(len(payload)-1, at)]))
	return n, err == nil && n < len(f.samples) && f.samples[n].text == string(payload)
}

// publish lets each node of from publish its next sample. Where they do so again
// and again, each has its own moment.
func (r *run) publish(a *action, t *tally, n int) {
	from := r.chosen(a.from, "from/"+a.name, n)
	from.each(func(i int) {
		if a.every == 0 {
			r.publishOne(a, t, i)
			return
		}
		random := r.w.Rand(r.s.nodes.name(i), "publish/"+a.name)
		r.w.AfterFunc(time.Duration(random.Int64N(int64(a.every))), func() { r.publishOne(a, t, i) })
	})
}

func (r *run) publishOne(a *action, t *tally, i int) {
	f := r.feed(stateKey{i, a.path})
	if f == nil || r.down[i] {
		return
	}
	if _, err := r.node(i); err != nil { // it makes the route
		r.broken = append(r.broken, err.Error())
		return
	}
	s := f.next(r)
	t.asked(r.w.Now())
	t.answered(r.w.Now(), r.w.Now())
	r.event(a.name, "publishes", i, -1, s.text)
	res, err := s.response()
	if err == nil && f.route != nil {
		err = f.route.Publish(res)
	}
	if err != nil {
		r.broken = append(r.broken, err.Error())
	}
	for _, b := range f.brokers {
		b.publish(i, s)
	}
}

// judge says which samples of a feed a rule selects.
type judge struct {
	rule      string
	program   *rules.Program
	cur, prev *rules.Sample
	chosen    []bool
}

// judge returns the judge of a rule; there is one for all who have the same.
func (f *feed) judge(rule *rules.Rule) *judge {
	for _, j := range f.judges {
		if j.rule == rule.Expression() {
			return j
		}
	}
	schema := &rules.Schema{}
	j := &judge{rule: rule.Expression()}
	var err error
	if j.program, err = rules.Compile(rule, schema); err != nil {
		panic(err) // one rule never has too many fields
	}
	j.cur, j.prev = rules.NewSample(schema), rules.NewSample(schema)
	f.judges = append(f.judges, j)
	return j
}

// selects reports whether the rule selects a sample.
func (j *judge) selects(f *feed, n int) bool {
	for k := len(j.chosen); k <= n; k++ {
		j.fill(j.cur, f, k)
		prev := j.prev
		if k == 0 {
			prev = nil
		} else {
			j.fill(prev, f, k-1)
		}
		j.chosen = append(j.chosen, j.program.Eval(j.cur, prev) == rules.True)
	}
	return j.chosen[n]
}

func (j *judge) fill(s *rules.Sample, f *feed, n int) {
	for slot := range s.Len() {
		s.SetNumber(slot, f.samples[n].value)
	}
}
