package radio_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/sim/radio"
)

// TestAirTime: 32 µs a byte, 6 bytes before the frame.
func TestAirTime(t *testing.T) {
	for size, want := range map[int]time.Duration{
		5:   352 * time.Microsecond,  // an acknowledgement: 11 bytes
		40:  1472 * time.Microsecond, // 46
		127: 4256 * time.Microsecond, // 133
	} {
		require.Equal(t, want, radio.AirTime(size))
	}
}

// TestHeaderSize: IPHC is 2 bytes, UDP's header 3 and what ports there are.
func TestHeaderSize(t *testing.T) {
	for _, x := range []struct {
		name   string
		header radio.Header
		want   int
	}{
		{"link-local", radio.Header{To: 1, Source: 5683, Dest: 5683, HopLimit: 64}, 2 + 1 + 4 + 2},
		{"a hop limit that is not elided", radio.Header{To: 1, Source: 5683, Dest: 5683, HopLimit: 63}, 3 + 1 + 4 + 2},
		{"short ports", radio.Header{To: 1, Source: 0xf0b1, Dest: 0xf0bf, HopLimit: 255}, 2 + 1 + 1 + 2},
		{"a short port to", radio.Header{To: 1, Source: 5683, Dest: 0xf0c0, HopLimit: 1}, 2 + 1 + 3 + 2},
		{"a short port from", radio.Header{To: 1, Source: 0xf0c0, Dest: 5683, HopLimit: 1}, 2 + 1 + 3 + 2},
		{"ff02::fd", radio.Header{To: radio.Everyone, Group: netip.MustParseAddr("ff02::fd"), Source: 5683, Dest: 5683, HopLimit: 64}, 2 + 1 + 7},
		{"224.0.1.187", radio.Header{To: radio.Everyone, Group: netip.MustParseAddr("224.0.1.187"), Source: 5683, Dest: 5683, HopLimit: 64}, 2 + 1 + 7},
		{"ff05::fd", radio.Header{To: radio.Everyone, Group: netip.MustParseAddr("ff05::fd"), Source: 5683, Dest: 5683, HopLimit: 64}, 2 + 4 + 7},
		{"ff05::1:2:3", radio.Header{To: radio.Everyone, Group: netip.MustParseAddr("ff05::1:2:3"), Source: 5683, Dest: 5683, HopLimit: 64}, 2 + 6 + 7},
		{"ff05:1::1", radio.Header{To: radio.Everyone, Group: netip.MustParseAddr("ff05:1::1"), Source: 5683, Dest: 5683, HopLimit: 64}, 2 + 16 + 7},
	} {
		require.Equal(t, x.want, x.header.Size(), x.name)
	}
}

// TestFragments: a frame has 127 bytes, 11 of which are MAC header and FCS; the
// first fragment has 4 more, the others 5, and all but the last a multiple of 8
// bytes of the datagram.
func TestFragments(t *testing.T) {
	sizes := func(header, payload int, mesh, broadcast bool) (list []int) {
		at := 0
		for _, f := range radio.Fragments(header, payload, mesh, broadcast) {
			require.Equal(t, at, f.Begin)
			at = f.End
			list = append(list, f.Size)
		}
		require.True(t, list == nil || at == payload)
		return list
	}
	require.Equal(t, []int{11 + 9 + 20}, sizes(9, 20, false, false))
	require.Equal(t, []int{11 + 6 + 9 + 20}, sizes(9, 20, true, false))
	require.Equal(t, []int{11 + 8 + 10 + 20}, sizes(10, 20, true, true))
	require.Equal(t, []int{127}, sizes(9, 107, false, false))
	require.Equal(t, []int{11 + 4 + 9 + 96, 11 + 5 + 12}, sizes(9, 108, false, false))
	require.Equal(t, []int{120, 120, 11 + 5 + 1}, sizes(9, 96+104+1, false, false))
	require.Equal(t, []int{11 + 6 + 4 + 9 + 96, 11 + 6 + 5 + 12}, sizes(9, 108, true, false))
	require.Equal(t, []int{120, 120, 120, 120, 120, 120, 120, 120, 120, 120, 120, 112}, sizes(9, 1232, false, false))
	require.Nil(t, sizes(9, 1233, false, false), "1,281 bytes with the headers of IPv6 and UDP")
}

func TestTopologies(t *testing.T) {
	must := func(x *radio.Topology, err error) *radio.Topology { require.NoError(t, err); return x }
	full, star, grid := must(radio.Full(4)), must(radio.Star(4)), must(radio.Grid(6, 3))
	require.True(t, full.Hears(1, 3))
	require.Equal(t, 3, full.Next(1, 3))
	require.False(t, star.Hears(1, 3))
	require.Equal(t, 0, star.Next(1, 3))
	require.True(t, grid.Hears(0, 3) && grid.Hears(1, 2) && !grid.Hears(2, 3) && !grid.Hears(1, 1))
	hops := 0
	for at := 0; at != 5; at = grid.Next(at, 5) {
		hops++
	}
	require.Equal(t, 3, hops)
	require.NoError(t, grid.Connected())

	text := must(radio.Parse(strings.NewReader("# a chain\n0 1\n\n1 2 # and\n2 1\n"), 4))
	require.True(t, text.Hears(1, 2) && !text.Hears(0, 2))
	require.Equal(t, -1, text.Next(3, 0))
	require.ErrorIs(t, text.Connected(), radio.ErrParted)
	for _, bad := range []string{"0 1\n0", "0 1\n0 4", "0 1\n-1 0", "0 1\nx 0", "0 1\n1 1", "0 1\n1 2 3"} {
		_, err := radio.Parse(strings.NewReader(bad), 4)
		require.ErrorContains(t, err, "line 2: want two different stations from 0 to 3", bad)
	}
	for want, err := range map[string]error{
		"0 stations":      second(radio.Full(0)),
		"32769 stations":  second(radio.Star(32769)),
		"1 to 4 columns":  second(radio.Grid(4, 5)),
		"a reach of 0 mm": second(radio.Disk(4, 5, 0, nil)),
	} {
		require.ErrorContains(t, err, want)
	}
}

func second[T any](_ T, err error) error { return err }
