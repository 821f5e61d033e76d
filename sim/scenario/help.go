package scenario

import (
	"fmt"
	"strings"
)

// Help returns the reference of the language: every key, what its value looks
// like and what it means, and every result that an expectation can speak of.
func Help() string {
	var b strings.Builder
	for _, s := range sections() {
		fmt.Fprintf(&b, "%s\n", s.title)
		for _, k := range s.keys {
			describe(&b, k.name, k.form, k.doc)
		}
		b.WriteByte('\n')
	}
	for _, t := range []struct {
		title   string
		metrics []metric
	}{
		{"RESULTS of an action, in expect as NAME.RESULT, or as RESULT of all actions together", actionMetrics},
		{"RESULTS of discover besides", discoverMetrics},
		{"RESULTS of observe besides", observeMetrics},
		{"RESULTS of transfer besides", transferMetrics},
		{"RESULTS of subscribe besides", subscribeMetrics},
		{"RESULTS of the whole run", worldMetrics},
	} {
		fmt.Fprintf(&b, "%s\n", t.title)
		for _, m := range t.metrics {
			describe(&b, m.name, "", m.doc)
		}
		b.WriteByte('\n')
	}
	b.WriteString(strings.TrimSpace(valuesHelp) + "\n")
	return b.String()
}

// valuesHelp says what the words in the tables stand for.
const valuesHelp = `
VALUES
  TIME      300ms, 2s, 1m30s
  A..B      of times: any between two, 10ms..50ms; of seeds: 1..1000
  LENGTH    30m, 2.5m, 1km
  SPEED     1.5m/s
  DELAY     a TIME; A..B; normal MEAN DEVIATION, as in normal 20ms 5ms; or
            lognormal MEDIAN SIGMA, as in lognormal 20ms 0.5
  SIGNAL    constant V, or V alone; sine MEAN AMPLITUDE PERIOD, as in sine 20 5 24h; walk START STEP
            [MIN..MAX], by at most STEP from sample to sample; steps TIME V V …, each for TIME and
            again from the first; csv FILE, lines of a time, in seconds or as 1m30s, and a value from
            then on; each of them with noise V after it, which adds up to V, up or down
  RULE      a condition of package rules, and controls: value > 20 and value < 30; con
  SHARE     5%, 0.05, or true for all and false for none
  SIZE      200B, 64KiB, 1MiB
  BANDWIDTH 10KiB/s, or in bits 250kbit/s, 10Mbit/s
  WHO       one or several, with commas between or as a list:
              server              the nodes of a group
              s7                  a node
              s[0-49]             nodes by their numbers
              s*                  nodes by the beginning of their names
              5%, 5% of server    so many of them (rounded up), drawn from the seed
              3 of server         so many, drawn from the seed
              all                 all nodes
  EXPRESSION
            two sides and one of == != < <= > >= between them. A side is a number
            (990), a share (99%), a time (500ms), a RESULT, or a number or share
            times a RESULT: answers >= 99% * requests. Results that end with _ms
            are times. RESULT of STRATEGY, as in find.response_bytes of mdns, is the
            result with a strategy of compare. What has no value, such as a median of no answers, fails.

Inside of { } and [ ] a value with brackets or commas stands in quotes:
{to: "s[0-9]"}.
`

// Widths of the columns of the reference.
const (
	nameWidth = 20
	formWidth = 18
	lineWidth = 100
)

// describe writes a line of the reference, or several.
func describe(b *strings.Builder, name, form, doc string) {
	indent := nameWidth
	head := fmt.Sprintf("  %-*s", nameWidth-2, name)
	if form != "" {
		indent += formWidth
		head += fmt.Sprintf("%-*s", formWidth, form)
	}
	if len([]rune(head)) > indent {
		head += " "
	}
	column := len([]rune(head))
	b.WriteString(head)
	for i, w := range strings.Fields(doc) {
		n := len([]rune(w))
		switch {
		case i == 0:
		case column+1+n > lineWidth:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(w)
		column += n
	}
	b.WriteByte('\n')
}
