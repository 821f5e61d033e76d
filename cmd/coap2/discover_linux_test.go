package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors"
)

// ownNetwork is set in the environment of a test binary that has a network of its own.
const ownNetwork = "COAP2_COMMAND_TEST_NETWORK"

// TestDiscoverOnANetwork runs the tests whose names begin with TestNet in a network
// namespace with a cable in it. Where the system does not allow that it is skipped,
// or fails if COAP2_REQUIRE_PEERS=1.
func TestDiscoverOnANetwork(t *testing.T) {
	if os.Getenv(ownNetwork) != "" {
		t.Skip("is in it")
	}
	inside := func(name string, args ...string) ([]byte, error) {
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Env = append(os.Environ(), ownNetwork+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Pdeathsig: syscall.SIGKILL, Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}, GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
		}
		return cmd.CombinedOutput()
	}
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	if out, err := inside("ip", "link", "add", "type", "veth"); err != nil {
		if os.Getenv("COAP2_REQUIRE_PEERS") == "1" {
			t.Fatalf("no network namespace with a cable can be made: %v %s", err, out)
		}
		t.Skipf("no network namespace with a cable can be made: %v %s", err, out)
	}
	out, err := inside(os.Args[0], "-test.v", "-test.timeout=2m", "-test.run=^TestNet[A-Z]")
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: TestNet")
}

// wired lays a cable, both ends of which are here.
func wired(t *testing.T) {
	t.Helper()
	if os.Getenv(ownNetwork) == "" {
		t.Skip("runs in TestDiscoverOnANetwork")
	}
	for _, line := range []string{
		"link set lo up", "link add e0 type veth peer name e1", "link set e0 addrgenmode none up", "link set e1 addrgenmode none up",
		"addr add 192.0.2.1/24 dev e0", "-6 addr add fe80::1/64 dev e0 nodad",
	} {
		out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput()
		require.NoError(t, err, "ip %s: %s", line, out)
	}
	t.Cleanup(func() { _ = exec.Command("ip", "link", "del", "e0").Run() })
}

func TestNetNoMulticast(t *testing.T) {
	if os.Getenv(ownNetwork) == "" {
		t.Skip("runs in TestDiscoverOnANetwork")
	}
	r := run("", "discover")
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.err, "this machine cannot ask a network: discovery: no multicast: ")
	require.Contains(t, r.err, "no network interface is up")
	require.Contains(t, r.err, "--resolve NAME=ADDRESS")
	require.NotContains(t, strings.TrimSpace(r.err), "\n")
}

func TestNetDiscover(t *testing.T) {
	wired(t)
	has := make(chan string, 4)
	start := func() *actors.Node {
		cfg := actors.Config{Name: "node1.local", Setup: (&demoResources{slow: time.Millisecond}).register}
		cfg.Names.Changed = func(name string) { has <- name }
		n, err := actors.Start(cfg)
		require.NoError(t, err)
		require.Equal(t, "node1.local", <-has)
		return n
	}
	n := start()

	for _, args := range []string{"discover node1.local", "discover /hello --coap2", "discover /hello /nothing --coap2", "discover /hello /tick --all --coap2", "discover --rt temp* --coap2", "discover --wait 3s"} {
		r := run("", strings.Fields(args)...)
		require.Equal(t, exitOK, r.code, "%s: %s", args, r.err)
		require.Regexp(t, `(?m)^node1\.local +\S+5683`, r.out, args)
	}
	for _, args := range []string{"discover node2.local", "discover /nothing --coap2 --wait 700ms", "discover /hello /nothing --all --coap2 --wait 700ms", "discover --rt nothing --coap2 --wait 700ms"} {
		r := run("", strings.Fields(args)...)
		require.Equal(t, exitFailure, r.code, "%s: %s", args, r.out)
		require.Contains(t, r.err, "nobody has answered")
	}
	r := run("", "discover", "--rt", "temp*", "--json", "--coap2")
	require.Equal(t, exitOK, r.code, r.err)
	var found foundReport
	first, _, _ := strings.Cut(r.out, "\n")
	require.NoError(t, json.Unmarshal([]byte(first), &found))
	require.Equal(t, "node1.local", found.Name)
	require.Equal(t, []linkReport{{Href: "/root/child", Attributes: [][]string{{"rt", "temperature"}}}}, found.Links)

	r = run("", "resolve", "node1.local")
	require.Equal(t, exitOK, r.code, r.err)
	require.Contains(t, r.out, "192.0.2.1:5683\n")
	r = run("", "get", "coap://node1.local/hello")
	require.Equal(t, exitOK, r.code, r.err)
	require.Equal(t, "hello world", r.out)
	require.NoError(t, n.Stop(context.Background()))

	// Somebody watches while it comes and goes.
	ctx, end := context.WithCancel(t.Context())
	defer end()
	out := &signalling{news: make(chan string, 100)}
	code := make(chan int, 1)
	go func() {
		code <- newApp(strings.NewReader(""), out, out).execute(ctx, []string{"discover", "--watch", "--coap2", "--every", "5s"})
	}()
	// It listens when it has asked; the port is its own, so the node has another.
	cfg := actors.Config{Name: "node1.local", Listen: []string{":5684"}}
	n, err := actors.Start(cfg)
	require.NoError(t, err)
	out.await(t, "hello     node1.local")
	require.NoError(t, n.Stop(context.Background()))
	out.await(t, "goodbye   node1.local")
	end()
	require.Equal(t, exitInterrupted, <-code)
}

// signalling is an output that tells of its lines.
type signalling struct {
	mu   sync.Mutex
	text bytes.Buffer
	news chan string
}

func (s *signalling) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.Write(b)
	s.news <- string(b)
	return len(b), nil
}

// await waits for a text.
func (s *signalling) await(t *testing.T, what string) {
	t.Helper()
	for {
		select {
		case <-s.news:
		case <-t.Context().Done():
			t.Fatal("no ", what)
		}
		s.mu.Lock()
		ok := strings.Contains(s.text.String(), what)
		s.mu.Unlock()
		if ok {
			return
		}
	}
}
