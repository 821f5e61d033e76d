package browser

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/sim/scenario"
)

// TestWeb: the simulator in a page comes to the same as the one on this machine.
// COAP2_WEB names a page that has been built already.
func TestWeb(t *testing.T) {
	browser(t)
	file := os.Getenv("COAP2_WEB")
	if file == "" {
		if testing.Short() {
			t.Skip("compiling takes its time")
		}
		file = filepath.Join(t.TempDir(), "sim.html")
		build := exec.Command("go", "run", "./sim/web", "-out", file)
		build.Dir = "../../.."
		out, err := build.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	for name, l := range map[string]look{"light": light, "dark": dark, "narrow": narrow} {
		t.Run(name, func(t *testing.T) {
			b := open(t, file, l)
			simulate := func(nodes int, loss float64, seed uint64) string {
				eval[bool](b, fmt.Sprintf(`(() => { for (const [id, v] of [["nodes", %d], ["loss", %v], ["seed", %d]]) { document.getElementById(id).value = v; document.getElementById(id).dispatchEvent(new Event("input")); } delete document.documentElement.dataset.hash; return true; })()`, nodes, loss, seed))
				b.click("#run")
				b.do(chromedp.WaitReady(chromedp.CSS("html[data-hash]")))
				return eval[string](b, "document.documentElement.dataset.hash")
			}
			for _, nodes := range []int{50, 1000} {
				s := load(t, "discovery-1000", fmt.Sprintf("nodes.s.count=%d", nodes), "nodes.s.params.leisure=5s", "link.loss=2.5%", "expect=~")
				rep, err := s.Run(7, scenario.Options{})
				require.NoError(t, err)
				require.Equal(t, rep.TraceHash, simulate(nodes, 2.5, 7), b.text("#said"))
			}
			t.Log(b.text("#said"))
			require.Contains(t, b.text("output[for=nodes]"), "1,000")
			b.do(chromedp.WaitReady(chromedp.CSS(fmt.Sprintf(`html[data-shown="%s"]`, eval[string](b, "document.documentElement.dataset.hash")))))
			b.picture("web " + name)

			// What is wrong with a scenario is said.
			eval[bool](b, `document.getElementById("text").value = "version: 1\nnodse: <b>", true`)
			require.Equal(t, "none", simulate(5, 0, 1))
			require.Contains(t, b.text("#said"), "did you mean")
		})
	}
}
