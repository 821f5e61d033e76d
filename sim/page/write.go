package page

import (
	"bufio"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"strings"
)

//go:embed assets
var assets embed.FS

// scripts are the parts of the script, in order.
var scripts = []string{"base.js", "state.js", "radio.js", "places.js", "paint.js", "map.js", "nodes.js", "charts.js", "exchanges.js", "report.js", "sweep.js", "main.js"}

func asset(name string) string {
	b, err := assets.ReadFile("assets/" + name)
	if err != nil {
		panic(err) // it is part of the program
	}
	return string(b)
}

// write writes a page. The only text in it that is not ours is the title, which is
// escaped, and the data: JSON, in which package json escapes what could end the
// element.
func write(w io.Writer, title string, data any) error {
	var script strings.Builder
	script.WriteString("\"use strict\";\n(() => {\n")
	for _, name := range scripts {
		script.WriteString(asset(name))
	}
	script.WriteString("})();\n")
	style := asset("page.css")
	out := bufio.NewWriterSize(w, 1<<16)
	fmt.Fprintf(out, `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>%s</title>
<style>%s</style>
</head>
`, hash(style), hash(script.String()), html.EscapeString(title), style)
	out.WriteString(asset("page.html"))
	out.WriteString("<script type=\"application/json\" id=\"data\">")
	e := json.NewEncoder(out)
	e.SetEscapeHTML(true)
	if err := e.Encode(data); err != nil {
		return fmt.Errorf("page: %w", err)
	}
	fmt.Fprintf(out, "</script>\n<script>%s</script>\n</body>\n</html>\n", script.String())
	if err := out.Flush(); err != nil {
		return fmt.Errorf("page: %w", err)
	}
	return nil
}

// hash is how a policy names an inline script or style.
func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
