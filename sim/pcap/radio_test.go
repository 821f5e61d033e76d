package pcap_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/sim"
	"github.com/coap2/coap2/sim/pcap"
	"github.com/coap2/coap2/sim/radio"
)

// TestTsharkRadio: Wireshark understands the frames of a radio: MAC and mesh
// headers, fragments and compressed headers, down to CoAP.
func TestTsharkRadio(t *testing.T) {
	command := tshark(t)
	for i, forward := range []bool{true, false, true} {
		cfg, side := radio.Config{Forward: forward}, 3
		if i == 2 {
			cfg.Duty.Wake, side = 100*time.Millisecond, 2
		}
		nodes := side * side
		w := sim.New(7)
		t.Cleanup(w.Close)
		var out bytes.Buffer
		p, err := pcap.New(&out, pcap.Config{NoSent: true, NoDelivered: true, NoLost: true})
		require.NoError(t, err)
		frames, fragments, datagrams, acks, requests := 0, 0, 0, 0, 0
		w.WatchFrames(func(f sim.AirFrame) {
			switch {
			case f.Ack:
				acks++
			case f.Datagram.Size > 116:
				frames++
				fragments++
			default:
				frames++
				datagrams++
			}
			if f.Request {
				requests++
			}
			require.Len(t, f.Append(nil), f.Size()-2, "all but the FCS")
			p.RecordFrame(f)
		})
		cfg.Topology, err = radio.Grid(nodes, side)
		require.NoError(t, err)
		require.NoError(t, w.Segment(sim.Segment{Name: "air", Nodes: "*", Radio: &sim.Radio{Config: cfg}}))
		for i := range nodes {
			listen := fmt.Sprintf("[2001:db8::%d]:5683", i+1)
			if i == 5 {
				listen = "[2001:db8::6]:61617" // 0xf0b1: compressed further
			}
			n, err := w.Node(fmt.Sprintf("s%d", i), actors.Config{Listen: []string{listen}})
			require.NoError(t, err)
			for k, path := range []string{"/small", "/large"} {
				_, err = n.Handle(path, actors.Resource{Multicast: true, Get: func(context.Context, *actors.Request) (*actors.Response, error) {
					return actors.Text(strings.Repeat("x", 10+290*k))
				}})
				require.NoError(t, err)
			}
			w.Go(func(ctx context.Context) {
				for _, path := range []string{"/small", "/large"} {
					_, _ = n.Get(ctx, fmt.Sprintf("coap://[2001:db8::%d]%s", (i+1)%nodes+1, path), codec.Accept(codec.TextPlain))
					for _, group := range []string{"ff02::fd", "ff05::fd"} {
						for range n.Gather(ctx, actors.Request{URI: "coap://[" + group + "]" + path, Timeout: 10 * time.Second}) {
							continue
						}
					}
				}
			})
		}
		require.NoError(t, w.RunUntilIdle(time.Hour))
		require.NoError(t, p.Flush())
		require.NotZero(t, fragments)

		name := filepath.Join(t.TempDir(), "radio.pcapng")
		require.NoError(t, os.WriteFile(name, out.Bytes(), 0o600))
		fields := []string{"6lowpan.pattern", "_ws.malformed", "_ws.expert.severity", "6lowpan.frag.tag", "coap.code", "udp.checksum.status", "6lowpan.reassembled.length", "ipv6.dst", "6lowpan.mesh.orig16", "wpan.frame_type", "wpan.ack_request"}
		args := []string{"-n", "-r", name, "-o", "udp.check_checksum:TRUE", "-T", "fields"}
		for _, f := range fields {
			args = append(args, "-e", f)
		}
		var stderr bytes.Buffer
		cmd := exec.Command(command, args...)
		cmd.Stderr = &stderr
		text, err := cmd.Output()
		require.NoError(t, err, stderr.String())
		has := map[string]int{}
		for line := range strings.Lines(string(text)) {
			for i, v := range strings.Split(strings.TrimSuffix(line, "\n"), "\t") {
				if v != "" {
					has[fields[i]]++
					has[fields[i]+"="+v]++
				}
			}
		}
		require.Equal(t, frames, has["6lowpan.pattern"])
		require.Equal(t, acks, has["wpan.frame_type=0x02"]+has["wpan.frame_type=0x0002"])
		require.NotZero(t, acks)
		require.Equal(t, requests, has["wpan.ack_request=True"]+has["wpan.ack_request=1"])
		require.GreaterOrEqual(t, requests, acks)
		require.Zero(t, has["_ws.malformed"])
		require.Zero(t, has["_ws.expert.severity=8388608"], "errors")
		require.Equal(t, fragments, has["6lowpan.frag.tag"])
		require.GreaterOrEqual(t, has["coap.code"], datagrams, "and what was put together of fragments")
		require.Equal(t, has["coap.code"], has["udp.checksum.status=1"], "right checksums")
		require.NotZero(t, has["6lowpan.reassembled.length"])
		require.NotZero(t, has["ipv6.dst=ff02::fd"])
		require.NotZero(t, has["ipv6.dst=ff05::fd"])
		require.Equal(t, forward, has["6lowpan.mesh.orig16"] > 0)
	}
}
