package rules

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// maxPeriod bounds the controls, so that sums of times cannot overflow.
const maxPeriod = 36500 * 24 * time.Hour

// Controls say when what a rule selects is sent, and when the rule is evaluated
// (draft-ietf-core-conditional-attributes). Periods are whole milliseconds. The
// zero value controls nothing.
type Controls struct {
	// PMin is the shortest time between two selections. What the rule selects
	// sooner waits until then, and only the latest of it. 0 = none.
	PMin time.Duration
	// PMax is the longest time between two selections: then the current sample
	// is selected whatever the rule says. 0 = none.
	PMax time.Duration
	// EPMin is the shortest time between two evaluations. A sample that comes
	// sooner is evaluated then, unless another one has come. 0 = none.
	EPMin time.Duration
	// EPMax is the longest time between two evaluations: then the current
	// sample is evaluated once more, as if it had come again. 0 = none.
	EPMax time.Duration
	// Con asks for confirmable notifications.
	Con bool
}

var controlNames = []string{"pmin", "pmax", "epmin", "epmax", "con"}

const controlList = "pmin=, pmax=, epmin=, epmax= or con"

// period returns the period of that name.
func (c *Controls) period(name string) *time.Duration {
	switch name {
	case "pmin":
		return &c.PMin
	case "pmax":
		return &c.PMax
	case "epmin":
		return &c.EPMin
	case "epmax":
		return &c.EPMax
	}
	return nil
}

// conflict says which two controls contradict each other.
func (c Controls) conflict() (name, expected, found string) {
	switch {
	case c.PMin > 0 && c.PMax > 0 && c.PMax < c.PMin:
		return "pmax", "pmax of at least pmin, which is " + durationText(inMS(c.PMin)), durationText(inMS(c.PMax))
	case c.EPMin > 0 && c.EPMax > 0 && c.EPMax <= c.EPMin:
		return "epmax", "epmax above epmin, which is " + durationText(inMS(c.EPMin)), durationText(inMS(c.EPMax))
	}
	return "", "", ""
}

func inMS(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// periodOf makes a period of milliseconds, rounded up to whole ones, as the
// draft allows; what is wrong with it otherwise.
func periodOf(ms float64) (time.Duration, string) {
	switch whole := math.Ceil(ms); {
	case !(ms > 0):
		return 0, "a duration above 0"
	case whole > inMS(maxPeriod):
		return 0, "a duration of at most 36500d"
	default:
		return time.Duration(whole) * time.Millisecond, ""
	}
}

// controls parses what follows the semicolon.
func (p *parser) controls() (Controls, error) {
	var c Controls
	seen := map[string]token{}
	for {
		if err := p.advance(); err != nil {
			return c, err
		}
		name := p.tok
		if name.kind != tokWord || !slices.Contains(controlNames, name.text) {
			return c, p.unexpected(controlList)
		}
		if _, twice := seen[name.text]; twice {
			return c, p.unexpected("each control once")
		}
		seen[name.text] = name
		if err := p.advance(); err != nil {
			return c, err
		}
		if name.text == "con" {
			c.Con = true
		} else if err := p.period(c.period(name.text), name); err != nil {
			return c, err
		}
		if p.tok.is(",") {
			continue
		}
		if p.tok.kind != tokEnd {
			return c, p.unexpected(`"," or the end`)
		}
		if which, expected, found := c.conflict(); which != "" {
			t := seen[which]
			return c, p.fail(t.pos, t.end, expected, found)
		}
		return c, nil
	}
}

func (p *parser) period(d *time.Duration, name token) error {
	if !p.tok.is("=") {
		return p.unexpected(fmt.Sprintf(`"=" and a duration, as in %s=10s`, name.text))
	}
	if err := p.advance(); err != nil {
		return err
	}
	switch {
	case p.tok.kind == tokNumber:
		return p.unexpected("a duration, such as 10s; " + unitNames)
	case p.tok.kind != tokDuration:
		return p.unexpected("a duration, such as 10s")
	}
	t, wrong := periodOf(p.tok.num)
	if wrong != "" {
		return p.unexpected(wrong)
	}
	*d = t
	return p.advance()
}
