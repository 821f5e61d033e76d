package cli

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/coap2/coap2/codec"
)

// ClearLine empties the line that the cursor of a terminal is in.
const ClearLine = "\r\x1b[K"

// Plain is the text of an error without the name of the package that found it,
// which tells a user of a command nothing.
func Plain(err error) string { return PlainText(err.Error()) }

// PlainText is Plain for what was an error.
func PlainText(s string) string {
	for _, prefix := range []string{"payload: ", "actors: ", "codec: ", "netio: ", "udp: ", "coap: ", "load: ", "machine: ", "rawresponder: ", "sim: ", "scenario: ", "conform: ", "rules: "} {
		s = strings.ReplaceAll(s, prefix, "")
	}
	return s
}

// Printable returns s with everything escaped that could harm a terminal.
func Printable(s string) string { return string(codec.AppendPrintable(nil, []byte(s))) }

// Milliseconds returns d in milliseconds, to the microsecond.
func Milliseconds(d time.Duration) float64 { return float64(d.Round(time.Microsecond)) / 1e6 }

// Rounded returns v with so many digits after the point.
func Rounded(v float64, digits int) float64 {
	p := math.Pow10(digits)
	return math.Round(v*p) / p
}

// Short writes a number with as many digits as it needs, two at most.
func Short(v float64) string { return fmt.Sprint(Rounded(v, 2)) }

// Thousands writes 1234567 as "1,234,567".
func Thousands(n uint64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Plural counts things: "1 node", "1,000 nodes".
func Plural(n uint64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return Thousands(n) + " " + what + "s"
}
