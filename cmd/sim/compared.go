package main

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/coap2/coap2/cmd/internal/cli"
	"github.com/coap2/coap2/sim/scenario"
)

// comparedColumns are the results by which strategies are compared.
var comparedColumns = []struct{ title, result string }{
	{"recall", "coverage"},
	{"precision", "precision"},
	{"answers", "responses"},
	{"messages", "messages"},
	{"bytes asked", "query_bytes"},
	{"bytes answered", "response_bytes"},
	{"to 50%", "t50_ms"},
	{"to 90%", "t90_ms"},
	{"to 99%", "t99_ms"},
	{"collisions", "collisions"},
	{"drops", "drops"},
	{"frames", "frames"},
	{"mJ sent", "send_mj"},
	{"mJ received", "receive_mj"},
}

// oftenNothing are those that are left out where they are zero.
var oftenNothing = []string{"collisions", "drops", "frames", "send_mj", "receive_mj"}

// comparison adds up what discoveries came to by several strategies.
type comparison struct {
	rows []*comparedRow
}

// comparedRow is an action by a strategy.
type comparedRow struct {
	action, strategy string
	runs             int
	sums             []float64 // by column
	have             []int     // how many runs have a value
}

type comparedJSON struct {
	Action   string `json:"action"`
	Strategy string `json:"strategy"`
	Runs     int    `json:"runs"`
	// Results are means; nil where not every run has a value.
	Results map[string]*float64 `json:"results"`
}

// add adds a run, if it compares anything.
func (c *comparison) add(r *scenario.Report) {
	if len(r.Rivals) == 0 {
		return
	}
	for i := range r.Actions {
		a := &r.Actions[i]
		if a.Strategy == "" {
			continue
		}
		c.row(a.Name, a.Strategy).add(a)
		for k := range r.Rivals {
			if other := r.Rivals[k].Action(a.Name); other != nil && other.Strategy != a.Strategy {
				c.row(a.Name, other.Strategy).add(other)
			}
		}
	}
}

func (c *comparison) row(action, strategy string) *comparedRow {
	for _, r := range c.rows {
		if r.action == action && r.strategy == strategy {
			return r
		}
	}
	n := len(comparedColumns)
	r := &comparedRow{action: action, strategy: strategy, sums: make([]float64, n), have: make([]int, n)}
	c.rows = append(c.rows, r)
	return r
}

func (r *comparedRow) add(a *scenario.ActionReport) {
	r.runs++
	for i := range comparedColumns {
		if v, ok := a.Value(comparedColumns[i].result); ok {
			r.sums[i] += v
			r.have[i]++
		}
	}
}

// mean returns the mean of a column; ok is false if a run has no value.
func (r *comparedRow) mean(i int) (v float64, ok bool) {
	if r.have[i] < r.runs || r.runs == 0 {
		return 0, false
	}
	return r.sums[i] / float64(r.runs), true
}

func (c *comparison) json() []comparedJSON {
	var all []comparedJSON
	for _, r := range c.rows {
		x := comparedJSON{r.action, r.strategy, r.runs, map[string]*float64{}}
		for i, col := range comparedColumns {
			x.Results[col.result] = nil
			if v, ok := r.mean(i); ok {
				v = cli.Rounded(v, 6)
				x.Results[col.result] = &v
			}
		}
		all = append(all, x)
	}
	return all
}

// append appends the table, for people or as Markdown. Columns that are zero
// everywhere are left out.
func (c *comparison) append(b []byte, indent string, markdown bool) []byte {
	var columns []int
	for i, col := range comparedColumns {
		if !slices.Contains(oftenNothing, col.result) || slices.ContainsFunc(c.rows, func(r *comparedRow) bool { return r.sums[i] > 0 }) {
			columns = append(columns, i)
		}
	}
	head := []string{"compared", "by"}
	for _, i := range columns {
		head = append(head, comparedColumns[i].title)
	}
	table := [][]string{head}
	for _, r := range c.rows {
		row := []string{cli.Printable(r.action), cli.Printable(r.strategy)}
		for _, i := range columns {
			row = append(row, r.cell(i))
		}
		table = append(table, row)
	}
	widths := make([]int, len(head))
	for _, row := range table {
		for i, s := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(s))
		}
	}
	for n, row := range table {
		b = appendRow(b, row, widths, indent, markdown)
		if n == 0 && markdown {
			b = append(b, "|---|---|"+strings.Repeat("---:|", len(columns))+"\n"...)
		}
	}
	return b
}

func appendRow(b []byte, row []string, widths []int, indent string, markdown bool) []byte {
	if markdown {
		return append(b, "| "+strings.Join(row, " | ")+" |\n"...)
	}
	line := indent
	for i, s := range row {
		switch {
		case i < 2:
			line += fmt.Sprintf("%-*s  ", widths[i], s)
		default:
			line += fmt.Sprintf("%*s  ", widths[i], s)
		}
	}
	return append(b, strings.TrimRight(line, " ")+"\n"...)
}

func (r *comparedRow) cell(i int) string {
	v, ok := r.mean(i)
	name := comparedColumns[i].result
	switch {
	case !ok:
		return "–"
	case strings.HasSuffix(name, "_ms"):
		return seconds(v)
	case name == "coverage" || name == "precision":
		return fmt.Sprintf("%.4f", v)
	case v < 100 && v != float64(int(v)):
		return fmt.Sprintf("%.1f", v)
	}
	return cli.Thousands(uint64(v + 0.5))
}
