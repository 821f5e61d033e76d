package rules

import (
	"fmt"
	"math"
	"strings"

	"pgregory.net/rapid"
)

// numberFields and so on are the fields of generated rules. mixed has all kinds.
var (
	numberFields = []string{"value", "a", "b.c", `$"urn:x"`}
	stringFields = []string{"s", `$"/t~1u"`}
	boolFields   = []string{"on", "value"}
	mixed        = "m"
)

// generator writes random rules.
type generator struct {
	t     *rapid.T
	depth int
	// stateless leaves out all that is not of the current sample alone.
	stateless bool
	// inside a call that takes an expression of the current sample.
	inside bool
	// hyst may be written (not inside itself).
	noHyst bool
}

func (g *generator) pick(from ...string) string { return rapid.SampledFrom(from).Draw(g.t, "") }
func (g *generator) chance(oneIn int) bool      { return rapid.IntRange(0, oneIn-1).Draw(g.t, "") == 0 }

func (g *generator) down() func() {
	g.depth++
	return func() { g.depth-- }
}

func (g *generator) number() string {
	switch rapid.IntRange(0, 9).Draw(g.t, "") {
	case 0:
		return numberText(rapid.SampledFrom([]float64{0.5, 0.1, 1e300, 1e-7, 12345.678, 1 << 20, 1e21, 300, 1000000,
			1.0 / 3, 1 << 53, 5e-324, math.MaxFloat64, float64(float32(0.1)), 32767, 32768, 127, 128, 256, 257}).Draw(g.t, ""))
	case 1:
		return g.pick("1e3", "0.25", "00", "007", "1.50")
	}
	return fmt.Sprint(rapid.IntRange(0, 4).Draw(g.t, ""))
}

func (g *generator) field(names []string) string {
	f := g.pick(names...)
	if g.stateless || g.inside {
		return f
	}
	switch rapid.IntRange(0, 7).Draw(g.t, "") {
	case 0:
		return "prev." + f
	case 1:
		return "last." + f
	}
	return f
}

func (g *generator) num() string {
	defer g.down()()
	n := rapid.IntRange(0, 13).Draw(g.t, "")
	if g.depth > 5 {
		n %= 8
	}
	switch n {
	case 0, 1, 2:
		return g.number()
	case 3, 4, 5:
		return g.field(numberFields)
	case 6:
		return "-" + g.number()
	case 7:
		if !g.stateless && !g.inside {
			return "delta"
		}
		return g.field([]string{mixed})
	case 8:
		return "abs(" + g.num() + ")"
	case 9:
		return "-(" + g.num() + ")"
	}
	return "(" + g.num() + g.pick(" + ", "-", "*", " / ") + g.num() + ")"
}

func (g *generator) duration() string {
	defer g.down()()
	switch n := rapid.IntRange(0, 6).Draw(g.t, ""); {
	case n < 2 || g.depth > 5:
		return fmt.Sprint(rapid.IntRange(0, 4).Draw(g.t, "")) + g.pick("ms", "s", "m", "h", "d")
	case n == 2:
		return g.pick("1.5s", "0.1ms", "1.001s", "90s", "1e20ms", "0.3m")
	case n == 3:
		return "(" + g.duration() + g.pick("+", "-") + g.duration() + ")"
	case n == 4:
		return "(" + g.duration() + g.pick("*", "/") + g.num() + ")"
	}
	return "age"
}

func (g *generator) str() string {
	if g.chance(2) {
		return g.pick(`"a"`, `"ab"`, `"b"`, `""`, `"\u20ac\n"`, `"ä"`, `"seven77"`, `"eight888"`, `"eight889"`,
			`"\u0000\r\t\u202e\udb40\udc01\\\""`, `"thirty-two bytes of text and more"`)
	}
	return g.field(append(stringFields, mixed))
}

func (g *generator) operand() (string, string) {
	switch rapid.IntRange(0, 7).Draw(g.t, "") {
	case 0, 1:
		return g.str(), g.str()
	case 2:
		if !g.stateless && !g.inside {
			return g.duration(), g.duration()
		}
	case 3:
		return g.field([]string{mixed, "value"}), g.field([]string{mixed, "s"})
	}
	return g.num(), g.num()
}

func (g *generator) cond() string {
	defer g.down()()
	n := rapid.IntRange(0, 19).Draw(g.t, "")
	if g.depth > 6 {
		n %= 7
	}
	compare := []string{"==", "!=", "<", "<=", ">", ">=", "="}
	switch n {
	case 0, 1, 2, 3:
		x, y := g.operand()
		return x + " " + g.pick(compare...) + y
	case 4:
		return g.pick(compare...) + " " + g.number()
	case 5:
		return g.field(boolFields)
	case 6:
		return "has(" + g.field(append(numberFields, mixed)) + ")"
	case 7:
		return g.pick("true", "false", "on == true", "false != on")
	case 8:
		return g.num() + " in " + g.num() + ".." + g.num()
	case 9:
		x, y := g.operand()
		if g.chance(2) {
			return g.number() + " != value and " + g.field(numberFields) + " in [" + g.num() + ", -" + g.number() + ", " + g.number() + "]"
		}
		return x + " in [" + y + ", " + x + "]"
	case 10:
		return "(" + g.cond() + ") " + g.pick("==", "!=") + " (" + g.cond() + ")"
	case 11:
		return g.pick("not (", "not (", "not not (", "!(") + g.cond() + g.pick(" and ", " or ") + g.pick(boolFields...) + ")"
	case 12:
		return "prefix(" + g.str() + "," + g.pick(`"a"`, `""`, "s") + ")"
	case 13, 14:
		return g.stateful()
	case 15, 16:
		return "(" + g.cond() + g.pick(" or ", "||") + g.cond() + ")"
	}
	return "(" + g.cond() + g.pick(" and ", "&&") + g.cond() + ")"
}

func (g *generator) stateful() string {
	if g.inside || g.stateless {
		if g.noHyst || g.stateless {
			return "!" + g.pick(boolFields...)
		}
		return g.hyst()
	}
	if g.chance(3) {
		return g.hyst()
	}
	g.inside = true
	defer func() { g.inside = false }()
	switch rapid.IntRange(0, 3).Draw(g.t, "") {
	case 0:
		return "rising(" + g.cond() + ")"
	case 1:
		return "falling(" + g.cond() + ")"
	case 2:
		if g.chance(3) {
			return "changed(" + g.cond() + ")"
		}
		return "changed(" + g.pick("value", "s", mixed, "a+1", "value > 2", "on", "hyst(a, 3, 1)", "!!on") + ")"
	}
	return "crosses(" + g.num() + "," + g.num() + ")"
}

func (g *generator) hyst() string {
	inside, noHyst := g.inside, g.noHyst
	g.inside, g.noHyst = true, true
	defer func() { g.inside, g.noHyst = inside, noHyst }()
	on, off := rapid.IntRange(1, 4).Draw(g.t, ""), rapid.IntRange(0, 1).Draw(g.t, "")
	if g.chance(4) {
		return fmt.Sprintf("hyst(%s, %s, %d)", g.num(), g.pick("a", "b.c + 1"), off)
	}
	return fmt.Sprintf("hyst(%s, %d, %d)", g.num(), on, off)
}

func (g *generator) controls() string {
	var cs []string
	for _, c := range []string{"pmin=%d%s", "pmax=1%d%s", "epmin=%d%s", "epmax=1%d%s"} {
		if g.chance(4) {
			cs = append(cs, fmt.Sprintf(c, rapid.IntRange(1, 4).Draw(g.t, ""), g.pick("s", "s", "s", "00ms", ".5s")))
		}
	}
	if g.chance(6) {
		cs = append(cs, "con")
	}
	if len(cs) == 0 {
		return ""
	}
	return ";" + strings.Join(cs, ",")
}

// drawRule draws rules until one is within the bounds.
func drawRule(t *rapid.T, controls bool) *Rule {
	_, r := drawText(t, controls)
	return r
}

// drawText draws a rule, and returns it as it was written too.
func drawText(t *rapid.T, controls bool) (string, *Rule) {
	for {
		g := &generator{t: t}
		text := g.cond()
		if controls {
			text += g.controls()
		}
		if r, err := Parse(text); err == nil {
			return text, r
		}
	}
}

// drawSample draws what a payload may hold: few numbers, so that they meet, and
// everything that is no number.
func drawSample(t *rapid.T, s *Schema) *Sample {
	x := NewSample(s)
	for slot := range s.Len() {
		f, _ := s.Field(slot)
		name := f.String()
		n := rapid.IntRange(0, 19).Draw(t, name)
		switch {
		case n == 0:
		case n == 1:
			x.SetOther(slot)
		case n == 2 || n < 12 && (name == "s" || name == `$"/t~1u"`):
			x.SetString(slot, rapid.SampledFrom([]string{"", "a", "ab", "b", "€\n", "seven77", "eight888", "eight889"}).Draw(t, ""))
		case n == 3 || n < 12 && name == "on":
			x.SetBool(slot, rapid.Bool().Draw(t, ""))
		case n == 4:
			x.SetNumber(slot, rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1), 1e300, 1e-320, 2.0000000000000004}).Draw(t, ""))
		case n == 5:
			x.SetNumber(slot, rapid.Float64().Draw(t, ""))
		case n == 6:
			x.SetNumber(slot, float64(rapid.IntRange(-8, 8).Draw(t, ""))/2)
		default:
			x.SetNumber(slot, float64(rapid.IntRange(0, 4).Draw(t, "")))
		}
	}
	return x
}
