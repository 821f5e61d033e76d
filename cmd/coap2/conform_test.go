package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConform(t *testing.T) {
	r := run("", "conform", "--list")
	require.Zero(t, r.code, r.err)
	require.Contains(t, r.out, "TD_COAP_CORE_01   Perform GET transaction (CON mode) (RFC 7252 §5.8.1")

	at := serveTest(t).Addrs()[0].String()
	r = run("", "conform", at, "--only", "C2_REQ_07,TD_COAP_CORE_31")
	require.Zero(t, r.code, r.err)
	require.Contains(t, r.out, "TD_COAP_CORE_31   pass          Perform CoAP Ping (CON mode)\n")
	require.Equal(t, "2 cases: 2 passed, 0 failed, 0 inconclusive\n", r.err)

	r = run("", "conform", at, "--only", "C2_REQ_07", "--json")
	require.Zero(t, r.code, r.err)
	var line map[string]any
	require.NoError(t, json.Unmarshal([]byte(r.out), &line))
	require.Equal(t, "C2_REQ_07", line["id"])
	require.Equal(t, "pass", line["result"])

	r = run("", "conform", at, "--only", "C2_REQ_07", "--junit")
	require.Zero(t, r.code, r.err)
	require.True(t, strings.HasPrefix(r.out, "<?xml"))
	require.Contains(t, r.out, `tests="1" failures="0"`)

	r = run("", "conform", refusing(t), "--timeout", "100ms")
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.err, "nobody answers")
}
