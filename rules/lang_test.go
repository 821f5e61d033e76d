package rules

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCanonical: one text for all the spellings of a rule.
func TestCanonical(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"", "true"},
		{" \t\n", "true"},
		{"> 20", "value > 20"},
		{">20&&<30", "value < 30 and value > 20"},
		{"> 20 and < 30", "value < 30 and value > 20"},
		{"20 < value", "value > 20"},
		{"20 >= value", "value <= 20"},
		{"value = 5", "value == 5"},
		{"5 != value", "value != 5"},
		{"b == a", "a == b"},
		{"b > a", "a < b"},
		{"not a < 3", "a >= 3"},
		{"not not not (a == 3)", "a != 3"},
		{"!a", "not a"},
		{"not (a and b)", "not (a and b)"},
		{"not (b or a) and c", "c and not (a or b)"},
		{"!(a and b) == c", "c == (not (a and b))"},
		{"a or not b and c", "a or c and not b"},
		{"!a == b", "b == (not a)"},
		{"not a == b", "a != b"},
		{"a == true", "a"},
		{"a != true", "not a"},
		{"false == a", "not a"},
		{"(a == true) == b", "a == (b == true)"},
		{"changed(a == true)", "changed(a == true)"},
		{"c or (b or a)", "a or b or c"},
		{"a and (b and a)", "a and b"},
		{"a and (b or c)", "a and (b or c)"},
		{"a and b or c", "c or a and b"},
		{"a and true", "a"},
		{"a and false", "false"},
		{"a or true; pmin=1s", "true; pmin=1s"},
		{"1 < 2", "true"},
		{"2 in [3, 2]", "true"},
		{"true == false", "false"},
		{"true != false or a", "true"},
		{"true in [false, true]", "true"},
		{"true and true", "true"},
		{"false or false", "false"},
		{"rising(true) or crosses(3, 2)", "false"},
		{"\"ab\" > \"b\"", "false"},
		{"a > 2 * (3 + 4) - -1", "a > 15"},
		{"a > 1 / 0", "a > 1 / 0"},
		{"a > 0 * -1", "a > 0"},
		{"2 * a + 1 > b", "b < a * 2 + 1"},
		{"a + (b + c) > 0", "b + c + a > 0"},
		{"a - (b - c) > 0", "a - (b - c) > 0"},
		{"a / (b * c) > 0", "a / (b * c) > 0"},
		{"-(-a) > 0", "-(-a) > 0"},
		{"- 5 < a", "a > -5"},
		{"a in [3, 1, 2, 1]", "a in [1, 2, 3]"},
		{"a in [1]", "a == 1"},
		{"a in [1, -1, 0, -2, -0]", "a in [-2, -1, 0, 1]"},
		{"value == 1 or value == -1", "value == -1 or value == 1"},
		{"a in 1..5", "a in 1..5"},
		{"a in 0.5..1e21", "a in 0.5..1e+21"},
		{"a in b..c.d", "a in b..c.d"},
		{"prev.a != last.b.c", "prev.a != last.b.c"},
		{`$"/a/b" == 1`, "a.b == 1"},
		{`$"/value" == value`, `value == $"/value"`},
		{`$"/a/0" == 1 or $"n" == 1`, `$"/a/0" == 1 or $"n" == 1`},
		{`prev.$"/and" > last.$"urn:x"`, `prev.$"/and" > last.$"urn:x"`},
		{`s == "\u20ac\ud83d\ude00\/"`, `s == "€😀/"`},
		{`s == "\u202e"`, `s == "\u202e"`},
		{`s == "\b\f\n\r\t\u0000\u007f"`, `s == "\u0008\u000c\n\r\t\u0000\u007f"`},
		{`s == "\udb40\udc01\uDBFF\uDFFD"`, `s == "\udb40\udc01\udbff\udffd"`},
		{`$"\u002fa~1b\"" > 1`, `$"/a~1b\"" > 1`},
		{"age > 60s", "age > 1m"},
		{"age > 90s", "age > 90s"},
		{"age > 1.001s", "age > 1001ms"},
		{"age > 0.1ms", "age > 0.1ms"},
		{"age > 12h * 2", "age > 1d"},
		{"age / 1h > 2", "age / 1h > 2"},
		{"age > 1m / 7", "age > 8571.42857142857ms"},
		{"abs(-3) > a", "a < 3"},
		{"rising(> 20)", "rising(value > 20)"},
		{"changed(3)", "false"},
		{"hyst(a, 2 + 1, 2)", "hyst(a, 3, 2)"},
		{"; con, pmax=60s, pmin=1500ms", "true; pmin=1500ms, pmax=1m, con"},
		{"a; pmin=2s, pmax=2s", "a; pmin=2s, pmax=2s"},
		{"a; epmin=0.0001ms, epmax=1d", "a; epmin=1ms, epmax=1d"},
		{"a.value.and > 1e0", "a.value.and > 1"},
	} {
		r, err := Parse(tt.in)
		require.NoError(t, err, tt.in)
		require.Equal(t, tt.want, r.String(), tt.in)
		again, err := Parse(tt.want)
		require.NoError(t, err, tt.want)
		require.Equal(t, tt.want, again.String())
	}
}

// TestMistakes: where, what was found, what was expected.
func TestMistakes(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{`value > 20 and hum < "30"+1`, `col 22: expected number, found string "30"`},
		{`hum + 30 > 1 and 1 > "30"`, `col 22: expected number, found string "30"`},
		{`20 > "x" and`, `col 13: expected a number, field, string, call or "(", found the end`},
		{`value >`, `col 8: expected a number, field, string, call or "(", found the end`},
		{`value > > 2`, `col 9: expected a number, field, string, call or "(", found ">"`},
		{`1 < a < 3`, `col 7: expected "and" or "or", for comparisons are not chained, found "<"`},
		{`a == b == c`, `col 8: expected "and" or "or", for comparisons are not chained, found "=="`},
		{`(20 < value <= 30)`, `col 13: expected "and" or "or", for comparisons are not chained, found "<="`},
		{`a < b in [true]`, `col 7: expected "and" or "or", for comparisons are not chained, found "in"`},
		{`room1.0 > 1`, `col 7: expected a name; an element of an array is $"/room1/0", found number 0`},
		{`1.5.2 > a`, `col 4: expected an operator, "and", "or", ";" or the end, found "."`},
		{`pmin > 1`, `col 1: expected a field; one that is called so is $"/pmin", found "pmin"`},
		{`a and con`, `col 7: expected a field; one that is called so is $"/con", found "con"`},
		{`a == not b`, `col 6: expected a number, field, string, call or "(", found "not"`},
		{"\ufeff> 20", `col 1: expected a name, number, string or operator, found "\ufeff"`},
		{"a\x00", `col 2: expected a name, number, string or operator, found "\u0000"`},
		{"a == \"\x00\"", `col 7: expected an escape sequence, such as \n, found byte 0x00`},
		{`a == "\udc00\ud800"`, `col 7: expected an escape sequence of JSON, such as \" or \u20ac, found "\\udc00\\ud800"`},
		{`a b`, `col 3: expected an operator, "and", "or", ";" or the end, found "b"`},
		{`5`, `col 1: expected condition, found number 5`},
		{`a and 5`, `col 7: expected condition, found number 5`},
		{`"a"`, `col 1: expected condition, found string "a"`},
		{`age`, `col 1: expected condition, found duration age`},
		{`delta and a`, `col 1: expected condition, found number delta`},
		{`a + 1`, `col 1: expected condition, found a calculated number`},
		{`not a + 1`, `col 5: expected condition, found a calculated number`},
		{`(a > 1) + 1 > 2`, `col 2: expected number, found a condition`},
		{`(a > 1) > (b > 1)`, `col 2: expected something that has an order, found a condition`},
		{`(a > 1) == 5`, `col 12: expected condition, found number 5`},
		{`age > 5`, `col 7: expected duration, found number 5`},
		{`age > a`, `col 7: expected duration, found field a; payloads hold no durations`},
		{`a + 5s > 1s`, `col 1: expected duration, found field a; payloads hold no durations`},
		{`a * 5s > 1`, `col 10: expected duration, found number 1`},
		{`5s * 5s > 1s`, `col 6: expected number, found duration 5s`},
		{`5 / 5s > 1`, `col 5: expected number, found duration 5s`},
		{`delta >= 1s`, `col 10: expected number, found duration 1s`},
		{`a in [1, "b"]`, `col 10: expected number, found string "b"`},
		{`a in []`, `col 7: expected a number, field, string, call or "(", found "]"`},
		{`a in [1, 2`, `col 11: expected "]" or ",", found the end`},
		{`a in 5`, `col 7: expected ".." and the end of the range, found the end`},
		{`a in 1...5`, `col 9: expected digits on both sides of the point, as in 0.5, found "."`},
		{`in 1..5`, `col 1: expected a number, field, string, call or "(", found "in"`},
		{`.5 < a`, `col 1: expected digits on both sides of the point, as in 0.5, found "."`},
		{`5. < a`, `col 1: expected digits on both sides of the point, as in 1.0, found "5."`},
		{`1e400 < a`, `col 1: expected a number that float64 can hold, found "1e400"`},
		{`1e308d < age`, `col 1: expected a duration that float64 can hold, found "1e308d"`},
		{`5min < age`, `col 2: expected a unit: ms, s, m, h or d, found "min"`},
		{`2x > 1`, `col 2: expected a unit: ms, s, m, h or d, found "x"`},
		{`a == 'x'`, `col 6: expected a string in "double quotes", found "'"`},
		{`a == "x`, `col 6: expected the closing quote ", found the end`},
		{`a == "\x"`, `col 7: expected an escape sequence of JSON, such as \" or \u20ac, found "\\x"`},
		{`a == "\ud800"`, `col 7: expected an escape sequence of JSON, such as \" or \u20ac, found "\\ud800"`},
		{`a == "\u12`, `col 7: expected an escape sequence of JSON, such as \" or \u20ac, found "\\u12"`},
		{"a == \"\n\"", `col 7: expected an escape sequence, such as \n, found byte 0x0a`},
		{"a == \"\xff\"", `col 7: expected UTF-8, found byte 0xff, which is not UTF-8`},
		{"größe > 1", `col 3: expected a name in ASCII; others are written $"/…", found "ö"`},
		{"a\xff", `col 2: expected a name, number, string or operator, found byte 0xff, which is not UTF-8`},
		{"a & b", `col 3: expected "and" or "&&", found "&"`},
		{"a | b", `col 3: expected "or" or "||", found "|"`},
		{`$x > 1`, `col 1: expected a field, written $"…", found "$"`},
		{`$"" > 1`, `col 1: expected the name of a record, or a pointer that begins with "/", found field $""`},
		{`$"/a~2" > 1`, `col 1: expected a JSON Pointer, in which ~ is written ~0 and / is written ~1, found field $"/a~2"`},
		{`prev > 1`, `col 6: expected "." and a field, as in prev.value, found ">"`},
		{`last.delta > 1`, `col 6: expected a field; one that is called so is $"/delta", found "delta"`},
		{`prev.5 > 1`, `col 6: expected a field, found number 5`},
		{`value.x > 1`, `col 6: expected an operator; a member of a member "value" is $"/value/…", found "."`},
		{`a.0 > 1`, `col 3: expected a name; an element of an array is $"/a/0", found number 0`},
		{`foo(a) > 1`, `col 1: expected one of the calls abs, has, changed, rising, falling, crosses, hyst, prefix, found "foo"`},
		{`abs > 1`, `col 5: expected "(": abs(number); a field of that name is $"/abs", found ">"`},
		{`abs(a, b) > 1`, `col 6: expected ")": abs(number), found ","`},
		{`crosses(a)`, `col 10: expected ",": crosses(number, threshold), found ")"`},
		{`has(a + 1)`, `col 5: expected a field, found a calculated number`},
		{`has(delta)`, `col 5: expected a field, found number delta`},
		{`changed(prev.a)`, `col 9: expected an expression of the current sample, found field prev.a`},
		{`rising(delta > 1)`, `col 8: expected an expression of the current sample, found number delta`},
		{`rising(changed(a))`, `col 8: expected an expression of the current sample, found a call of changed`},
		{`crosses("a", 1)`, `col 9: expected number, found string "a"`},
		{`hyst(a, 1, 2)`, `col 9: expected a threshold for on that is not below the one for off, 2, found number 1`},
		{`hyst(a, 3 - 2, 2)`, `col 9: expected a threshold for on that is not below the one for off, 2, found number 1`},
		{`prefix(a, 1)`, `col 11: expected string, found number 1`},
		{`a;`, `col 3: expected pmin=, pmax=, epmin=, epmax= or con, found the end`},
		{`a; pmim=1s`, `col 4: expected pmin=, pmax=, epmin=, epmax= or con, found "pmim"`},
		{`a; pmin`, `col 8: expected "=" and a duration, as in pmin=10s, found the end`},
		{`a; pmin=10`, `col 9: expected a duration, such as 10s; a unit: ms, s, m, h or d, found number 10`},
		{`a; pmin=x`, `col 9: expected a duration, such as 10s, found "x"`},
		{`a; pmin=0s`, `col 9: expected a duration above 0, found duration 0s`},
		{`a; pmin=36501d`, `col 9: expected a duration of at most 36500d, found duration 36501d`},
		{`a; pmin=1s, pmin=2s`, `col 13: expected each control once, found "pmin"`},
		{`a; pmin=1s pmax=2s`, `col 12: expected "," or the end, found "pmax"`},
		{`a; pmin=10s, pmax=1s`, `col 14: expected pmax of at least pmin, which is 10s, found 1s`},
		{`a; epmax=1s, epmin=1s`, `col 4: expected epmax above epmin, which is 1s, found 1s`},
		{"\x1b[2J", `col 1: expected a name, number, string or operator, found "\u001b"`},
	} {
		_, err := Parse(tt.in)
		var se *SyntaxError
		require.True(t, errors.As(err, &se), "%q: %v", tt.in, err)
		require.Equal(t, tt.want, se.Diagnostic(), "%q", tt.in)
		require.Equal(t, "rules: "+tt.want, err.Error())
		require.False(t, errors.Is(err, ErrLimit))
		require.NotContains(t, se.Picture(), "\x1b")
	}
}

func TestPicture(t *testing.T) {
	_, err := Parse(`value > 20 and "größe" > 30`)
	require.Equal(t, `value > 20 and "größe" > 30
                         ^^
expected string, found number 30`, err.(*SyntaxError).Picture())
	_, err = Parse(`s == "温度😀e` + "\u0301" + `" and "温" > 30`)
	require.Equal(t, `s == "温度😀e`+"\u0301"+`" and "温" > 30
                          ^^
expected string, found number 30`, err.(*SyntaxError).Picture(), "wide characters and marks")
	_, err = Parse(`温度 > 5`)
	require.Contains(t, err.(*SyntaxError).Picture(), "温度 > 5\n^^\n")
	_, err = Parse("größe\t\x1b" + strings.Repeat("x", 200))
	require.Equal(t, `größe??`+strings.Repeat("x", 68)+`…
  ^
expected a name in ASCII; others are written $"/…", found "ö"`, err.(*SyntaxError).Picture())
	_, err = Parse(strings.Repeat("a and ", 40) + "5")
	require.Equal(t, `… a and a and a and a and a and a and a and a and 5
                                                  ^
expected condition, found number 5`, err.(*SyntaxError).Picture())
}

// joined repeats a condition with numbers.
func joined(format string, n int) string {
	var cs []string
	for i := range n {
		cs = append(cs, fmt.Sprintf(format, i))
	}
	return strings.Join(cs, " and ")
}

// numbers lists numbers whose compact form is longer than their text.
func numbers(n int) string {
	var xs []string
	for i := range n {
		xs = append(xs, fmt.Sprintf("1e%d", 200+i))
	}
	return strings.Join(xs, ", ")
}

// TestBounds: at the bound a rule is taken, one above it is refused, in both
// forms and with the same words.
func TestBounds(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("abs(", n) + "a" + strings.Repeat(")", n) + " > 1" }
	for _, tt := range []struct {
		name     string
		at, over string
		want     string
	}{
		{"bytes", "a > 1" + strings.Repeat(" ", MaxBytes-5), "a > 1" + strings.Repeat(" ", MaxBytes-4), "col 513: expected at most 512 bytes, found 513"},
		{"nodes", joined(">%d", 21), joined(">%d", 21) + " and a", "col 159: expected at most 64 nodes, found more"},
		{"parentheses", strings.Repeat("(", 16) + "a" + strings.Repeat(")", 16), strings.Repeat("(", 17) + "a" + strings.Repeat(")", 17),
			"col 17: expected at most 16 levels, found more"},
		{"levels", nested(14), nested(15), "col 61: expected at most 16 levels, found more"},
		{"nots", strings.Repeat("not ", 15) + "a", strings.Repeat("not ", 16) + "a", "col 65: expected at most 16 levels, found more"},
		{"exclamation marks", strings.Repeat("!", 15) + "a", strings.Repeat("!", 17) + "a", "col 17: expected at most 16 levels, found more"},
		{"cost", joined("changed(s%d)", 22) + " and " + joined("b%d", 13), joined("changed(s%d)", 22) + " and " + joined("b%d", 14),
			"col 1: expected a static cost of at most 256, found 257"},
		{"canonical text", joined(">%d", 20) + ` and a == "` + strings.Repeat("\u200d", 35) + `xxxxx"`, joined(">%d", 20) + ` and a == "` + strings.Repeat("\u200d", 35) + `xxxxxx"`,
			"col 1: expected a canonical form of at most 512 bytes, found 513"},
		{"compact form", "a in [" + numbers(56) + "]; pmax=5m", "a in [" + numbers(56) + "]; pmax=5m, con",
			"col 1: expected a compact form of at most 512 bytes, found 513"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := Parse(tt.at)
			require.NoError(t, err)
			again, err := ParseCompact(r.Compact())
			require.NoError(t, err)
			require.Equal(t, r.String(), again.String())
			r, err = Parse(tt.over)
			require.Nil(t, r)
			require.ErrorIs(t, err, ErrLimit)
			require.Equal(t, tt.want, err.(*SyntaxError).Diagnostic())
		})
	}
	r, err := Parse(joined("changed(s%d)", 22) + " and " + joined("b%d", 13))
	require.NoError(t, err)
	require.Equal(t, MaxCost, r.Cost())
	r, err = Parse(joined(">%d", 21) + "; pmin=1s, pmax=2s, epmin=1s, epmax=2s, con")
	require.NoError(t, err)
	require.Equal(t, MaxNodes, r.Nodes())
	again, err := ParseCompact(r.Compact())
	require.NoError(t, err)
	require.Equal(t, r.String(), again.String())
	r, err = Parse(nested(14))
	require.NoError(t, err)
	require.Equal(t, MaxDepth, r.Depth())

	// The fields of a resource.
	schema := &Schema{}
	for i := range MaxFields - 1 {
		_, err := schema.Slot(NewField(fmt.Sprint("/", i)))
		require.NoError(t, err)
	}
	two, err := Parse("a > b")
	require.NoError(t, err)
	_, err = Compile(two, schema)
	require.ErrorIs(t, err, ErrLimit)
	require.Equal(t, MaxFields-1, schema.Len(), "a rule that is refused leaves nothing")
	one, err := Parse("a > 1")
	require.NoError(t, err)
	_, err = Compile(one, schema)
	require.NoError(t, err)
	_, err = schema.Slot(NewField("one more"))
	require.ErrorIs(t, err, ErrLimit)
}
