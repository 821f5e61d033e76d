package sim_test

import (
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/sim"
)

func TestComparer(t *testing.T) {
	for _, tt := range []struct {
		name, first, second string
		ids                 bool
		want                *sim.Parting
	}{
		{"nothing at all", "", "", false, nil},
		{"the same", " a\n b\n", "a\nb\n", true, nil},
		{"without the last line end", "a\nb", "a\nb\n", true, nil},
		{"other IDs", "x CON [0x0001] GET token=aa\n", "x CON [0xffff] GET token=bb\n", false, nil},
		{"other IDs, which count", "[0x0001]\n", "[0xffff]\n", true, &sim.Parting{Divergence: sim.Divergence{Event: 1, First: "[0x0001]", Second: "[0xffff]"}}},
		{"in the middle", "1\n2\n3\n4\nx\n5\n6\n7\n8\n", "1\n2\n3\n4\ny\n5\n6\n7\n8\n", true, &sim.Parting{
			Divergence: sim.Divergence{Event: 5, First: "x", Second: "y", Before: "4"},
			Context:    []string{"3", "4"}, FirstAfter: []string{"5", "6"}, SecondAfter: []string{"5", "6"}}},
		{"the first ends", "1\n", "1\n2\n3\n", true, &sim.Parting{
			Divergence: sim.Divergence{Event: 2, Second: "2", Before: "1"}, Context: []string{"1"}, SecondAfter: []string{"3"}}},
		{"the second ends", "1\n2\n3", "1\n", true, &sim.Parting{
			Divergence: sim.Divergence{Event: 2, First: "2", Before: "1"}, Context: []string{"1"}, FirstAfter: []string{"3"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, step := range []int{1, 3, 1000} { // however it is written
				c := sim.NewComparer(strings.NewReader(tt.first), 2, tt.ids)
				for rest := tt.second; rest != ""; {
					n := min(step, len(rest))
					_, err := c.Write([]byte(rest[:n]))
					require.NoError(t, err)
					rest = rest[n:]
				}
				got, err := c.End()
				require.NoError(t, err)
				require.Equal(t, tt.want, got)
			}
		})
	}
}

// TestComparerBounds: endless lines are cut, and what cannot be read is said.
func TestComparerBounds(t *testing.T) {
	long := strings.Repeat("x", 3<<20)
	c := sim.NewComparer(strings.NewReader(long+"1\n2\n"), 1, true)
	_, err := c.Write([]byte(long + "2\n3\n4\n"))
	require.NoError(t, err)
	p, err := c.End()
	require.NoError(t, err)
	require.Equal(t, 2, p.Event, "so much of a line is not looked at")
	require.True(t, c.Done())

	c = sim.NewComparer(iotest.ErrReader(errors.New("gone")), 1, true)
	_, err = c.Write([]byte("1\n"))
	require.EqualError(t, err, "sim: reading the recorded trace: gone")
	_, err = c.End()
	require.Error(t, err)
}
