package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// pageOf returns the text of a page.
func pageOf(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(b), "<!doctype html>\n"))
	require.True(t, strings.HasSuffix(string(b), "</html>\n"))
	return string(b)
}

func TestHTML(t *testing.T) {
	dir := t.TempDir()
	one, two := filepath.Join(dir, "1.html"), filepath.Join(dir, "2.html")
	r := run("run", "hello", "--html", one, "--against", "link.latency=5ms", "--check-determinism")
	require.Equal(t, 0, r.code, r.err)
	require.Contains(t, pageOf(t, one), `"replay":"sim replay hello --seed 1"`)
	require.Contains(t, pageOf(t, one), `{"run":"link.latency=5ms","action":"ask","total":1,"points":[10000,1]}`)
	require.Equal(t, 0, run("run", "hello", "--html", two, "--against", "link.latency=5ms").code)
	a, b := pageOf(t, one), pageOf(t, two)
	require.Equal(t, a, b, "the same run, the same page")

	r = run("sweep", file(t, failing), "--seeds", "1..20", "--html", one)
	require.Equal(t, 1, r.code, r.err)
	require.Equal(t, 20, strings.Count(pageOf(t, one), `"replay":"sim replay `))
	require.Equal(t, 0, run("run", "hello", "--seeds", "1..3", "--html", one).code)
	require.Equal(t, 3, strings.Count(pageOf(t, one), `"replay":"sim replay hello`))

	for _, args := range []string{"run hello --html -", "run hello --against x=1", "run hello --seeds 1..2 --against link.loss=0 --html x", "sweep hello --html -", "run hello --html " + dir} {
		require.Equal(t, 2, run(strings.Fields(args)...).code, args)
	}
	require.Equal(t, 2, run("run", "hello", "--html", two, "--against", "nonsense=1").code)
	require.Equal(t, b, pageOf(t, two), "what could not be written anew is as it was")
}

func TestView(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hello.html")
	r := run("view", "hello", "--no-open", "--html", path)
	require.Equal(t, 0, r.code, r.err)
	require.Equal(t, path+"\n", r.out)
	require.Contains(t, r.err, "hello, seed 1: passed\n")
	pageOf(t, path)

	// A browser that says nothing, and one that there is not.
	t.Setenv("BROWSER", "true")
	require.Equal(t, ran{0, path + "\n", ""}, run("view", path))
	t.Setenv("BROWSER", "/nonexistent/browser")
	r = run("view", path)
	require.Equal(t, 2, r.code)
	require.Contains(t, r.err, "no browser can be started (/nonexistent/browser); open "+path+" yourself\n")

	t.Setenv("TMPDIR", t.TempDir())
	r = run("view", file(t, failing), "--seed", "2", "--no-open")
	require.Equal(t, 1, r.code, r.err)
	pageOf(t, strings.TrimSpace(r.out))
	require.Equal(t, 2, run("view", "nowhere.html").code)
	require.Equal(t, 2, run("view", "nowhere").code)
	require.Equal(t, 2, run("view", "hello", "--against", "nonsense").code)
}
