package interop

import (
	"bufio"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// conformResult is a line of "coap2 conform --json".
type conformResult struct {
	ID, Title, Result, Rule, Detail, Message string
}

// conform runs "coap2 conform" and returns what it printed.
func conform(t *testing.T, target string, flags ...string) (results []conformResult, r result) {
	t.Helper()
	r = run(coap2(t), append([]string{"conform", "--json", "coap://" + target}, flags...)...)
	in := bufio.NewScanner(strings.NewReader(r.stdout))
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var c conformResult
		require.NoError(t, json.Unmarshal(in.Bytes(), &c), "%v", r)
		results = append(results, c)
	}
	require.NotEmpty(t, results, "%v", r)
	return results, r
}

// TestConformServe: every case passes.
func TestConformServe(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for timeouts")
	}
	t.Parallel()
	at := startServe(t, "127.0.0.1")
	results, r := conform(t, at.String(), "--timeout", "20s")
	require.Greater(t, len(results), 100)
	for _, c := range results {
		require.Equal(t, "pass", c.Result, "%+v", c)
	}
	require.Zero(t, r.code, "%v", r)
}

// TestConformLibcoap: it runs through, and what fails is explained.
func TestConformLibcoap(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for timeouts")
	}
	t.Parallel()
	b, err := os.ReadFile("conform_libcoap.md")
	require.NoError(t, err)
	explained := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\| ((?:TD|C2)_\w+) \|`).FindAllStringSubmatch(string(b), -1) {
		explained[m[1]] = true
	}
	require.NotEmpty(t, explained)
	at := startLibcoap(t, "127.0.0.1")
	results, r := conform(t, at.String())
	require.Greater(t, len(results), 100)
	for _, c := range results {
		if c.Result == "fail" {
			require.True(t, explained[c.ID], "%s failed, and conform_libcoap.md does not say why: %+v", c.ID, c)
		}
	}
	require.LessOrEqual(t, r.code, 1, "%v", r)
}
