package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/rules"
)

// golden compares what was printed with a file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func TestRuleCheck(t *testing.T) {
	var all strings.Builder
	for _, args := range [][]string{
		{"> 20"},
		{"value > 20 and (hum < 30 or delta >= 0.5); pmin=1500ms, pmax=60s, con", "--held", "21", "-s", `{"value":25,"hum":40}`, "-s", `{"value":26}`, "-s", "19"},
		{"crosses(value, 20)", "-s", "19", "-s", "21", "-s", `"x"`},
		{`dev in ["a", "b"] and changed(mode) and not has(x)`, "-s", `{"dev":"a","mode":1}`, "-s", `{"dev":"b","mode":2}`, "-s", `{"dev":"b","mode":true,"x":{}}`},
		{"rising(hyst(value, 30, 25))", "--held", "20", "-s", "30", "-s", "27", "-s", "30", "-s", "25", "-s", "31"},
		{"age >= 2s; epmax=3s", "--held", "1", "-s", "2", "-s", "3", "--every", "4s"},
		{"true; epmin=2s", "-s", "1", "-s", "2", "-s", "3"},
		{"true; pmin=2s", "-s", "1", "-s", "2", "-s", "3"},
		{"false; pmax=1s", "-s", "1", "-s", "2", "--every", "400ms", "-s", "3"},
		{"--query", "c.gt=25&c.lt=5&c.pmax=60", "--held", "20", "-s", "26"},
		{"--json", "prev.value < last.value", "-s", "\"\\u001b[2J\"", "-s", "4"},
	} {
		r := run("", append([]string{"rule", "check"}, args...)...)
		require.Equal(t, 0, r.code, r.err)
		require.Empty(t, r.err)
		require.NotContains(t, r.out, "\x1b")
		all.WriteString("$ coap2 rule check '" + strings.Join(args, "' '") + "'\n" + r.out + "\n")
	}
	golden(t, "rulecheck.golden", all.String())

	var report ruleReport
	r := run("", "rule", "check", "--json", "> 20", "--sample", "25")
	require.NoError(t, json.Unmarshal([]byte(r.out), &report))
	require.Equal(t, "send", report.Samples[0].Verdict)
}

func TestRuleCheckOfBadRules(t *testing.T) {
	for _, tt := range []struct{ rule, want string }{
		{`value > 20 and hum < "30"+1`, `coap2: bad rule: col 22: expected number, found string "30"
  value > 20 and hum < "30"+1
                       ^^^^
`},
		{"", ""},
		{"> \x1b", `coap2: bad rule: col 3: expected a name, number, string or operator, found "\u001b"
  > ?
    ^
`},
		{"(((((((((((((((((a", "coap2: bad rule: col 17: expected at most 16 levels, found more\n  (((((((((((((((((a\n                  ^\n"},
	} {
		r := run("", "rule", "check", tt.rule)
		if tt.want == "" {
			require.Equal(t, 0, r.code)
			continue
		}
		require.Equal(t, ran{1, "", tt.want}, r)
	}
	require.Equal(t, ran{1, "", "coap2: bad rule: c.gt: expected a decimal number, found \"x\"\n"}, run("", "rule", "check", "--query", "c.gt=x"))
	require.Equal(t, ran{1, "", "coap2: bad rule: query: expected a conditional parameter, such as c.gt=25, found none\n"}, run("", "rule", "check", "--query", "rt=x"))

	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"check"}, "check needs a rule, such as '> 20'"},
		{[]string{"check", ">", "20"}, `check takes one rule; "20" is too much (quote the rule)`},
		{[]string{"check", "> 20", "-s", "{"}, `--sample "{": malformed: JSON, byte 1: expected a member`},
		{[]string{"check", "> 20", "--held", "on"}, `--held "on": malformed: JSON, byte 0: expected a value`},
		{[]string{"check", "> 20", "--every", "-1s"}, `--every is -1s; it must not be negative`},
		{[]string{"help", "x"}, `help takes no arguments; "x" is too much`},
		{[]string{"explain"}, `rule has the commands check and help, not "explain"`},
	} {
		r := run("", append([]string{"rule"}, tt.args...)...)
		require.Equal(t, 2, r.code, tt.args)
		require.Contains(t, r.err, "coap2: "+tt.want+"\n")
	}
}

// TestRuleHelp: the reference fits on a page, and every rule in it is one.
func TestRuleHelp(t *testing.T) {
	r := run("", "rule", "help")
	require.Equal(t, 0, r.code)
	golden(t, "rulehelp.golden", r.out)
	lines := strings.Split(r.out, "\n")
	require.LessOrEqual(t, len(lines), 66)
	examples := false
	for _, line := range lines {
		require.LessOrEqual(t, len(line), 80, line)
		if examples = examples && line != "" || line == "Examples"; examples && line != "Examples" {
			rule := regexp.MustCompile(` {2,}`).Split(strings.TrimSpace(line), 2)[0]
			_, err := rules.Parse(rule)
			require.NoError(t, err, rule)
		}
	}
	for _, name := range []string{"check", "help"} {
		require.Equal(t, 0, run("", "rule", name, "--help").code)
	}
	require.Contains(t, run("", "rule", "check", "--help").out, "Examples:\n  ")
	require.Contains(t, run("", "rule").out, "Available Commands:")
}

// TestRuleExamples runs the examples of the help.
func TestRuleExamples(t *testing.T) {
	cmd := newApp(nil, nil, nil).ruleCheckCommand()
	for line := range strings.Lines(cmd.Example) {
		_, args, ok := strings.Cut(line, "coap2 ")
		require.True(t, ok)
		r := run("", words(strings.TrimSpace(args))...)
		require.Equal(t, 0, r.code, r.err)
		require.Contains(t, r.out, "send: ", line)
	}
}
