package interop

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLibcoapObservesServe: libcoap's client observes "coap2 serve" for some
// seconds, in which the counter goes on.
func TestLibcoapObservesServe(t *testing.T) {
	client := peer(t, libcoapClient)
	for _, host := range hosts {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			uri := "coap://" + startServe(t, host).String()
			dir := t.TempDir()
			for _, tt := range []struct {
				path string
				kind string // of the last notification; "" = either
			}{{"/tick", ""}, {"/tick-con", "CON"}} {
				var a answer
				var states []string
				for try := 0; try < 3 && len(states) < 3; try++ { // the machine may stand still meanwhile
					a = ask(client, dir, "-m", "get", "-s", "8", uri+tt.path)
					require.Zero(t, a.code, "%v", a)
					states = received.FindAllString(a.stdout, -1)
				}
				require.GreaterOrEqual(t, len(states), 3, "the answer and two notifications: %v", a)
				require.GreaterOrEqual(t, strings.Count(a.stdout, "Observe:"), 3, "%v", a)
				require.NotContains(t, a.stdout, "c:4.", "%v", a)
				if tt.kind != "" {
					require.Contains(t, a.stdout, "v:1 t:"+tt.kind+" c:2.05", "%v", a)
				}
			}
			a := ask(client, dir, "-m", "get", "-s", "1", uri+"/hello")
			require.Equal(t, "hello world", a.payload, "what cannot be observed is answered all the same: %v", a)
		})
	}
}

// TestCommandObservesLibcoap: "coap2 observe" and the clock of libcoap's server.
func TestCommandObservesLibcoap(t *testing.T) {
	bin := coap2(t)
	for _, host := range hosts {
		t.Run(host, func(t *testing.T) {
			uri := "coap://" + startLibcoap(t, host).String()
			for _, non := range []bool{false, true} {
				t.Run(typeName(non), func(t *testing.T) {
					t.Parallel()
					args := []string{"observe", "--json", "-n", "4", uri + "/time?ticks"}
					if non {
						args = append(args, "--non")
					}
					r := run(bin, args...)
					require.Zero(t, r.code, "%v", r)
					last := ""
					lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
					require.Len(t, lines, 4, "%v", r)
					for _, line := range lines {
						var state struct{ Code, Payload string }
						require.NoError(t, json.Unmarshal([]byte(line), &state), "%v", r)
						require.Equal(t, "2.05", state.Code, "%v", r)
						require.NotEqual(t, last, state.Payload, "%v", r)
						last = state.Payload
					}
				})
			}
			r := run(bin, "observe", uri+"/none")
			require.Equal(t, 1, r.code, "%v", r)
		})
	}
}

// TestLibcoapSubscribesServe: libcoap's client, which knows no rules, says with
// conditional parameters what it wants: not each second, but when the counter
// passes a threshold.
func TestLibcoapSubscribesServe(t *testing.T) {
	client, bin := peer(t, libcoapClient), coap2(t)
	uri := "coap://" + startServe(t, hosts[0]).String()
	var a answer
	var states []string
	for try := 0; try < 3 && len(states) < 2; try++ { // the machine may stand still meanwhile
		require.Zero(t, run(bin, "put", "--data", "0", uri+"/tick-con").code)
		a = ask(client, t.TempDir(), "-m", "get", "-s", "12", uri+"/tick-con?c.gt=5&c.pmin=1")
		require.Zero(t, a.code, "%v", a)
		states = regexp.MustCompile(`c:2\.05 .* Observe:.*`).FindAllString(a.stdout, -1)
	}
	require.Len(t, states, 2, "the answer and one notification: %v", a)
	require.Contains(t, states[1], "'6'", "%v", a)
	a = ask(client, t.TempDir(), "-m", "get", "-s", "1", uri+"/tick-con?c.gt=warm")
	require.Contains(t, a.stdout+a.stderr, "4.00", "%v", a)
}

// TestCommandSubscribesLibcoap: the server knows no rules, so ours is evaluated
// here.
func TestCommandSubscribesLibcoap(t *testing.T) {
	bin := coap2(t)
	uri := "coap://" + startLibcoap(t, hosts[0]).String()
	r := run(bin, "subscribe", "--json", "-n", "3", uri+"/time?ticks", "delta >= 2")
	require.Zero(t, r.code, "%v", r)
	last, reasons := 0, ""
	for line := range strings.Lines(r.stdout) {
		var state struct {
			Payload, Reason string
			At              string `json:"filters_at"`
		}
		require.NoError(t, json.Unmarshal([]byte(line), &state), "%v", r)
		v, err := strconv.Atoi(state.Payload)
		require.NoError(t, err, "%v", r)
		require.GreaterOrEqual(t, v, last+2, "%v", r)
		require.Equal(t, "subscriber", state.At, "%v", r)
		last = v
		reasons += state.Reason + " "
	}
	require.Equal(t, "first selected selected ", reasons, "%v", r)
}
