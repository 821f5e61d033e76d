package interop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/codec"
)

// reply is what the command or a node got from a server.
type reply struct {
	status   string // "2.05"; "" if no response came
	payload  string
	separate bool
	story    string // for the message of a failed test
}

func (r reply) String() string { return r.story }

// Timeouts of requests: more than MAX_TRANSMIT_WAIT, and for non-confirmable
// requests more than any server here takes.
const (
	enough    = 100 * time.Second
	enoughNON = 5 * time.Second
)

// asker makes one request. It may be called from any goroutine.
type asker func(m method, non bool, uri, body string) reply

// askCommand returns an asker that runs the command under test.
func askCommand(bin string) asker {
	return func(m method, non bool, uri, body string) reply {
		args := []string{m.name, "--json", "-v", "--timeout", enough.String()}
		if non {
			args = []string{m.name, "--json", "-v", "--timeout", enoughNON.String(), "--non"}
		}
		if body != "" {
			args = append(args, "--content-format", "text", "--data", body)
		}
		res := run(bin, append(args, uri)...)
		r := reply{story: res.String()}
		var said struct {
			Code     string
			Payload  string
			Separate bool
		}
		if err := json.Unmarshal([]byte(res.stdout), &said); err != nil {
			r.story += "\n" + err.Error()
			return r
		}
		if success := strings.HasPrefix(said.Code, "2."); success != (res.code == 0) {
			r.story += "\nthe exit code does not fit the response"
			return r
		}
		r.status, r.payload, r.separate = said.Code, said.Payload, said.Separate
		return r
	}
}

// askNode returns an asker that is a node.
func askNode(n *actors.Node) asker {
	return func(m method, non bool, uri, body string) reply {
		req := actors.Request{Method: m.code, URI: uri, NonConfirmable: non, Timeout: enough}
		if non {
			req.Timeout = enoughNON
		}
		if body != "" {
			req.Payload = []byte(body)
			req.Options = codec.Options{codec.ContentFormat(codec.TextPlain)}
		}
		res, err := n.Do(context.Background(), req)
		r := reply{story: fmt.Sprintf("%s %s: %v", m.name, uri, err)}
		var ce *actors.CodeError
		if err == nil || errors.As(err, &ce) {
			r.status, r.payload, r.separate = res.Code.String()[:4], string(res.Payload), res.Separate
		}
		return r
	}
}

// askServer asks libcoap's example server everything that it can answer.
func askServer(t *testing.T, ask asker, authority, name string, non bool) {
	uri := "coap://" + authority
	check := func(m method, path, body, status, payload string) {
		t.Helper()
		r := ask(m, non, uri+path, body)
		require.Equal(t, status, r.status, "%v", r)
		require.Equal(t, payload, r.payload, "%v", r)
		require.Equal(t, !non && strings.HasPrefix(path, "/async"), r.separate, "%v", r)
	}
	r := ask(get, non, uri, "")
	require.Equal(t, "2.05", r.status, "%v", r)
	require.Contains(t, r.payload, "libcoap", "%v", r)
	r = ask(get, non, uri+"/.well-known/core", "")
	require.Equal(t, "2.05", r.status, "%v", r)
	links, err := codec.ParseLinks([]byte(r.payload))
	require.NoError(t, err, "%v", r)
	require.NotEmpty(t, links, "%v", r)

	path := "/" + name
	check(get, path, "", "4.04", "Not Found")
	check(put, path, "one", "2.01", "")
	check(get, path, "", "2.05", "one")
	check(put, path, "two", "2.04", "")
	check(get, path, "", "2.05", "two")
	check(post, path, "three", "2.04", "")
	check(get, path, "", "2.05", "three")
	check(del, path, "", "2.02", "")
	check(get, path, "", "4.04", "Not Found")
	check(post, "/", "x", "4.05", "Method Not Allowed")
	check(get, "/async?1", "", "2.05", "done")
}

// TestCommandAsksLibcoap: the command against libcoap's server.
func TestCommandAsksLibcoap(t *testing.T) {
	for _, host := range hosts {
		t.Run(host, func(t *testing.T) {
			addr := startLibcoap(t, host)
			bin := coap2(t)
			for _, non := range []bool{false, true} {
				t.Run(typeName(non), func(t *testing.T) {
					t.Parallel()
					askServer(t, askCommand(bin), addr.String(), typeName(non), non)
				})
			}
			t.Run("ping", func(t *testing.T) {
				t.Parallel()
				r := run(bin, "ping", "-v", "coap://"+addr.String())
				require.Zero(t, r.code, "%v", r)
			})
			t.Run("payload on stdout", func(t *testing.T) {
				t.Parallel()
				r := run(bin, "get", "-v", "coap://"+addr.String()+"/async?1")
				require.Zero(t, r.code, "%v", r)
				require.Equal(t, "done", r.stdout, "%v", r)
			})
		})
	}
}

// TestNodeAsksLibcoap: a node against libcoap's server.
func TestNodeAsksLibcoap(t *testing.T) {
	for _, host := range hosts {
		t.Run(host, func(t *testing.T) {
			addr := startLibcoap(t, host)
			for _, non := range []bool{false, true} {
				t.Run(typeName(non), func(t *testing.T) {
					t.Parallel()
					askServer(t, askNode(startNode(t, host, defaults)), addr.String(), typeName(non), non)
				})
			}
			t.Run("other methods", func(t *testing.T) {
				t.Parallel()
				ask := askNode(startNode(t, host, defaults))
				r := ask(fetch, false, "coap://"+addr.String()+"/time", "ticks")
				require.Equal(t, "2.05", r.status, "%v", r)
				for _, m := range []method{patch, ipatch} {
					r := ask(m, false, "coap://"+addr.String()+"/time", "x")
					require.Equal(t, "4.05", r.status, "%v", r)
				}
			})
		})
	}
}

func typeName(non bool) string {
	if non {
		return "NON"
	}
	return "CON"
}
