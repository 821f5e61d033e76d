package interop

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// wantKind is how libcoap's client sees a response arrive.
func wantKind(non, separate bool) string {
	switch {
	case non:
		return "NON"
	case separate:
		return "CON"
	}
	return "ACK"
}

// request is one request to an echoServer.
type request struct {
	method
	non      bool
	resource string // "inline", "pooled" or "separate"
	path     string
	body     string
}

// requests are all combinations. Each has a path of its own.
func requests() (rs []request) {
	for _, resource := range []string{"inline", "pooled", "separate"} {
		for _, non := range []bool{false, true} {
			for _, m := range all {
				r := request{method: m, non: non, resource: resource, path: fmt.Sprintf("/%s/%d", resource, len(rs))}
				if m.hasBody() {
					r.body = "hello, " + m.name
				}
				rs = append(rs, r)
			}
		}
	}
	return rs
}

func (r request) String() string {
	typ := "CON"
	if r.non {
		typ = "NON"
	}
	return typ + " " + r.code.Name() + " " + r.resource
}

// libcoapArgs are the arguments of libcoap's client for the request.
func (r request) libcoapArgs(authority string) []string {
	args := []string{"-m", r.name}
	if r.non {
		args = append(args, "-N")
	}
	if r.body != "" {
		args = append(args, "-t", "text/plain", "-e", r.body)
	}
	return append(args, "coap://"+authority+r.path)
}

// TestLibcoapAsksNode: libcoap's client with every method against a node.
func TestLibcoapAsksNode(t *testing.T) {
	client := peer(t, libcoapClient)
	for _, host := range hosts {
		t.Run(host, func(t *testing.T) {
			server, dir := startEcho(t, host, defaults), t.TempDir()
			for _, r := range requests() {
				t.Run(r.String(), func(t *testing.T) {
					t.Parallel()
					a := ask(client, dir, r.libcoapArgs(server.addr.String())...)
					require.Zero(t, a.code, "%v", a)
					require.Equal(t, r.success(), a.status, "%v", a)
					require.Equal(t, wantKind(r.non, r.resource == "separate"), a.kind, "%v", a)
					require.Equal(t, echo(r.code.Name(), r.path, r.body), a.payload, "%v", a)
					require.Equal(t, 1, server.executions(r.code.Name(), r.path), "%v", a)
				})
			}
		})
	}
}

// TestLibcoapOptions: what libcoap's client can say besides method and path.
func TestLibcoapOptions(t *testing.T) {
	client := peer(t, libcoapClient)
	server, dir := startEcho(t, "127.0.0.1", defaults), t.TempDir()
	uri := "coap://" + server.addr.String()
	for _, c := range []struct {
		name   string
		args   []string
		status string
		want   string
	}{
		{"elective option that nobody knows", []string{"-O", "65000,text", uri + "/inline/1"}, "2.05", "GET /inline/1 []"},
		{"critical option that nobody knows", []string{"-O", "65001,text", uri + "/inline/1"}, "4.02", ""},
		{"no Uri-Port", []string{"-U", uri + "/inline/1"}, "2.05", "GET /inline/1 []"},
		{"Accept", []string{"-A", "text/plain", uri + "/inline/1"}, "2.05", "GET /inline/1 []"},
		{"query", []string{uri + "/inline/1?a=1&b"}, "2.05", "GET /inline/1 []"},
		{"percent-encoding", []string{uri + "/inline/%C3%A9%20%2F"}, "2.05", "GET /inline/é / []"},
		{"token of 8 bytes", []string{"-T", "12345678", uri + "/inline/1"}, "2.05", "GET /inline/1 []"},
		{"separate, token of 8 bytes", []string{"-T", "12345678", uri + "/separate/1"}, "2.05", "GET /separate/1 []"},
		{"Uri-Host", []string{"-O", "3,node1.example", uri + "/inline/1"}, "2.05", "GET /inline/1 []"},
		{"no such resource", []string{uri + "/nope"}, "4.04", ""},
		{"no such method", []string{"-m", "put", uri + "/.well-known/core"}, "4.05", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := ask(client, dir, c.args...)
			require.Equal(t, c.status, a.status, "%v", a)
			require.Equal(t, c.want, a.payload, "%v", a)
		})
	}
}
