package interop

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLibcoapAsksServe: libcoap's client against "coap2 serve".
func TestLibcoapAsksServe(t *testing.T) {
	client := peer(t, libcoapClient)
	for _, host := range hosts {
		t.Run(host, func(t *testing.T) {
			for _, non := range []bool{false, true} {
				t.Run(typeName(non), func(t *testing.T) {
					t.Parallel()
					askServe(t, client, host, non)
				})
			}
		})
	}
}

// askServe asks a "coap2 serve" of its own for what it offers.
func askServe(t *testing.T, client, host string, non bool) {
	dir := t.TempDir()
	uri := "coap://" + startServe(t, host).String()
	send := func(m method, path string, more ...string) answer {
		args := append([]string{"-m", m.name}, more...)
		if non {
			args = append(args, "-N")
		}
		return ask(client, dir, append(args, uri+path)...)
	}
	check := func(m method, path, status, payload string, more ...string) {
		t.Helper()
		a := send(m, path, more...)
		require.Zero(t, a.code, "%v", a)
		require.Equal(t, status, a.status, "%v", a)
		require.Equal(t, payload, a.payload, "%v", a)
		require.Equal(t, wantKind(non, path == "/separate" || path == "/root/child/private"), a.kind, "%v", a)
	}
	check(get, "/hello", "2.05", "hello world")
	check(get, "/seg1/seg2/seg3", "2.05", "a resource with three path segments")
	check(get, "/query?first=1&second=2", "2.05", "first=1\nsecond=2")
	check(get, "/multi-format", "4.06", "", "-A", "application/json")

	check(get, "/create1", "4.04", "")
	check(put, "/create1", "2.01", "", "-t", "text/plain", "-e", "one")
	check(get, "/create1", "2.05", "one")
	check(put, "/create1", "2.04", "", "-t", "text/plain", "-e", "two")
	check(get, "/create1", "2.05", "two", "-A", "text/plain")
	check(del, "/create1", "2.02", "")
	check(get, "/create1", "4.04", "")

	check(post, "/root/child", "2.04", "The temperature is perfect", "-t", "application/json", "-e", `{"temp":12.9}`)
	check(post, "/root/child", "4.00", "", "-t", "application/json", "-e", "{")
	check(post, "/test", "2.01", "", "-e", "created")
	check(get, "/location1/location2/location3", "2.05", "created")
	check(post, "/hello", "4.05", "")

	check(get, "/separate", "2.05", "this took its time")
	check(post, "/root/child/private", "2.04", "this is private, and was not easy to find")

	core := send(get, "/.well-known/core")
	require.Equal(t, "2.05", core.status, "%v", core)
	require.Contains(t, core.payload, "</hello>", "%v", core)
}
