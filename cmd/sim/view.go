package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/coap2/coap2/cmd/internal/cli"
)

type viewFlags struct {
	oneFlags
	noOpen bool
}

func (a *app) viewCommand() *cobra.Command {
	f := &viewFlags{}
	cmd := &cobra.Command{
		Use:   "view FILE",
		Short: "Run a scenario and open the page of it in a browser",
		Long: `Run a scenario, write the page of it as sim run --html does, and open it in the
browser: the one that $BROWSER names, or that of the desktop. FILE can be such a
page, too, which is opened as it is. The page is kept, and its name goes to stdout.
The exit code is that of sim run.`,
		Example: `  sim view hello --no-open
  sim view chaos --seed 17 --no-open --html chaos.html`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return a.view(cmd.Context(), args[0], f)
		},
	}
	f.runFlags.add(cmd)
	f.seed.add(cmd)
	fl := cmd.Flags()
	fl.StringVar(&f.html, "html", "", "write the page to this file (default: one of the directory for temporary files)")
	f.addAgainst(cmd)
	fl.BoolVar(&f.noOpen, "no-open", false, "write the page and say where it is; open nothing")
	return cmd
}

func (f *viewFlags) check() error {
	if f.html == "" && len(f.against) > 0 {
		f.html = "." // is named later; here it only has to be there
		defer func() { f.html = "" }()
	}
	return f.oneFlags.check()
}

func (a *app) view(ctx context.Context, file string, f *viewFlags) error {
	var failed error
	path := file
	if ext := strings.ToLower(filepath.Ext(file)); ext != ".html" && ext != ".htm" {
		made := f.html == ""
		if made {
			tmp, err := os.CreateTemp("", "sim-*.html")
			if err != nil {
				return cli.Exit(cli.ExitUsage, fmt.Errorf("the page has no place: %w", err))
			}
			_ = tmp.Close()
			f.html = tmp.Name()
		}
		path = f.html
		quiet := &app{App: &cli.App{}}
		*quiet.App = *a.App
		quiet.Out, quiet.Terminal = a.Err, false
		failed = quiet.run(ctx, file, &f.oneFlags)
		var exit *cli.ExitError
		if errors.As(failed, &exit) && (exit.Code != exitFailed || exit.Err != nil) {
			if made {
				_ = os.Remove(path)
			}
			return failed
		}
	} else if _, err := os.Stat(file); err != nil {
		return cli.Exit(cli.ExitUsage, fmt.Errorf("%s: there is no such file", file))
	}
	path, err := filepath.Abs(path)
	if err == nil {
		_, err = io.WriteString(a.Out, path+"\n")
	}
	if err != nil {
		return cli.Exit(cli.ExitUsage, fmt.Errorf("output: %w", err))
	}
	if !f.noOpen {
		if err := openPage(ctx, path); err != nil {
			return cli.Exit(cli.ExitUsage, fmt.Errorf("%w; open %s yourself", err, path))
		}
	}
	return failed
}

// patience is how long a browser may take to say that it cannot.
const patience = 2 * time.Second

// openPage has a browser open a file.
func openPage(ctx context.Context, path string) error {
	words := map[string][]string{"darwin": {"open"}, "windows": {"rundll32", "url.dll,FileProtocolHandler"}}[runtime.GOOS]
	if words == nil {
		words = []string{"xdg-open"}
	}
	if browser := os.Getenv("BROWSER"); browser != "" {
		words = strings.Fields(browser)
	}
	cmd := exec.Command(words[0], append(words[1:], path)...)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("no browser can be started (%s)", words[0])
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("%s could not open it", words[0])
		}
	case <-ctx.Done():
	case <-time.After(patience): // it goes on, and the browser stays
	}
	return nil
}
