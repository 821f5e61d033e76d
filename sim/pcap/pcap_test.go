package pcap_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/sim"
	"github.com/coap2/coap2/sim/pcap"
)

// busy lets a World do a bit of everything, over IPv4 and IPv6, and returns what
// was written of it and its counters.
func busy(t *testing.T, cfg pcap.Config, damage float64) (file []byte, stats sim.NetStats) {
	w := sim.New(7)
	defer w.Close()
	var out bytes.Buffer
	p, err := pcap.New(&out, cfg)
	require.NoError(t, err)
	w.Watch(p.Record)
	require.NoError(t, w.Link("", "", sim.Link{Latency: 20 * time.Millisecond, Jitter: 5 * time.Millisecond, Loss: 0.2, Duplicate: 0.1, Corrupt: damage}))
	require.NoError(t, w.Segment(sim.Segment{Name: "lab", Nodes: "s[0-4]"}))
	require.NoError(t, w.NAT(sim.NAT{Nodes: "s0", Addr: netip.MustParseAddr("192.0.2.1")}))
	require.NoError(t, w.Interface("s4", sim.Interface{Buffer: 1}))
	gathered := 0
	for i := range 10 {
		n, err := w.Node(fmt.Sprintf("s%d", i), actors.Config{Listen: []string{fmt.Sprintf("10.0.0.%d:5683", i+1), fmt.Sprintf("[2001:db8::%d]:5683", i+1)}})
		require.NoError(t, err)
		for _, r := range []struct {
			path string
			res  actors.Resource
		}{
			{"/temp", actors.Resource{Multicast: true, Get: func(context.Context, *actors.Request) (*actors.Response, error) { return actors.Text("21.5") }}},
			{"/large", actors.Resource{Separate: true, Get: func(context.Context, *actors.Request) (*actors.Response, error) {
				return actors.Text(strings.Repeat("large ", 170))
			}}},
		} {
			_, err = n.Handle(r.path, r.res)
			require.NoError(t, err)
		}
		w.Go(func(ctx context.Context) {
			for k := range 5 {
				host := fmt.Sprintf("10.0.0.%d", (i+k)%10+1)
				if k%2 == 0 {
					host = fmt.Sprintf("[2001:db8::%d]", (i+k)%10+1)
				}
				_, _ = n.Get(ctx, "coap://"+host+[]string{"/temp", "/large", "/none"}[k%3], codec.Accept(codec.TextPlain))
				_, _ = n.Ping(ctx, "coap://"+host)
			}
			for _, err := range n.Gather(ctx, actors.Request{URI: "coap://[ff05::fd]/temp"}) {
				if err == nil {
					gathered++
				}
			}
		})
	}
	require.NoError(t, w.RunUntilIdle(time.Hour))
	require.Positive(t, gathered)
	require.NoError(t, p.Flush())
	stats = w.NetStats()
	require.True(t, stats.Balanced())
	return out.Bytes(), stats
}

// read reads a file back; every checksum and length must be right. It returns how
// many packets each interface has.
func read(t *testing.T, file []byte) (count map[string]uint64, payload uint64) {
	r, err := pcapgo.NewNgReader(bytes.NewReader(file), pcapgo.NgReaderOptions{})
	require.NoError(t, err)
	count = map[string]uint64{}
	var last time.Time
	for {
		data, info, opts, err := r.ReadPacketDataWithOptions()
		if errors.Is(err, io.EOF) {
			return count, payload
		}
		require.NoError(t, err)
		require.False(t, info.Timestamp.Before(last), "time goes on")
		last = info.Timestamp
		require.Equal(t, 2000, last.Year())
		view, err := r.Interface(info.InterfaceIndex)
		require.NoError(t, err)
		require.Equal(t, layers.LinkTypeRaw, view.LinkType)
		count[view.Name]++
		require.Equal(t, view.Name == "lost", len(opts.Comments) == 1, "only lost ones are commented")
		first := layers.LayerTypeIPv4
		if data[0]>>4 == 6 {
			first = layers.LayerTypeIPv6
		}
		p := gopacket.NewPacket(data, first, gopacket.Default)
		require.Nil(t, p.ErrorLayer())
		udp, ok := p.TransportLayer().(*layers.UDP)
		require.True(t, ok)
		require.NoError(t, udp.SetNetworkLayerForChecksum(p.NetworkLayer()))
		err, wrong := p.VerifyChecksums()
		require.NoError(t, err)
		require.Empty(t, wrong)
		require.NotZero(t, udp.Checksum)
		require.Len(t, udp.Payload, int(udp.Length)-8)
		if view.Name == "delivered" {
			payload += uint64(len(udp.Payload))
		}
	}
}

// TestReadBack: what is in the file is what the counters say.
func TestReadBack(t *testing.T) {
	file, stats := busy(t, pcap.Config{}, 0.1)
	count, payload := read(t, file)
	require.Equal(t, map[string]uint64{"sent": stats.Sent, "delivered": stats.Delivered, "lost": stats.LostTotal()}, count)
	require.Equal(t, stats.DeliveredBytes, payload)
	require.NotZero(t, count["lost"])
	for _, s := range []string{"lost: loss", "lost: unreachable"} {
		require.Contains(t, string(file), s)
	}
	again, _ := busy(t, pcap.Config{}, 0.1)
	require.Equal(t, file, again)

	file, stats = busy(t, pcap.Config{NoSent: true, NoLost: true}, 0)
	count, _ = read(t, file)
	require.Equal(t, map[string]uint64{"delivered": stats.Delivered}, count)
	file, stats = busy(t, pcap.Config{NoDelivered: true}, 0)
	count, _ = read(t, file)
	require.Equal(t, map[string]uint64{"sent": stats.Sent, "lost": stats.LostTotal()}, count)
}

// tshark returns the command, or skips the test where it is not installed, unless
// COAP2_REQUIRE_PEERS=1.
func tshark(t *testing.T) string {
	path, err := exec.LookPath("tshark")
	if err != nil {
		if os.Getenv("COAP2_REQUIRE_PEERS") == "1" {
			t.Fatal("tshark is not installed, and COAP2_REQUIRE_PEERS=1; on Debian: apt-get install tshark")
		}
		t.Skip("tshark is not installed")
	}
	return path
}

// TestTshark: Wireshark's dissectors understand every packet as CoAP and find
// nothing malformed and no wrong checksum.
func TestTshark(t *testing.T) {
	command := tshark(t)
	file, stats := busy(t, pcap.Config{}, 0)
	name := filepath.Join(t.TempDir(), "busy.pcapng")
	require.NoError(t, os.WriteFile(name, file, 0o600))
	frames := func(filter string) []string {
		var stderr bytes.Buffer
		cmd := exec.Command(command, "-n", "-r", name, "-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-Y", filter,
			"-T", "fields", "-e", "frame.number")
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		require.NoError(t, err, stderr.String())
		return strings.Fields(string(out))
	}
	total := stats.Sent + stats.Delivered + stats.LostTotal()
	require.Len(t, frames("coap"), int(total), "all of them are CoAP")
	require.Len(t, frames(`frame.interface_name == "sent"`), int(stats.Sent))
	require.Len(t, frames(`frame.comment contains "lost: loss"`), int(stats.Lost[sim.LostOnLink]))
	require.Empty(t, frames("_ws.malformed || _ws.expert.severity == error"))
	require.Empty(t, frames("ip.checksum.status == 0 || udp.checksum.status == 0"), "wrong checksums")
	require.Len(t, frames("udp.checksum.status == 1"), int(total), "right checksums")
	require.NotEmpty(t, frames("ipv6 && coap.code == 69"))
}

// TestEveryLength: the checksum is right for payloads of all sorts.
func TestEveryLength(t *testing.T) {
	var out bytes.Buffer
	p, err := pcap.New(&out, pcap.Config{})
	require.NoError(t, err)
	w := sim.New(1)
	defer w.Close()
	w.Watch(p.Record)
	a, err := w.Peer("a", "10.0.0.1:1", "[2001:db8::1]:1")
	require.NoError(t, err)
	_, err = w.Peer("b", "10.0.0.2:2", "[2001:db8::2]:2")
	require.NoError(t, err)
	r := w.Rand("", "test")
	for n := range 2000 {
		data := make([]byte, n%64)
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		require.NoError(t, a.Send(netip.MustParseAddrPort([]string{"10.0.0.2:2", "[2001:db8::2]:2"}[n%2]), data))
	}
	require.NoError(t, a.Send(netip.MustParseAddrPort("10.0.0.2:2"), make([]byte, 65507)))
	require.NoError(t, a.Send(netip.MustParseAddrPort("[2001:db8::2]:2"), make([]byte, 65507)))
	w.RunFor(time.Second)
	require.NoError(t, p.Flush())
	count, _ := read(t, out.Bytes())
	require.Equal(t, map[string]uint64{"sent": 2002, "delivered": 2002}, count)
}

// full is a disk that is full after n bytes.
type full struct{ n int }

var errFull = errors.New("disk full")

func (f *full) Write(b []byte) (int, error) {
	if f.n -= len(b); f.n < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestWriteError(t *testing.T) {
	_, err := pcap.New(&full{}, pcap.Config{})
	require.ErrorIs(t, err, errFull)
	p, err := pcap.New(&full{10_000}, pcap.Config{})
	require.NoError(t, err)
	for i := range 1000 {
		a := netip.MustParseAddrPort("10.0.0.1:" + strconv.Itoa(i+1))
		p.Record(&sim.Transit{At: sim.Epoch, Kind: sim.TransitSent, Source: a, Dest: a, Data: make([]byte, 100)})
	}
	require.ErrorIs(t, p.Flush(), errFull)
	require.ErrorIs(t, p.Flush(), errFull)
	p, err = pcap.New(io.Discard, pcap.Config{})
	require.NoError(t, err)
	p.Record(&sim.Transit{At: sim.Epoch})
	require.ErrorContains(t, p.Flush(), "pcap: a datagram from")
	require.ErrorContains(t, p.Flush(), "pcap: a datagram from")
}
