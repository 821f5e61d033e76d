package main

import (
	"fmt"
	"unicode/utf8"

	"github.com/coap2/coap2/cmd/internal/cli"
	"github.com/coap2/coap2/sim/scenario"
)

// feedColumns are the results that the table shows of those who subscribe.
var feedColumns = []struct{ title, result string }{
	{"came", "notifications"},
	{"selected", "selected"},
	{"wanted", "wanted"},
	{"missed", "missed"},
	{"needless", "spurious"},
	{"p50", "p50_ms"},
	{"p99", "p99_ms"},
	{"packets", "messages"},
	{"bytes", "bytes"},
	{"bytes each", "bytes_each"},
}

// appendFeeds appends the table of what came of subscriptions, if there are any:
// that compares the ways to subscribe.
func appendFeeds(b []byte, actions []scenario.ActionReport) []byte {
	rows := [][]string{{""}}
	for _, c := range feedColumns {
		rows[0] = append(rows[0], c.title)
	}
	for i := range actions {
		a := &actions[i]
		if a.Verb != "subscribe" {
			continue
		}
		row := []string{cli.Printable(a.Name)}
		for _, c := range feedColumns {
			row = append(row, cell(a, c.result))
		}
		rows = append(rows, row)
	}
	if len(rows) == 1 {
		return b
	}
	return appendTable(b, "feeds", rows)
}

// appendTable appends rows, the first of which are titles.
func appendTable(b []byte, name string, rows [][]string) []byte {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, s := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(s))
		}
	}
	for n, row := range rows {
		if n > 0 {
			name = ""
		}
		b = fmt.Appendf(b, "  %-8s", name)
		for i, s := range row {
			if i == 0 {
				b = fmt.Appendf(b, "  %-*s", widths[i], s)
			} else {
				b = fmt.Appendf(b, "  %*s", widths[i], s)
			}
		}
		b = append(b, '\n')
	}
	return b
}
