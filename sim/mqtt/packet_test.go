package mqtt

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPackets: packets as they stand in the standards, counted and written by
// hand (MQTT 3.1.1 and MQTT 5, §3).
func TestPackets(t *testing.T) {
	for _, x := range []struct {
		name    string
		p       packet
		version int
		want    string
	}{
		{"CONNECT", packet{kind: connect, client: "s7", fresh: true, keep: 60}, 4, "100e 00044d515454 04 02 003c 00027337"},
		{"CONNECT", packet{kind: connect, client: "s7", keep: 60}, 5, "100f 00044d515454 05 00 003c 00 00027337"},
		{"CONNACK", packet{kind: connack, fresh: true}, 4, "2002 00 00"},
		{"CONNACK", packet{kind: connack}, 5, "2003 01 00 00"},
		{"SUBSCRIBE", packet{kind: subscribe, flags: 2, id: 1, topic: "temp", qos: 1}, 4, "8209 0001 000474656d70 01"},
		{"SUBSCRIBE", packet{kind: subscribe, flags: 2, id: 1, topic: "temp"}, 5, "820a 0001 00 000474656d70 00"},
		{"SUBACK", packet{kind: suback, id: 1, qos: 1}, 4, "9003 0001 01"},
		{"SUBACK", packet{kind: suback, id: 1}, 5, "9004 0001 00 00"},
		{"PUBLISH", packet{kind: publish, topic: "temp", payload: []byte("21.5")}, 4, "300a 000474656d70 32312e35"},
		{"PUBLISH", packet{kind: publish, flags: 2, topic: "temp", payload: []byte("21.5"), qos: 1, id: 258}, 4, "320c 000474656d70 0102 32312e35"},
		{"PUBLISH", packet{kind: publish, flags: 3, topic: "temp", payload: []byte("21.5"), qos: 1, id: 258}, 5, "330d 000474656d70 0102 00 32312e35"},
		{"PUBACK", packet{kind: puback, id: 258}, 5, "4002 0102"},
		{"PINGREQ", packet{kind: pingreq}, 4, "c000"},
		{"PINGRESP", packet{kind: pingresp}, 4, "d000"},
	} {
		b := appendPacket(nil, &x.p, x.version)
		require.Equal(t, strings.ReplaceAll(x.want, " ", ""), hex.EncodeToString(b), "%s of version %d", x.name, x.version)
		for n := range len(b) {
			_, length, err := parsePacket(b[:n], x.version)
			require.NoError(t, err)
			require.Zero(t, length, "it is not whole")
		}
		p, n, err := parsePacket(append(b, 1, 2), x.version)
		require.NoError(t, err)
		require.Equal(t, len(b), n)
		if len(p.payload) == 0 {
			p.payload = nil
		}
		require.Equal(t, x.p, p)
	}
	long := packet{kind: publish, topic: "t", payload: make([]byte, 200)}
	b := appendPacket(nil, &long, 4)
	require.Len(t, b, 1+2+3+200, "a length of 203 takes two bytes")
	p, n, err := parsePacket(b, 4)
	require.NoError(t, err)
	require.Equal(t, len(b), n)
	require.Len(t, p.payload, 200)
}

func FuzzPacket(f *testing.F) {
	f.Add([]byte{0xc0, 0}, false)
	f.Add([]byte{0x30, 5, 0, 1, 't', 'h', 'i'}, false)
	f.Add([]byte{0x30, 0xff, 0xff, 0xff, 0xff, 1}, true)
	f.Fuzz(func(t *testing.T, b []byte, five bool) {
		version := 4
		if five {
			version = 5
		}
		_, n, err := parsePacket(b, version)
		require.LessOrEqual(t, n, len(b))
		if err != nil {
			require.Zero(t, n)
		}
	})
}

func FuzzSegment(f *testing.F) {
	p := Profile{}
	f.Add(p.encode(&segment{seq: 1, ack: 2, flags: flagACK, data: []byte("x")}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, ok := decode(b); ok {
			require.LessOrEqual(t, len(s.data), len(b)-plainHeader)
		}
	})
}
