package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/coap2/coap2/cmd/internal/cli"
	"github.com/coap2/coap2/rules"
)

// text is the report as a person reads it.
func (p *ruleReport) text(r *rules.Rule, given int) string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-10s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("canonical", "%s", p.Canonical)
	line("compact", "%s (%d bytes; the text has %d)", p.Compact, len(p.Compact)/2, given)
	line("cost", "%d of %d; %d of %d nodes, %d of %d levels", p.Cost, rules.MaxCost, p.Nodes, rules.MaxNodes, p.Depth, rules.MaxDepth)
	if p.Shared {
		line("result", "the same for all subscribers")
	} else {
		line("result", "of each subscriber's own: it depends on what was selected")
	}
	name := "fields"
	for _, f := range p.Fields {
		line(name, "%s: %s", f.Field, typeText(f.Type))
		name = ""
	}
	name = "controls"
	for _, text := range controlTexts(r.Controls()) {
		line(name, "%s", text)
		name = ""
	}
	for _, s := range p.Samples {
		b.WriteByte('\n')
		if s.Sample != "" {
			fmt.Fprintf(&b, "%s  %s\n", s.At, cli.Printable(s.Sample))
		} else {
			fmt.Fprintf(&b, "%s\n", s.At)
		}
		fmt.Fprintf(&b, "  %s: %s\n", s.Verdict, cli.Printable(s.Why))
		for _, step := range s.Steps {
			text := strings.TrimRight(fmt.Sprintf("    %-8s %s%s", step.Truth, strings.Repeat("  ", step.Level), step.Condition), " ")
			if len(step.Values) > 0 {
				text += "  (" + strings.Join(step.Values, ", ") + ")"
			}
			b.WriteString(text + "\n")
		}
	}
	return b.String()
}

func typeText(t string) string {
	switch t {
	case "condition":
		return "true or false"
	case "any":
		return "any type"
	}
	return t
}

func controlTexts(c rules.Controls) []string {
	var out []string
	for _, p := range []struct {
		name string
		d    time.Duration
		text string
	}{
		{"pmin", c.PMin, "selections are at least so far apart"}, {"pmax", c.PMax, "selections are at most so far apart"},
		{"epmin", c.EPMin, "evaluations are at least so far apart"}, {"epmax", c.EPMax, "evaluations are at most so far apart"},
	} {
		if p.d > 0 {
			out = append(out, fmt.Sprintf("%s %v: %s", p.name, p.d, p.text))
		}
	}
	if c.Con {
		out = append(out, "con: notifications are confirmable")
	}
	return out
}

const ruleReference = `A rule says which samples of a resource a subscriber wants:

  value > 20 and (hum < 30 or delta >= 0.5); pmin=1s, pmax=60s

What it looks at
  value             the payload, or its member "value"
  temp  room.temp   a member of the payload (JSON, CBOR, SenML), and one deeper
  $"/list/0"        the same as a JSON Pointer; $"urn:dev:1:temp" a SenML record
  prev.temp         the field in the sample before
  last.temp         the field in the sample that was selected last
  delta             how far value is from last.value
  age               the time since the last selection

Constants: 20  0.5  1e-3  "text"  true  false  10s (ms, s, m, h, d)

Operators, weakest first
  or                also ||
  and               also &&
  not               !x is of what follows at once
  == != < <= > >=   without a left side they compare value: > 20 and < 30
  in                x in [1, 2, 3]   x in 1..5 (both ends included)
  + -
  * /
  -x

Calls
  abs(x)            the number without its sign
  has(f)            the payload has the field; never unknown
  prefix(s, "ab")   the string begins so
  changed(x)        x is not what it was in the sample before
  rising(c)         the condition holds, and did not in the sample before
  falling(c)        the opposite
  crosses(x, t)     x has passed the threshold t, in either direction
  hyst(x, on, off)  a switch: on from x >= on until x <= off

Unknown: a condition on a field that is missing or of another type, or on prev
or last before there is one, is neither true nor false; nor is its negation.
Only a rule that is true selects.

Controls, behind a semicolon
  pmin=10s          selections are at least so far apart; the latest one waits
  pmax=1h           at most so far apart: then the current sample is sent anyway
  epmin=1s          evaluations are at least so far apart
  epmax=60s         at most so far apart: then the current sample once more
  con               notifications are to be confirmable

Examples
  > 20                              every sample above 20
  rising(> 20)                      once, when 20 is passed upward
  rising(hyst(value, 30, 25))       once at 30; again only after 25
  delta >= 0.5 or age >= 10m        a change by 0.5; the first after 10 min
  true; pmin=1s                     at most one sample a second
  dev in ["a", "b"] and temp > 20   of two devices
  temp > 1.1 * prev.temp            a jump by a tenth

Bounds: 512 bytes, 64 nodes, 16 levels, a cost of 256.
"coap2 rule check RULE --sample JSON" explains a rule.
`
