package browser

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// tab is a page in the browser, and what it has complained about.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	wrong    []string
	requests []string
}

// look is how somebody looks at a page.
type look struct {
	width, height int64
	dark          bool
}

var (
	light  = look{1280, 900, false}
	dark   = look{1280, 900, true}
	narrow = look{390, 844, false}
)

// browser finds Chromium. Where it is missing the test is skipped, or fails where
// peers are required.
func browser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("COAP2_REQUIRE_PEERS") == "1" {
		t.Fatal("there is no chromium; on Debian: apt-get install chromium")
	}
	t.Skip("there is no chromium")
	return ""
}

// open opens a page.
func open(t *testing.T, file string, l look) *tab {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(browser(t)), chromedp.WSURLReadTimeout(2*time.Minute))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // which root cannot have
	}
	ctx, late := context.WithTimeout(context.Background(), 5*time.Minute)
	t.Cleanup(late)
	alloc, stop := chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(stop)
	ctx, end := chromedp.NewContext(alloc)
	t.Cleanup(end)
	b := &tab{t: t, ctx: ctx}
	b.do() // which opens it
	require.NoError(t, chromedp.Listen(ctx, b.listen))
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	address := (&url.URL{Scheme: "file", Path: file}).String()
	call(b, network.Enable, network.EnableParams{})
	call(b, log.Enable, cdp.Empty{})
	call(b, runtime.Enable, cdp.Empty{})
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: l.width, Height: l.height, DeviceScaleFactor: 1, Mobile: l.width < 500})
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	b.do(chromedp.Navigate(address), chromedp.WaitReady(chromedp.CSS(`html[data-ready="yes"]`)))
	b.settled()
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		require.Empty(t, b.wrong, "the console")
		require.Equal(t, []string{address}, b.requests, "nothing but the page itself is loaded")
	})
	return b
}

// listen takes what the browser tells of the page.
func (b *tab) listen(e any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := e.(type) {
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, "blob:") { // which the page has made itself
			b.requests = append(b.requests, e.Request.URL)
		}
	case *runtime.EventExceptionThrown:
		b.wrong = append(b.wrong, fmt.Sprint(e.ExceptionDetails.Text, e.ExceptionDetails.LineNumber, exception(e)))
	case *runtime.EventConsoleAPICalled:
		if e.Type != "log" {
			b.wrong = append(b.wrong, fmt.Sprint(e.Type))
		}
	case *log.EventEntryAdded:
		b.wrong = append(b.wrong, fmt.Sprint(e.Entry.Level, " ", e.Entry.Text))
	}
}

// exception returns what was thrown.
func exception(e *runtime.EventExceptionThrown) string {
	if x := e.ExceptionDetails.Exception; x != nil {
		return x.Description
	}
	return ""
}

func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, actions...))
}

func call[P, R any](b *tab, command cdp.Command[P, R], params P) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, command, params)
	require.NoError(b.t, err)
}

// eval returns what a script comes to.
func eval[T any](b *tab, script string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	require.NoError(b.t, err, script)
	return v
}

// text returns the text of the first element that a selector finds.
func (b *tab) text(selector string) string {
	b.t.Helper()
	return eval[string](b, fmt.Sprintf("document.querySelector(%q)?.textContent ?? '(none)'", selector))
}

// settled waits until what was asked to be drawn has been.
func (b *tab) settled() {
	b.t.Helper()
	eval[bool](b, "new Promise(r => requestAnimationFrame(() => requestAnimationFrame(() => r(true))))")
}

// picture takes a screenshot, where somebody wants to see it (COAP2_SCREENSHOTS
// names a directory), and checks that the page is no wider than the screen.
func (b *tab) picture(name string) {
	b.t.Helper()
	b.settled()
	require.LessOrEqual(b.t, eval[int](b, "document.documentElement.scrollWidth - innerWidth"), 0, "%s: the page is wider than the screen", name)
	dir := os.Getenv("COAP2_SCREENSHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	require.NoError(b.t, err)
	require.NoError(b.t, os.WriteFile(filepath.Join(dir, strings.ReplaceAll(name, " ", "-")+".png"), png, 0o600))
}
