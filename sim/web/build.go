//go:build !js

package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"html"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/coap2/coap2/sim/scenarios"
)

//go:embed web.html
var skeleton string

func main() {
	out := flag.String("out", "sim.html", "the file that the page is written to")
	flag.Parse()
	if err := build(*out); err != nil {
		fmt.Fprintln(os.Stderr, "web:", err)
		os.Exit(2)
	}
}

// build compiles this package for the browser and writes the page.
func build(path string) error {
	dir, err := os.MkdirTemp("", "sim-web-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary := filepath.Join(dir, "sim.wasm")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, "github.com/coap2/coap2/sim/web")
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("compiling for the browser: %w", err)
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("go env GOROOT: %w", err)
	}
	glue, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "wasm_exec.js"))
	if err != nil {
		return err
	}
	if bytes.Contains(glue, []byte("</script")) {
		return errors.New("wasm_exec.js cannot stand in a page")
	}
	program, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	err = write(f, string(glue), program)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// write writes the page.
func write(w io.Writer, glue string, program []byte) error {
	text, _ := scenarios.Read("discovery-1000")
	before, rest, _ := strings.Cut(skeleton, "GLUE")
	middle, after, _ := strings.Cut(rest, "PROGRAM")
	out := bufio.NewWriterSize(w, 1<<16)
	out.WriteString(strings.Replace(before, "SCENARIO", html.EscapeString(string(text)), 1))
	out.WriteString(glue)
	out.WriteString(middle)
	encoder := base64.NewEncoder(base64.StdEncoding, out)
	z, err := gzip.NewWriterLevel(encoder, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(program); err != nil {
		return err
	}
	if err := errors.Join(z.Close(), encoder.Close()); err != nil {
		return err
	}
	out.WriteString(after)
	return out.Flush()
}
