package interop

import (
	"encoding/json"
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
				a := ask(client, dir, "-m", "get", "-s", "8", uri+tt.path)
				require.Zero(t, a.code, "%v", a)
				states := received.FindAllString(a.stdout, -1)
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
