package conform

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/coap2/coap2/codec"
)

// Counts are how many cases ended how.
type Counts struct{ Pass, Fail, Inconclusive int }

// Add counts a result.
func (c *Counts) Add(r Result) {
	switch r.Result {
	case Pass:
		c.Pass++
	case Fail:
		c.Fail++
	default:
		c.Inconclusive++
	}
}

// String returns one line.
func (c Counts) String() string {
	return fmt.Sprintf("%d cases: %d passed, %d failed, %d inconclusive", c.Pass+c.Fail+c.Inconclusive, c.Pass, c.Fail, c.Inconclusive)
}

// maxShown is how many bytes of a message a row shows; the other forms show all.
const maxShown = 128

// Row writes a result as a row of the table, with lines below it that say what is
// wrong. Nothing that the server has sent reaches a terminal as it is.
func Row(w io.Writer, r Result) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%-16s  %-12s  %s\n", r.ID, r.Result, r.Title)
	if r.Result != Pass {
		if r.Result == Fail {
			fmt.Fprintf(&b, "%18srule     %s\n", "", r.Rule)
		}
		fmt.Fprintf(&b, "%18swhy      %s\n", "", printable(r.Detail))
		if n := len(r.Message); n > 2*maxShown {
			fmt.Fprintf(&b, "%18smessage  %s… (%d bytes)\n", "", r.Message[:2*maxShown], n/2)
		} else if n > 0 {
			fmt.Fprintf(&b, "%18smessage  %s\n", "", r.Message)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func printable(s string) string {
	return strings.ReplaceAll(string(codec.AppendPrintable(nil, []byte(s))), "\n", " ")
}

// JSON writes a result as one line.
func JSON(w io.Writer, r Result) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Time    float64       `xml:"time,attr"`
	Failure *junitMessage `xml:"failure,omitempty"`
	Skipped *junitMessage `xml:"skipped,omitempty"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit writes results as the XML that continuous integration reads. What is
// inconclusive counts as skipped.
func JUnit(w io.Writer, target string, results []Result) error {
	s := junitSuite{Name: "coap2 conform " + target, Tests: len(results)}
	for _, r := range results {
		group, _, _ := cutLast(r.ID, "_")
		c := junitCase{Name: r.ID + " " + r.Title, Class: group, Time: r.Seconds}
		m := &junitMessage{Message: printable(r.Detail)}
		switch r.Result {
		case Fail:
			s.Failures++
			m.Text = "rule: " + r.Rule + "\nmessage: " + r.Message
			c.Failure = m
		case Inconclusive:
			s.Skipped++
			c.Skipped = m
		}
		s.Cases = append(s.Cases, c)
	}
	b, err := xml.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, b)
	return err
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
