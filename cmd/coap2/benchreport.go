package main

import (
	"fmt"
	"math"
	"time"

	"github.com/coap2/coap2/cmd/coap2/internal/histogram"
	"github.com/coap2/coap2/cmd/coap2/internal/load"
	"github.com/coap2/coap2/cmd/internal/cli"
	"github.com/coap2/coap2/codec"
)

// benchReport is what bench --json prints.
type benchReport struct {
	URI         string `json:"uri"`
	Method      string `json:"method"`
	Confirmable bool   `json:"confirmable"`
	Outstanding int    `json:"outstanding"`
	Endpoints   int    `json:"endpoints"`
	Sockets     int    `json:"sockets"`
	// Seconds is how long was measured; Requests were made, Responses were
	// right. Rate counts the right responses that came within that time.
	Seconds   float64        `json:"seconds"`
	Requests  uint64         `json:"requests"`
	Responses uint64         `json:"responses"`
	Rate      float64        `json:"responses_per_s"`
	Latency   *latencyReport `json:"latency_us"` // null without any response
	// What is no error.
	Retransmissions uint64 `json:"retransmissions"`
	Late            uint64 `json:"late_responses"`
	Stray           uint64 `json:"stray_datagrams"`
	Dropped         uint64 `json:"dropped_datagrams"`
	Renewed         uint64 `json:"renewed_endpoints"`

	Errors      errorReport `json:"errors"`
	Interrupted bool        `json:"interrupted"`
	// Client is how many processors the load itself has used; Server is there
	// with --pid.
	Client *float64      `json:"client_cpus,omitempty"`
	Server *serverReport `json:"server,omitempty"`
}

type latencyReport struct {
	Min  float64 `json:"min"`
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p99_9"`
	Max  float64 `json:"max"`
}

type errorReport struct {
	Total uint64            `json:"total"`
	Kinds map[string]uint64 `json:"kinds"` // those that occurred
	First string            `json:"first,omitempty"`
}

type serverReport struct {
	PID           int     `json:"pid"`
	CPUs          float64 `json:"cpus"`
	PerResponse   float64 `json:"cpu_us_per_response"`
	ResidentBytes uint64  `json:"resident_bytes"`
}

func newBenchReport(u codec.URI, f *benchFlags, r *load.Result, m *meter) *benchReport {
	b := &benchReport{
		URI: u.String(), Method: f.method.code.Name(), Confirmable: !f.non,
		Outstanding: f.outstanding, Endpoints: r.Endpoints, Sockets: r.Sockets,
		Seconds: cli.Rounded(r.Elapsed.Seconds(), 6), Requests: r.Requests, Responses: r.Responses, Rate: cli.Rounded(r.Rate(), 1),
		Latency:         newLatencyReport(&r.Latency),
		Retransmissions: r.Retransmissions, Late: r.Late, Stray: r.Stray, Dropped: r.Dropped, Renewed: r.Renewed,
		Errors:      errorReport{Total: r.Failed(), Kinds: map[string]uint64{}, First: cli.PlainText(r.FirstError)},
		Interrupted: r.Interrupted,
	}
	for k, n := range r.Errors {
		if n > 0 {
			b.Errors.Kinds[load.Kind(k).String()] = n
		}
	}
	if m.ownOK && r.Elapsed > 0 {
		cpus := cli.Rounded(m.own.Seconds()/r.Elapsed.Seconds(), 3)
		b.Client = &cpus
	}
	if m.serves && r.Elapsed > 0 {
		b.Server = &serverReport{PID: m.pid, CPUs: cli.Rounded(m.server.Seconds()/r.Elapsed.Seconds(), 3), ResidentBytes: m.resident()}
		if r.Answered > 0 {
			b.Server.PerResponse = cli.Rounded(m.server.Seconds()*1e6/float64(r.Answered), 3)
		}
	}
	return b
}

func newLatencyReport(h *histogram.Histogram) *latencyReport {
	if h.Count() == 0 {
		return nil
	}
	q := func(q float64) float64 { return microseconds(h.Quantile(q)) }
	return &latencyReport{
		Min: microseconds(h.Min()), Mean: microseconds(h.Mean()), P50: q(.5), P90: q(.9), P99: q(.99), P999: q(.999), Max: microseconds(h.Max()),
	}
}

func microseconds(d time.Duration) float64 { return float64(d.Round(10*time.Nanosecond)) / 1e3 }

// appendText appends the report as people read it.
func (r *benchReport) appendText(b []byte) []byte {
	kind := ""
	if !r.Confirmable {
		kind = "NON "
	}
	b = fmt.Appendf(b, "%s%s %s: %s outstanding, from %s, for %s s", kind, r.Method, r.URI, cli.Thousands(uint64(r.Outstanding)),
		cli.Plural(uint64(r.Endpoints), "endpoint"), cli.Short(r.Seconds))
	if r.Interrupted {
		b = append(b, " (interrupted)"...)
	}
	b = fmt.Appendf(b, "\n  rate       %s responses/s; %s, %s\n", cli.Thousands(uint64(math.Round(r.Rate))), cli.Plural(r.Requests, "request"), cli.Plural(r.Responses, "right response"))
	if l := r.Latency; l != nil {
		b = fmt.Appendf(b, "  latency    p50 %s, p90 %s, p99 %s, p99.9 %s, max %s ms; min %s, mean %s ms\n",
			ms(l.P50), ms(l.P90), ms(l.P99), ms(l.P999), ms(l.Max), ms(l.Min), ms(l.Mean))
	}
	b = fmt.Appendf(b, "  losses     %s", cli.Plural(r.Retransmissions, "retransmission"))
	for _, v := range []struct {
		n    uint64
		text string
	}{
		{r.Late, "answered late or twice"}, {r.Dropped, "dropped here for want of room"}, {r.Stray, "from strangers"},
	} {
		if v.n > 0 {
			b = fmt.Appendf(b, ", %s %s", cli.Thousands(v.n), v.text)
		}
	}
	b = append(b, "\n  errors     "...)
	b = append(r.Errors.appendText(b), '\n')
	if r.Renewed > 0 {
		b = fmt.Appendf(b, "  endpoints  %s had used all message IDs and %s replaced\n", cli.Thousands(r.Renewed), map[bool]string{true: "was", false: "were"}[r.Renewed == 1])
	}
	if s := r.Server; s != nil {
		b = fmt.Appendf(b, "  server     %.2f µs of CPU per response, %.2f CPUs, %.1f MiB resident\n", s.PerResponse, s.CPUs, mib(s.ResidentBytes))
	}
	if r.Client != nil {
		b = fmt.Appendf(b, "  this load  %.2f CPUs\n", *r.Client)
	}
	return b
}

func (e *errorReport) appendText(b []byte) []byte {
	if e.Total == 0 {
		return append(b, "none"...)
	}
	b = append(b, cli.Thousands(e.Total)...)
	sep := ": "
	for k := range load.Kinds {
		if n := e.Kinds[k.String()]; n > 0 {
			b = fmt.Appendf(b, "%s%s %s", sep, cli.Thousands(n), k)
			sep = ", "
		}
	}
	if e.First != "" {
		b = fmt.Appendf(b, "; the first: %s", cli.Printable(e.First))
	}
	return b
}

func mib(bytes uint64) float64 { return float64(bytes) / (1 << 20) }

// ms writes microseconds as milliseconds.
func ms(us float64) string { return fmt.Sprintf("%.3f", us/1e3) }
