package conform

import (
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var results = []Result{
	{ID: "TD_COAP_CORE_01", Title: "one", Result: Pass, Rule: "RFC 7252 §5", Seconds: 0.25},
	{ID: "C2_MSG_01", Title: "two", Result: Fail, Rule: "RFC 7252 §3", Detail: "a \x1b[31m bad\nline", Message: strings.Repeat("ab", 300)},
	{ID: "C2_MSG_02", Title: "three", Result: Inconclusive, Rule: "RFC 7252 §3", Detail: "no /test", Message: "40"},
}

func TestRow(t *testing.T) {
	var b strings.Builder
	var c Counts
	for _, r := range results {
		require.NoError(t, Row(&b, r))
		c.Add(r)
	}
	require.Equal(t, "TD_COAP_CORE_01   pass          one\n"+
		"C2_MSG_01         fail          two\n"+
		"                  rule     RFC 7252 §3\n"+
		"                  why      a \\x1b[31m bad line\n"+
		"                  message  "+strings.Repeat("ab", 128)+"… (300 bytes)\n"+
		"C2_MSG_02         inconclusive  three\n"+
		"                  why      no /test\n"+
		"                  message  40\n", b.String())
	require.Equal(t, "3 cases: 1 passed, 1 failed, 1 inconclusive", c.String())
}

func TestJSON(t *testing.T) {
	for _, want := range results {
		var b strings.Builder
		require.NoError(t, JSON(&b, want))
		require.Equal(t, 1, strings.Count(b.String(), "\n"))
		var got Result
		require.NoError(t, json.Unmarshal([]byte(b.String()), &got))
		require.Equal(t, want, got)
	}
	var b strings.Builder
	require.NoError(t, JSON(&b, results[0]))
	require.True(t, strings.HasPrefix(b.String(), `{"id":"TD_COAP_CORE_01","title":"one","result":"pass"`))
}

func TestJUnit(t *testing.T) {
	var b strings.Builder
	require.NoError(t, JUnit(&b, "127.0.0.1:5683", results))
	var s junitSuite
	require.NoError(t, xml.Unmarshal([]byte(b.String()), &s))
	require.Equal(t, [3]int{3, 1, 1}, [3]int{s.Tests, s.Failures, s.Skipped})
	require.Equal(t, "TD_COAP_CORE", s.Cases[0].Class)
	require.Contains(t, s.Cases[1].Failure.Text, results[1].Message)
	require.Nil(t, s.Cases[1].Skipped)
	require.Equal(t, "no /test", s.Cases[2].Skipped.Message)
}
