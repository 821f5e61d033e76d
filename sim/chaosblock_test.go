package sim_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/sim"
)

// chaoticBody is a body that can be recognised: it follows from a number, which it
// begins with, and every other eight bytes say where they are.
func chaoticBody(number uint64, size int) []byte {
	b := binary.BigEndian.AppendUint64(nil, number)
	for i := 1; len(b) < size; i++ {
		b = binary.BigEndian.AppendUint64(b, number*1_000_003+uint64(i))
	}
	return b[:max(size, 8)]
}

// isChaotic reports whether a body is whole: nothing is missing, doubled, or of
// another body.
func isChaotic(b []byte, size int) bool {
	return len(b) == max(size, 8) && bytes.Equal(b, chaoticBody(binary.BigEndian.Uint64(b), size))
}

// chaosTransfers is a World with bad links in which everybody sends and fetches
// bodies in blocks, from servers that change them, forget them, and have room for
// a few only.
type chaosTransfers struct {
	runs        map[uint64]int // of handlers that took a body, by its number
	good, ended int
	failed      map[string]int
	wrong       []string
	hash        uint64
}

const chaosTransferCount = 16

func runChaosTransfers(t *testing.T, seed uint64) *chaosTransfers {
	w := sim.New(seed)
	defer w.Close()
	c := &chaosTransfers{runs: map[uint64]int{}, failed: map[string]int{}}
	r := w.Rand("test", "transfers")
	require.NoError(t, w.Link("", "", sim.Link{
		Latency: time.Duration(r.IntN(100)) * time.Millisecond, Jitter: time.Duration(r.IntN(100)) * time.Millisecond,
		Loss: 0.1 * r.Float64(), Duplicate: 0.2, Reorder: 0.1, ReorderBy: 10 * time.Second,
	}))
	nodes := map[string]*actors.Node{}
	version := uint64(1) << 32
	size := 8 + r.IntN(1500)
	for _, name := range chaosNodes {
		n, err := w.Node(name, actors.Config{
			Params: protocol.Params{NStart: 1 + r.IntN(3)}, BlockSize: 16 << r.IntN(7),
			Limits: actors.Limits{Spools: 32 * (1 + r.IntN(3)), SpoolBytes: 2000 + r.IntN(20_000), Bodies: 1 + r.IntN(6), BodyBytes: 2000 + r.IntN(20_000)},
		})
		require.NoError(t, err)
		c.serve(t, n, &version, &size)
		nodes[name] = n
	}
	w.Go(func(ctx context.Context) { // representations change now and then
		for range 20 {
			if actors.Sleep(ctx, time.Duration(r.IntN(20))*time.Second) != nil {
				return
			}
			version++
		}
	})
	for i := range uint64(chaosTransferCount) {
		from, to := chaosNodes[r.IntN(3)], chaosNodes[r.IntN(3)]
		req := actors.Request{Method: []codec.Code{codec.GET, codec.POST, codec.PUT, codec.FETCH}[r.IntN(4)]}
		if r.IntN(2) == 0 {
			req.BlockSize = 16 << r.IntN(7)
		}
		path := []string{"whole", "stream", "slow"}[r.IntN(3)]
		req.URI = "coap://" + to + "/" + path
		sent, n := []byte(nil), 8+r.IntN(1500)
		if req.Method != codec.GET {
			sent = chaoticBody(i, n)
			if r.IntN(2) == 0 {
				req.Payload = sent
			} else {
				req.Body = bytes.NewReader(sent)
			}
		}
		var got bytes.Buffer
		if r.IntN(2) == 0 {
			req.To = &got
		}
		start := time.Duration(r.IntN(60)) * time.Second
		w.Go(func(ctx context.Context) {
			if actors.Sleep(ctx, start) != nil {
				return
			}
			res, err := nodes[from].Do(ctx, req)
			c.ended++
			body := got.Bytes()
			if res != nil && req.To == nil {
				body = res.Payload
			}
			c.end(fmt.Sprintf("%d %v %s", i, req.Method.Name(), path), req.Method, sent, body, size, err)
		})
	}
	if err := w.RunUntilIdle(3 * time.Hour); err != nil {
		c.wrong = append(c.wrong, err.Error())
	}
	for _, name := range chaosNodes {
		if s := nodes[name].Stats(); s.Exchanges != 0 || s.Panics != 0 || s.ServingBytes != 0 {
			c.wrong = append(c.wrong, fmt.Sprintf("node %s: %+v", name, s))
		}
	}
	c.hash = w.Hash()
	return c
}

func (c *chaosTransfers) serve(t *testing.T, n *actors.Node, version *uint64, size *int) {
	take := func(q *actors.Request) ([]byte, error) {
		b := q.Payload
		if q.Body != nil {
			var err error
			if b, err = io.ReadAll(q.Body); err != nil {
				return nil, err
			}
		}
		if len(b) < 8 || !isChaotic(b, len(b)) {
			c.wrong = append(c.wrong, fmt.Sprintf("a handler was given %d bytes that nobody has sent", len(b)))
			return nil, nil
		}
		if q.Method == codec.POST {
			c.runs[binary.BigEndian.Uint64(b)]++
		}
		return slices.Clone(b), nil
	}
	resource := func(r actors.Resource, delay time.Duration, reads bool) actors.Resource {
		echo := func(ctx context.Context, q *actors.Request) (*actors.Response, error) {
			b, err := take(q)
			if err == nil && delay > 0 {
				err = actors.Sleep(ctx, delay)
			}
			if err != nil {
				return nil, err
			}
			if reads {
				return &actors.Response{Body: bytes.NewReader(b), Size: int64(len(b))}, nil
			}
			return actors.Bytes(codec.OctetStream, b)
		}
		r.Post, r.Put, r.Fetch = echo, echo, echo
		r.Get = func(ctx context.Context, _ *actors.Request) (*actors.Response, error) {
			b := chaoticBody(*version, *size)
			if reads {
				return &actors.Response{Body: bytes.NewReader(b), Size: int64(len(b))}, nil
			}
			return actors.Bytes(codec.OctetStream, b)
		}
		return r
	}
	handle(t, n, "/whole", resource(actors.Resource{}, 0, false))
	handle(t, n, "/stream", resource(actors.Resource{Stream: true}, 0, true))
	handle(t, n, "/slow", resource(actors.Resource{Concurrency: 2}, 2*time.Second, false))
}

// end takes the end of a transfer: what came is what was sent, or it is an error.
func (c *chaosTransfers) end(id string, method codec.Code, sent, got []byte, size int, err error) {
	var ce *actors.CodeError
	switch {
	case err == nil && method == codec.GET && isChaotic(got, size), err == nil && method != codec.GET && bytes.Equal(sent, got):
		c.good++
	case err == nil:
		c.wrong = append(c.wrong, fmt.Sprintf("request %s has %d bytes that are not what was sent, %d bytes", id, len(got), len(sent)))
	case errors.As(err, &ce):
		c.failed[strconv.Itoa(int(ce.Code.Class()))+"."+strconv.Itoa(int(ce.Code.Detail()))]++
		if ce.Code != codec.ServiceUnavailable && ce.Code != codec.RequestEntityIncomplete && ce.Code != codec.InternalServerError && ce.Code != codec.BadRequest {
			c.wrong = append(c.wrong, fmt.Sprintf("request %s: %v", id, err))
		}
	case errors.Is(err, actors.ErrTimeout), errors.Is(err, actors.ErrReset), errors.Is(err, protocol.ErrBodyChanged):
		c.failed["other"]++
	default:
		c.wrong = append(c.wrong, fmt.Sprintf("request %s: %v", id, err))
	}
}

// TestChaosOfTransfers: over many seeds, on links that lose, double and reorder,
// with servers that forget: a body that has been transferred is byte-equal, or
// there is an error; and a POST is executed once.
func TestChaosOfTransfers(t *testing.T) {
	seeds := uint64(150)
	if testing.Short() || raceEnabled {
		seeds = 15
	}
	good, failed := 0, map[string]int{}
	for seed := range seeds {
		c := runChaosTransfers(t, seed)
		require.Empty(t, c.wrong, "seed %d", seed)
		require.Equal(t, chaosTransferCount, c.ended, "seed %d: every request ends", seed)
		for number, runs := range c.runs {
			require.LessOrEqual(t, runs, 1, "seed %d: POST %d was executed more than once", seed, number)
		}
		if seed%10 == 0 {
			require.Equal(t, c.hash, runChaosTransfers(t, seed).hash, "seed %d: the same seed has two traces", seed)
		}
		good += c.good
		for why, n := range c.failed {
			failed[why] += n
		}
	}
	t.Logf("%d good, failed: %v", good, failed)
	require.Greater(t, good, int(seeds)*chaosTransferCount/2)
}
