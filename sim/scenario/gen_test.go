package scenario

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestDraft: all drafts are scenarios, and what they expect is true.
func TestDraft(t *testing.T) {
	for _, d := range []Draft{
		{}, {Nodes: 1}, {Actions: DraftActions()}, {Actions: DraftActions(), Faults: DraftFaults(), Nodes: 5},
		{Nodes: 100, Loss: 0.05, Latency: "lognormal 20ms 0.5", Actions: []string{"discover"}, Seed: 7, Stop: 2 * time.Minute},
		{Loss: 0.1, Actions: []string{"load", "discover"}, Faults: []string{"crash"}},
	} {
		text, err := d.Text()
		require.NoError(t, err)
		s := parseTest(t, string(text))
		rep := runTest(t, s, s.Seed())
		require.True(t, rep.Passed, "%+v\n%s", rep, text)
	}
	for _, d := range []Draft{{Nodes: -1}, {Loss: 2}, {Latency: "soon"}, {Latency: "1ms\nstop: 1s"}, {Actions: []string{"sing"}}, {Faults: []string{"request"}}, {Nodes: 1 << 30}} {
		_, err := d.Text()
		require.Error(t, err, "%+v", d)
	}
}
