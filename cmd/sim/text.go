package main

import (
	"fmt"
	"strings"

	"github.com/coap2/coap2/cmd/internal/cli"
	"github.com/coap2/coap2/sim/scenario"
)

// appendReport appends a report as people read it.
func appendReport(b []byte, r *scenario.Report, again string, twice bool) []byte {
	verdict := "passed"
	if !r.Passed {
		verdict = "FAILED"
	}
	b = fmt.Appendf(b, "%s, seed %d: %s\n", cli.Printable(r.Scenario), r.Seed, verdict)
	b = fmt.Appendf(b, "  time      %s of virtual time in %s", seconds(r.VirtualMS), seconds(r.WallMS))
	if r.WallMS > 0 && !twice {
		b = fmt.Appendf(b, "; %s deliveries/s", cli.Thousands(uint64(float64(r.Deliveries)/r.WallMS*1e3)))
	}
	b = fmt.Appendf(b, "\n  network   %s; %s delivered (%s), %s lost", cli.Plural(uint64(r.Nodes), "node"),
		cli.Plural(r.Deliveries, "datagram"), cli.Plural(r.Bytes, "byte"), cli.Thousands(r.Lost))
	if r.Duplicated > 0 {
		b = fmt.Appendf(b, ", %s duplicated", cli.Thousands(r.Duplicated))
	}
	b = append(b, '\n')
	if e := r.Energy; e != nil {
		b = fmt.Appendf(b, "  energy    %.1f mJ sent, %.1f mJ received, %.1f mJ idle; at most %.1f mJ besides idle, %s\n",
			e.SendMJ, e.ReceiveMJ, e.IdleMJ, e.MostMJ, cli.Printable(e.MostBy))
		b = fmt.Appendf(b, "  radio     awake %.2f%% of the time; %s sent again, %s given up\n", 100*e.Awake, cli.Plural(e.Retries, "frame"), cli.Thousands(e.GivenUp))
	}
	b = appendActions(b, r.Actions)
	b = appendFeeds(b, r.Actions)
	if len(r.Rivals) > 0 {
		var t comparison
		t.add(r)
		b = t.append(b, "  ", false)
	}
	if len(r.Expectations) > 0 {
		b = append(b, "  expected\n"...)
	}
	for _, x := range r.Expectations {
		mark := "ok  "
		if !x.OK {
			mark = "FAIL"
		}
		b = fmt.Appendf(b, "    %s  %s   (%s)\n", mark, cli.Printable(x.Expression), sidesOf(&x))
	}
	for _, v := range r.Violations {
		first, _, _ := strings.Cut(v, "\n")
		b = fmt.Appendf(b, "  VIOLATED  %s\n", cli.Printable(cli.PlainText(first)))
	}
	b = fmt.Appendf(b, "  trace     %s", r.TraceHash)
	if twice {
		b = append(b, ", of two runs"...)
	}
	return fmt.Appendf(b, "\n  again     %s\n", again)
}

// columns are the results that the table shows of actions; those of discover
// come from other results.
var columns = []struct{ title, result, discover string }{
	{"requests", "requests", "requests"},
	{"answers", "answers", "responders"},
	{"of", "", "expected"},
	{"errors", "errors", "errors"},
	{"p50", "p50_ms", "t50_ms"},
	{"p90", "p90_ms", "t90_ms"},
	{"p99", "p99_ms", "t99_ms"},
	{"max", "max_ms", "t100_ms"},
}

// appendActions appends the table of what the nodes did.
func appendActions(b []byte, actions []scenario.ActionReport) []byte {
	if len(actions) == 0 {
		return b
	}
	rows := [][]string{{""}}
	for _, c := range columns {
		rows[0] = append(rows[0], c.title)
	}
	discovers := false
	for i := range actions {
		a := &actions[i]
		row := []string{cli.Printable(a.Name)}
		for _, c := range columns {
			name := c.result
			if a.Verb == "discover" {
				name, discovers = c.discover, true
			}
			row = append(row, cell(a, name))
		}
		rows = append(rows, row)
	}
	if !discovers { // nobody was expected to answer
		for i := range rows {
			rows[i] = append(rows[i][:3:3], rows[i][4:]...)
		}
	}
	return appendTable(b, "actions", rows)
}

func cell(a *scenario.ActionReport, name string) string {
	if name == "" {
		return ""
	}
	v, ok := a.Value(name)
	switch {
	case !ok:
		return "–"
	case strings.HasSuffix(name, "_ms"):
		return seconds(v)
	}
	return cli.Thousands(uint64(v))
}

// seconds writes milliseconds as people read them.
func seconds(ms float64) string {
	switch {
	case ms >= 100_000:
		return fmt.Sprintf("%.0f s", ms/1e3)
	case ms >= 1000:
		return fmt.Sprintf("%.2f s", ms/1e3)
	case ms >= 10:
		return fmt.Sprintf("%.0f ms", ms)
	}
	return fmt.Sprintf("%.2f ms", ms)
}

// sidesOf says what the results in an expectation came to.
func sidesOf(x *scenario.Outcome) string {
	side := func(v *float64) string {
		if v == nil {
			return "no value"
		}
		return fmt.Sprint(cli.Rounded(*v, 3))
	}
	return side(x.Left) + " against " + side(x.Right)
}
