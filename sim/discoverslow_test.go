package sim_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/sim"
)

// A node that has seen how long a network keeps answers asks differently from then on:
// in fewer rounds, none of them a sample, and for names so that the answer may come
// after the question is over. In a quick network nothing changes.
func TestDiscoverLearns(t *testing.T) {
	for _, c := range []struct {
		name   string
		jitter time.Duration
		slow   bool
	}{{"quick", 4 * time.Millisecond, false}, {"slow", 400 * time.Millisecond, true}} {
		t.Run(c.name, func(t *testing.T) {
			w := sim.New(1)
			defer w.Close()
			require.NoError(t, w.Link("", "", sim.Link{Latency: time.Millisecond, Jitter: c.jitter}))
			for _, name := range []string{"a", "b", "d"} {
				named(t, w, name, actors.Config{Name: name + ".local"})
			}
			require.NoError(t, w.RunFor(5*time.Second))
			cli := named(t, w, "cli", actors.Config{})
			var asked []protocol.DiscoveryRequest
			w.Watch(func(tr *sim.Transit) {
				var m codec.Message
				if tr.Kind == sim.TransitSent && tr.From == "cli" && m.Parse(tr.Data) == nil && m.Options.Has(codec.OptionDiscovery) && m.Code == codec.GET {
					d, err := protocol.ParseDiscovery(m.Options)
					require.NoError(t, err)
					asked = append(asked, d)
				}
			})
			everyone := func() (requests int, first uint8) {
				asked = nil
				require.Len(t, discoverAll(t, cli, actors.Query{CoAP2: true}), 3)
				return len(asked), asked[0].Round.Bits
			}
			before, bits := everyone()
			require.NotZero(t, bits)
			after, bits := everyone()
			require.Equal(t, c.slow, bits == 0)
			if c.slow {
				require.Less(t, after, before)
			}

			// The first question is lost, and the second answered in its own time.
			for _, find := range []func(){
				func() { require.Len(t, discoverAll(t, cli, actors.Name("a.local")), 1) },
				func() {
					_, err := cli.Get(context.Background(), "coap://b.local/who")
					require.NoError(t, err)
				},
			} {
				asked = nil
				stop := w.Fault(sim.Fault{From: "cli", Judge: func(*sim.Packet) sim.Verdict { return sim.Verdict{Drop: len(asked) == 1} }})
				find()
				stop()
				require.GreaterOrEqual(t, len(asked), 2)
				require.Equal(t, c.slow, asked[1].Paced)
				require.Equal(t, c.slow, asked[1].Round.Window >= 100*time.Millisecond)
			}
			require.Empty(t, w.Violations())
		})
	}
}
