package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// The peers: variants without DTLS, which need no keys.
const (
	libcoapClient = "coap-client-notls"
	libcoapServer = "coap-server-notls"
)

// buildDir is where the command under test is built, once, by the first test
// that needs it.
var buildDir string

func TestMain(m *testing.M) {
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "coap2-interop")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	buildDir = dir
	if raceEnabled {
		// By default a program with the race detector sleeps for a second
		// before it exits.
		os.Setenv("GORACE", "atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	}
	return m.Run()
}

var buildOnce = sync.OnceValues(func() (string, error) {
	bin := filepath.Join(buildDir, "coap2")
	if runtime.GOOS == "windows" {
		bin += ".exe"
	}
	args := []string{"build", "-buildvcs=false", "-o", bin}
	if raceEnabled {
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, "github.com/coap2/coap2/cmd/coap2")...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("go build of the command failed: %w\n%s", err, out)
	}
	return bin, err
})

// coap2 returns the path of the command under test.
func coap2(t *testing.T) string {
	t.Helper()
	bin, err := buildOnce()
	require.NoError(t, err)
	return bin
}

// peer returns the path of one of libcoap's programs. Without it the test is
// skipped, or fails where it must not be.
func peer(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("COAP2_REQUIRE_PEERS") == "1" {
			t.Fatalf("%s is not installed, and COAP2_REQUIRE_PEERS=1; on Debian: apt-get install libcoap3-bin", name)
		}
		t.Skipf("%s is not installed; on Debian: apt-get install libcoap3-bin", name)
	}
	return path
}
