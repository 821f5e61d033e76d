package sim_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/sim"
	"github.com/coap2/coap2/sim/radio"
)

// TestStation: what there is to say of a node that has a radio.
func TestStation(t *testing.T) {
	c := newCrowd(t, 1, "a", "b", "out")
	air := &sim.Radio{Config: radio.Config{Topology: grid(t, 2, 2), Access: radio.NoAccess}}
	require.NoError(t, c.w.Segment(sim.Segment{Name: "air", Nodes: "a,b", Radio: air}))
	c.send("b", "a", "x")
	c.w.RunFor(time.Second)
	station, ok := c.w.Station("b")
	require.True(t, ok)
	place, _ := air.Topology.Place(1)
	energy, _ := c.w.Energy("b")
	require.Equal(t, sim.Station{Segment: "air", Number: 1, Topology: air.Topology, Place: place, Energy: energy, Counts: radio.Counts{Sent: 1}}, station)
	require.Positive(t, energy.Sending)
	for _, name := range []string{"out", "nobody"} {
		_, ok = c.w.Station(name)
		require.False(t, ok, name)
	}
}
