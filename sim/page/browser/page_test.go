package browser

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/sim/page"
	"github.com/coap2/coap2/sim/scenario"
)

// runPage makes the page of a run.
func runPage(t *testing.T, s *scenario.Scenario, seed uint64) string {
	t.Helper()
	c := page.NewCollector(s, page.Limits{})
	rep, err := s.Run(seed, scenario.Options{Begin: c.Begin, End: c.End, Event: c.Event, Compared: c.Compared, Progress: c.Progress(nil)})
	require.NoError(t, err)
	run := c.Run(rep, "sim replay x --seed 1")
	other := page.NewCollector(s, page.Limits{})
	rep, err = s.Run(seed+1, scenario.Options{Event: other.Event})
	require.NoError(t, err)
	run.Others = other.Curves(rep, "seed 2")
	energy := make([]float64, s.Nodes())
	for i := range energy {
		energy[i] = float64(i%17) / 3
	}
	run.Measures = []page.Measure{{Name: "energy", Unit: "mJ", Values: energy}}
	var b bytes.Buffer
	require.NoError(t, page.WriteRun(&b, run))
	return save(t, b.Bytes())
}

func save(t *testing.T, b []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "page.html")
	require.NoError(t, os.WriteFile(file, b, 0o600))
	return file
}

func load(t *testing.T, name string, changes ...string) *scenario.Scenario {
	t.Helper()
	s, err := scenario.Load(name, changes...)
	require.NoError(t, err)
	return s
}

// to moves the scrubber to a share of the time.
func (b *tab) to(share float64) {
	b.t.Helper()
	eval[bool](b, fmt.Sprintf("(() => { const s = document.getElementById('scrub'); s.value = %v * s.max; return s.dispatchEvent(new Event('input')); })()", share))
	b.settled()
}

// colours chooses what the colours of the nodes mean.
func (b *tab) colours(mode string) {
	b.t.Helper()
	b.do(chromedp.SetValue(chromedp.CSS("#mode"), mode))
	eval[bool](b, "document.getElementById('mode').dispatchEvent(new Event('change'))")
	b.settled()
}

func (b *tab) click(selector string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector)))
}

// inks returns how many different colours the map has.
func (b *tab) inks() int {
	b.t.Helper()
	return eval[int](b, "(() => { const c = document.getElementById('map'), k = new OffscreenCanvas(c.width, c.height).getContext('2d', {willReadFrequently: true}), d = (k.drawImage(c, 0, 0), k.getImageData(0, 0, c.width, c.height).data), s = new Set(); for (let i = 0; i < d.length; i += 4) s.add(d[i] << 16 | d[i+1] << 8 | d[i+2]); return s.size; })()")
}

// TestRunPage: every view of a run, as different people look at it.
func TestRunPage(t *testing.T) {
	file := runPage(t, load(t, "discovery-1000"), 1)
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Less(t, info.Size(), int64(5_000_000))
	for name, l := range map[string]look{"light": light, "dark": dark, "narrow": narrow} {
		t.Run(name, func(t *testing.T) {
			b := open(t, file, l)
			require.Equal(t, "discovery-1000, seed 1", b.text("h1"))
			require.Equal(t, "passed", b.text("#verdict"))
			require.Contains(t, b.text("#legend"), "1,001 not reached")
			b.to(0.12)
			b.picture("map " + name)
			require.Greater(t, b.inks(), 3)
			b.to(1)
			require.Contains(t, b.text("#legend"), "1 asking998 have answered", "to one of the two")
			b.picture("map end " + name)
			for _, mode := range []string{"loss", "gone", "traffic", "measure:0", "stage:1"} {
				b.colours(mode)
				require.Greater(t, b.inks(), 3, mode)
				if mode == "loss" {
					b.picture("loss " + name)
				}
			}
			require.Contains(t, b.text("#legend"), "292 have answered")

			b.click("#tab-nodes")
			require.Contains(t, b.text("#view-nodes"), "1,001 nodes, of which the first 300 are listed")
			b.picture("nodes " + name)

			b.click("#tab-charts")
			b.to(0.4)
			require.Equal(t, 4, eval[int](b, "document.querySelectorAll('#view-charts svg[role=img]').length"), "answers to each of two, datagrams, bytes")
			require.Contains(t, b.text("#view-charts .legend"), "everything: 99.7%")
			require.Contains(t, b.text("#view-charts .legend"), "everything (seed 2): ")
			b.picture("charts " + name)

			b.click("#tab-exchanges")
			require.Contains(t, b.text("#list"), "NON GET /.well-known/core")
			require.Contains(t, b.text("#sequence"), "client")
			require.Contains(t, b.text("#bytes"), "Option Uri-Path")
			b.picture("exchanges " + name)

			b.click("#tab-report")
			require.Contains(t, b.text("#view-report"), "sim replay x --seed 1")
			require.Contains(t, b.text("#view-report"), "errors == 0")
			b.picture("report " + name)

			before := eval[string](b, "getComputedStyle(document.body).backgroundColor")
			b.click("#theme")
			require.NotEqual(t, before, eval[string](b, "getComputedStyle(document.body).backgroundColor"))
		})
	}
}

// TestKeyboard: all of it without a mouse.
func TestKeyboard(t *testing.T) {
	b := open(t, runPage(t, load(t, "chaos"), 3), light)
	press := func(keys ...string) {
		for _, k := range keys {
			b.do(chromedp.KeyEvent(k))
		}
		b.settled()
	}
	focused := func() string {
		return eval[string](b, "document.activeElement.id || document.activeElement.getAttribute('class')")
	}
	const right, left, down, tab, enter = "\u0303", "\u0302", "\u0301", "\t", "\r"
	press(tab)
	require.Equal(t, "skip", focused())
	press(tab, tab)
	require.Equal(t, "tab-map", focused())
	press(right)
	require.Equal(t, "tab-charts", focused())
	require.Equal(t, "true", eval[string](b, "document.getElementById('tab-charts').getAttribute('aria-selected')"))
	press(left)
	require.Equal(t, "tab-map", focused())
	press(tab, tab)
	require.Equal(t, "scrub", focused())
	was := b.text("#now")
	press(right, right, right)
	require.NotEqual(t, was, b.text("#now"))
	press(" ")
	require.Equal(t, "❚❚", b.text("#play"))
	press(" ")
	require.Equal(t, "▶", b.text("#play"))
	b.do(chromedp.Focus(chromedp.CSS("#map")))
	press(down, down)
	require.Contains(t, b.text("#node"), "noden1")
	b.to(0.4)
	b.picture("chaos map")
	press("2")
	b.picture("chaos charts")
	press("3")
	require.Equal(t, "tab-exchanges", focused())
	b.do(chromedp.Focus(chromedp.CSS("#list button")))
	press(down, enter)
	require.Equal(t, 1, eval[int](b, "[...document.querySelectorAll('#list button')].findIndex(x => x.getAttribute('aria-pressed') === 'true')"))
	b.do(chromedp.Focus(chromedp.CSS(".arrow")))
	press(down, enter)
	require.Equal(t, 1, eval[int](b, "[...document.querySelectorAll('.arrow')].findIndex(x => x.classList.contains('on'))"))
	require.Contains(t, b.text("#bytes"), "Message ID")
	b.do(chromedp.Focus(chromedp.CSS(".bytes tr:nth-child(4)")))
	require.Equal(t, 2, eval[int](b, "document.querySelectorAll('.hex .on').length"), "the two bytes of the message ID")
	b.picture("chaos exchange")
	press("t")
	require.Equal(t, "dark", eval[string](b, "document.documentElement.dataset.theme"))
	b.picture("chaos exchange dark")
}

// worked returns how much processor time the thread of the page has used, in
// seconds.
func (b *tab) worked() float64 {
	b.t.Helper()
	r, err := chromedp.Call(b.ctx, performance.GetMetrics, cdp.Empty{})
	require.NoError(b.t, err)
	for _, m := range r.Metrics {
		if m.Name == "TaskDuration" {
			return m.Value
		}
	}
	return 0
}

// TestScrubs: a thousand nodes are drawn 30 times a second, or more, with and
// without radio.
func TestScrubs(t *testing.T) {
	for name, s := range map[string]*scenario.Scenario{
		"discovery-1000": load(t, "discovery-1000"),
		"radio":          load(t, "campus-multihop", "nodes.s.count=1000", "segments.campus.radio.side=600m", "compare=~", "expect=~"),
	} {
		t.Run(name, func(t *testing.T) {
			file := runPage(t, s, 1)
			info, err := os.Stat(file)
			require.NoError(t, err)
			t.Logf("%d kB", info.Size()/1000)
			require.Less(t, info.Size(), int64(5_000_000))
			b := open(t, file, light)
			if name == "radio" {
				b.colours("radio:energy")
				b.do(chromedp.Focus(chromedp.CSS("#map")), chromedp.KeyEvent("\u0303"))
			}
			call(b, performance.Enable, performance.EnableParams{TimeDomain: "threadTicks"})
			before := b.worked()
			rate := eval[float64](b, `new Promise(done => {
				const s = document.getElementById("scrub"), begin = performance.now();
				let n = 0;
				const next = () => {
					s.value = 300 + (n * 37) % 2500;
					s.dispatchEvent(new Event("input"));
					if (++n < 120) requestAnimationFrame(next); else done(1000 * n / (performance.now() - begin));
				};
				requestAnimationFrame(next);
			})`)
			t.Logf("%.0f frames/s", rate)
			t.Logf("%.1f ms of processor time of the page's thread a frame", 1000*(b.worked()-before)/120)
			require.Greater(t, rate, 0.0)
			b.picture("scrubs " + name)
		})
	}
}

// TestNothingComesOut: what a scenario says is text, whatever it is.
func TestNothingComesOut(t *testing.T) {
	s, err := scenario.Parse("x.yaml", []byte(`version: 1
name: "</title><script>alert(1)</script>"
about: "</script><img src=x onerror=alert(2)>\u2028"
nodes:
  client:
  server: {resources: {/x: {text: "<img src=http://192.0.2.1/x onerror=alert(3)></script>"}}}
run:
  ask: {request: "GET /x", from: client, to: server}
`))
	require.NoError(t, err)
	b := open(t, runPage(t, s, 1), light)
	require.Equal(t, "</title><script>alert(1)</script>, seed 1", b.text("h1"))
	b.click("#tab-exchanges")
	b.click(".arrow.answer")
	require.Contains(t, b.text("#bytes"), "onerror=alert(3)")
	require.Equal(t, 0, eval[int](b, "document.images.length"))
	require.Equal(t, 2, eval[int](b, "document.scripts.length"))
	for _, view := range []string{"map", "charts", "report"} {
		b.click("#tab-" + view)
	}
	// Nor could it, if it wanted to.
	require.Equal(t, "blocked", eval[string](b, "fetch('data:text/plain,x').then(() => 'loaded', () => 'blocked')"))
	b.mu.Lock()
	b.wrong = nil // the browser has said that
	b.requests = b.requests[:1]
	b.mu.Unlock()
}

// TestSweepPage: the seeds, and what shows one of them again.
func TestSweepPage(t *testing.T) {
	s := load(t, "chaos")
	sweep := &page.Sweep{Scenario: "chaos", About: s.About()}
	for seed := range uint64(400) {
		x := page.Seed{Seed: seed, Passed: seed%23 != 5, Hash: "0123456789abcdef", Deliveries: 1000 + seed*7%300, Lost: seed % 50, VirtualMS: 60_000 + float64(seed), Replay: fmt.Sprintf("sim replay chaos --seed %d", seed)}
		if !x.Passed {
			x.Why = []string{"open == 0 (1 against 0)"}
			sweep.Failed++
		}
		sweep.Seeds = append(sweep.Seeds, x)
	}
	var out bytes.Buffer
	require.NoError(t, page.WriteSweep(&out, sweep))
	file := save(t, out.Bytes())
	for name, l := range map[string]look{"light": light, "dark": dark, "narrow": narrow} {
		t.Run(name, func(t *testing.T) {
			b := open(t, file, l)
			require.Equal(t, "18 failed", b.text("#verdict"))
			require.Equal(t, 400, eval[int](b, "document.querySelectorAll('#grid button').length"))
			b.click("#grid button.failed")
			require.Contains(t, b.text("#seed"), "sim replay chaos --seed 5")
			require.Contains(t, b.text("#seed"), "open == 0")
			b.picture("sweep " + name)
			b.do(chromedp.Focus(chromedp.CSS("#grid button")))
			b.do(chromedp.KeyEvent("\u0303"), chromedp.KeyEvent("\r"))
			require.Contains(t, b.text("#seed"), "Seed 1")
			b.click("#only")
			require.Equal(t, 18, eval[int](b, "document.querySelectorAll('#grid button').length"))
		})
	}
}
