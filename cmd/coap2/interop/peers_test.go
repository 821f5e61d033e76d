package interop

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
)

// defaults are the transmission parameters of RFC 7252.
var defaults protocol.Params

// hosts are the loopback addresses of both families.
var hosts = []string{"127.0.0.1", "::1"}

// startNode starts a node of our own on a free port.
func startNode(t *testing.T, host string, params protocol.Params) *actors.Node {
	t.Helper()
	// A NON request that gets lost is asked again at once here; at the default
	// PROBING_RATE of one byte a second that would take minutes.
	params.ProbingRate = 1e6
	n, err := actors.Start(actors.Config{Listen: []string{net.JoinHostPort(host, "0")}, Params: params})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = n.Stop(ctx)
	})
	return n
}

// startServe starts "coap2 serve" and returns its address.
func startServe(t *testing.T, host string) netip.AddrPort {
	t.Helper()
	ready := make(chan string, 16)
	s := startServer(t, func(line string) {
		if uri, ok := strings.CutPrefix(line, "ready coap://"); ok {
			select {
			case ready <- uri:
			default:
			}
		}
	}, coap2(t), "serve", "--listen", net.JoinHostPort(host, "0"))
	// A race that its race detector found is an exit code, too.
	t.Cleanup(func() {
		if err := s.interrupt(); err != nil {
			t.Errorf("serve did not end well: %v", err)
		}
	})
	select {
	case uri := <-ready:
		addr, err := netip.ParseAddrPort(strings.TrimSpace(uri))
		require.NoError(t, err, "%v", s)
		return addr
	case <-s.ended:
		t.Fatalf("it did not become ready: %v", s)
	case <-time.After(patience):
		t.Fatalf("it did not become ready: %v", s)
	}
	return netip.AddrPort{}
}

// startLibcoap starts coap-server-notls and returns its address. The server
// cannot choose a port itself, so one that is free now is tried, and another one
// if somebody was faster.
func startLibcoap(t *testing.T, host string) netip.AddrPort {
	t.Helper()
	path := peer(t, libcoapServer)
	prober := startNode(t, host, protocol.Params{AckTimeout: 100 * time.Millisecond})
	for range 5 {
		addr := freePort(t, host)
		s := startServer(t, nil, path, "-v", "7", "-A", host, "-p", fmt.Sprint(addr.Port()), "-d", "1000")
		if answers(prober, addr, s) {
			return addr
		}
		t.Logf("not ready: %v", s)
		s.kill()
	}
	t.Fatalf("%s did not become ready", libcoapServer)
	return netip.AddrPort{}
}

// freePort returns an address to which nobody listens at this moment.
func freePort(t *testing.T, host string) netip.AddrPort {
	t.Helper()
	c, err := net.ListenPacket("udp", net.JoinHostPort(host, "0"))
	require.NoError(t, err)
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort()
}

// answers waits until a libcoap server answers: pings until it is there, and
// asks what it is, since somebody else may have taken its port.
func answers(prober *actors.Node, addr netip.AddrPort, s *server) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	uri := "coap://" + addr.String()
	for ctx.Err() == nil && s.running() {
		if _, err := prober.Ping(ctx, uri); err != nil {
			continue // unreachable, as long as nobody listens
		}
		res, err := prober.Get(ctx, uri)
		return err == nil && strings.Contains(string(res.Payload), "libcoap")
	}
	return false
}

// answer is what coap-client-notls got.
type answer struct {
	result
	// kind is how the response came: "ACK" piggybacked, "CON" or "NON".
	kind string
	// status is the code of the response, "2.05"; "" if none came.
	status  string
	payload string
}

// received is a response in the client's log, where requests have a name in
// place of the code.
var received = regexp.MustCompile(`(?m)^v:1 t:(ACK|CON|NON) c:([245]\.\d\d) `)

// ask runs coap-client-notls. It may be called from any goroutine.
func ask(path, dir string, args ...string) answer {
	out, err := os.CreateTemp(dir, "payload")
	if err != nil {
		return answer{result: result{code: -1, stderr: err.Error()}}
	}
	out.Close()
	// -v 7 logs every message, -B is how many seconds to wait for the end: 100
	// are more than MAX_TRANSMIT_WAIT.
	a := answer{result: run(path, append([]string{"-v", "7", "-B", "100", "-o", out.Name()}, args...)...)}
	a.command = strings.ReplaceAll(a.command, dir+string(filepath.Separator), "")
	if all := received.FindAllStringSubmatch(a.stdout, -1); len(all) > 0 {
		last := all[len(all)-1]
		a.kind, a.status = last[1], last[2]
	}
	b, err := os.ReadFile(out.Name())
	if err != nil && !os.IsNotExist(err) {
		a.stderr += err.Error()
	}
	a.payload = string(b)
	return a
}

// method is a method, and what the peers call it.
type method struct {
	code codec.Code
	name string
}

var (
	get    = method{codec.GET, "get"}
	put    = method{codec.PUT, "put"}
	post   = method{codec.POST, "post"}
	del    = method{codec.DELETE, "delete"}
	fetch  = method{codec.FETCH, "fetch"}
	patch  = method{codec.PATCH, "patch"}
	ipatch = method{codec.IPATCH, "ipatch"}
	all    = []method{get, put, post, del, fetch, patch, ipatch}
)

// hasBody: requests of this method carry a payload in these tests.
func (m method) hasBody() bool { return m.code != codec.GET && m.code != codec.DELETE }

// success is the code of the usual response.
func (m method) success() string {
	switch m.code {
	case codec.GET, codec.FETCH:
		return "2.05"
	case codec.DELETE:
		return "2.02"
	}
	return "2.04"
}
