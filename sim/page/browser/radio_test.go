package browser

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/sim/scenario"
)

// TestRadioPage: who has a radio is where he is, with what he has spent and lost.
func TestRadioPage(t *testing.T) {
	file := runPage(t, load(t, "campus-multihop", "compare=[single]"), 1)
	for name, l := range map[string]look{"light": light, "dark": dark, "narrow": narrow} {
		t.Run(name, func(t *testing.T) {
			b := open(t, file, l)
			b.to(0.01)
			b.picture("radio map " + name)
			for _, mode := range []string{"radio:energy", "radio:send", "radio:lost", "radio:sent"} {
				b.colours(mode)
				b.to(0)
				start := b.text("#legend")
				b.to(1)
				require.Equal(t, start, b.text("#legend"), "a colour means the same all the time")
				require.Greater(t, b.inks(), 8, mode)
				b.picture(mode + " " + name)
			}
			b.colours("radio:energy")
			require.Contains(t, b.text("#legend"), " mJ")

			// With the keyboard, and with a mouse.
			b.do(chromedp.Focus(chromedp.CSS("#map")))
			b.do(chromedp.KeyEvent("\u0303"), chromedp.KeyEvent("\u0303"))
			b.settled()
			for _, what := range []string{"nodes0", "place", " m, ", "hears", "sending", "idle", "frames lost", "lost to it", "lost from it"} {
				require.Contains(t, b.text("#node"), what)
			}
			in := b.text("#node")
			b.to(0.01)
			require.NotEqual(t, in, b.text("#node"), "it says what was spent until then")
			b.picture("radio chosen " + name)
			if l.width < 500 {
				eval[bool](b, "document.getElementById('node').scrollIntoView(), true")
				b.picture("radio facts " + name)
				eval[bool](b, "scrollTo(0, 0), true")
			}
			b.hover()
			require.Contains(t, b.text("#tip"), "receiving")
			b.picture("radio tip " + name)

			b.click("#tab-nodes")
			require.Contains(t, b.text("#view-nodes"), "101 nodes")
			require.Equal(t, "descending", eval[string](b, "document.querySelectorAll('#table th')[7].ariaSort"))
			b.picture("radio nodes " + name)
			b.do(chromedp.Focus(chromedp.CSS("#table tbody tr:nth-child(3) button")))
			who := b.text("#table tbody tr:nth-child(3) td")
			b.do(chromedp.KeyEvent("\r"))
			require.Contains(t, b.text("#node"), "node"+who)

			b.click("#tab-charts")
			require.Contains(t, b.text("#view-charts"), "find (single): ")
			b.picture("radio charts " + name)
			b.click("#tab-report")
			require.Contains(t, b.text("#view-report"), "single")
			b.picture("radio report " + name)
		})
	}
}

// hover moves the mouse to where the nodes are, until it is at one.
func (b *tab) hover() {
	b.t.Helper()
	for _, share := range []float64{0.5, 0.45, 0.55, 0.4, 0.6, 0.3} {
		at := eval[[]float64](b, "(() => { const r = document.getElementById('map').getBoundingClientRect(); return [r.left, r.top, r.width, r.height]; })()")
		call(b, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: "mouseMoved", X: at[0] + share*at[2], Y: at[1] + at[3]/2})
		b.settled()
		if eval[bool](b, "!document.getElementById('tip').hidden") {
			return
		}
	}
	b.t.Fatal("there is no node in the middle of the map")
}

// topologies are scenarios of some nodes, with what they hear.
const topologies = `version: 1
name: topologies
nodes:
  client:
  r: {count: 24, resources: {/x: {text: x}}}
  w: {count: 12, resources: {/x: {text: x}}}
  o: {count: 6, resources: {/x: {text: x}}}
segments:
  air: {nodes: [client, "r*"], radio: RADIO}
  star: {nodes: "w*", radio: {topology: star}}
run:
  find: {discover: all, from: client, wait: 10s}
`

// TestTopologies: every kind of topology can be drawn, beside others and nodes
// without a radio.
func TestTopologies(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "edges"), []byte("0 1\n0 2\n1 3\n2 4\n4 5\n5 6\n5 7\n7 8\n8 9\n9 10\n10 11\n11 12\n3 13\n13 14\n14 15\n15 16\n16 17\n17 18\n4 19\n4 20\n4 21\n4 22\n21 23\n22 24\n"), 0o600))
	for name, radio := range map[string]string{"full": "{topology: full}", "star": "{topology: star}", "grid": "{topology: grid, columns: 5}", "disk": "{topology: disk, side: 100m, reach: 40m}", "file": "{file: edges}"} {
		t.Run(name, func(t *testing.T) {
			at := filepath.Join(dir, name+".yaml")
			require.NoError(t, os.WriteFile(at, []byte(strings.ReplaceAll(topologies, "RADIO", radio)), 0o600))
			s, err := scenario.Load(at)
			require.NoError(t, err)
			b := open(t, runPage(t, s, 1), light)
			b.colours("radio:energy")
			b.do(chromedp.Focus(chromedp.CSS("#map")))
			for range 6 {
				b.do(chromedp.KeyEvent("\u0303"))
			}
			b.to(1)
			require.Contains(t, b.text("#node"), "hears")
			b.picture("topology " + name)
		})
	}
}

// TestMoving: the map is that of the moment that is shown.
func TestMoving(t *testing.T) {
	text := strings.ReplaceAll(topologies, "RADIO", "{topology: disk, side: 150m, reach: 50m, speed: 1m/s..2m/s, pause: 0s..10s, wake: 125ms}") + "stop: 200s\n"
	s, err := scenario.Parse("x.yaml", []byte(text))
	require.NoError(t, err)
	file := runPage(t, s, 1)
	for name, l := range map[string]look{"light": light, "dark": dark, "narrow": narrow} {
		t.Run(name, func(t *testing.T) {
			b := open(t, file, l)
			b.do(chromedp.Focus(chromedp.CSS("#map")), chromedp.KeyEvent("\u0303"), chromedp.KeyEvent("\u0303"))
			seen := map[string]bool{}
			for _, share := range []float64{0, 0.25, 0.5, 0.75, 1} {
				b.to(share)
				b.settled()
				seen[b.text("#node dd:nth-of-type(2)")] = true
				b.picture(fmt.Sprintf("moving %v %s", share, name))
			}
			require.Greater(t, len(seen), 3, "%v", seen)
			require.Contains(t, b.text("#node"), "% of the time")
			b.click("#tab-nodes")
			require.Contains(t, b.text("#table"), "mJ asleep")
			b.picture("moving nodes " + name)
		})
	}
}
