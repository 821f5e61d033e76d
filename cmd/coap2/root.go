package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/coap2/coap2/codec"
)

// Exit codes.
const (
	exitOK          = 0
	exitResponse    = 1 // the answer was an error response, or the demonstration failed
	exitUsage       = 2
	exitFailure     = 3 // timeout, network, output
	exitInterrupted = 130
)

// app is what a run of the command has to do with the world.
type app struct {
	in       io.Reader
	out      io.Writer
	err      io.Writer // may be written to from a node's goroutine too
	terminal bool      // out is one
	colour   bool      // may be used on out
	watched  bool      // err is a terminal, which takes progress lines
	// patience is how long a server to be compared may take until it can be
	// asked.
	patience time.Duration
}

func newApp(in io.Reader, out, err io.Writer) *app {
	terminal := isTerminal(out)
	return &app{
		in: in, out: out, err: &lockedWriter{w: err}, terminal: terminal, colour: terminal && colourWanted(),
		watched: isTerminal(err), patience: readyTimeout,
	}
}

// colourWanted is what the environment says (https://no-color.org).
func colourWanted() bool { return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" }

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// lockedWriter lets several goroutines write whole lines.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// exitError ends the command with a code. A nil err has been reported already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// execute runs the command and returns its exit code. The context's end
// interrupts it.
func (a *app) execute(ctx context.Context, args []string) int {
	root := a.rootCommand()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	var exit *exitError
	if !errors.As(err, &exit) {
		// Whatever comes from the parsing of arguments.
		a.complain(err)
		fmt.Fprintf(a.err, "Run '%s --help' for usage.\n", cmd.CommandPath())
		return exitUsage
	}
	if exit.err != nil {
		a.complain(exit.err)
	}
	return exit.code
}

// complain prints an error. Part of it may come from the network or from the
// arguments, so that nothing in it reaches the terminal as it is.
func (a *app) complain(err error) {
	fmt.Fprintf(a.err, "coap2: %s\n", printable(plain(err)))
}

// plain is the text of an error without the name of the package that found it,
// which tells a user of the command nothing.
func plain(err error) string {
	return plainText(err.Error())
}

func plainText(s string) string {
	for _, prefix := range []string{"actors: ", "codec: ", "netio: ", "udp: ", "coap: ", "load: ", "machine: ", "rawresponder: "} {
		s = strings.ReplaceAll(s, prefix, "")
	}
	return s
}

func printable(s string) string { return string(codec.AppendPrintable(nil, []byte(s))) }

// logger returns what a node of the command logs to: warnings and errors.
func (a *app) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "coap2",
		Short: "CoAP client, demonstration server and more",
		Long: `coap2 talks CoAP (RFC 7252) from a shell.

The payload of a response goes to stdout, everything else to stderr.
Exit codes: 0 success (2.xx), 1 error response, 2 bad usage, 3 timeout or
failure of the network or of the output, 130 interrupted.`,
		Example: `  coap2 serve &
  coap2 get coap://localhost/hello
  coap2 put coap://localhost/tick --data 42
  coap2 get coap://localhost/.well-known/core`,
		Version:       version(),
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.Flags().Bool("version", false, "print the version and exit")
	root.AddCommand(
		a.requestCommand(codec.GET), a.requestCommand(codec.PUT), a.requestCommand(codec.POST), a.requestCommand(codec.DELETE),
		a.requestCommand(codec.FETCH), a.requestCommand(codec.PATCH), a.requestCommand(codec.IPATCH),
		a.pingCommand(), a.serveCommand(), a.demoCommand(), a.benchCommand(), a.rawCommand(), a.completionCommand(),
	)
	return root
}

// version says what was built, and from what.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown) " + runtime.Version()
	}
	parts := []string{info.Main.Version}
	if v := info.Main.Version; v == "" || v == "(devel)" {
		parts[0] = "(devel)"
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				parts = append(parts, s.Value[:min(len(s.Value), 12)])
			case s.Key == "vcs.modified" && s.Value == "true":
				parts = append(parts, "modified")
			}
		}
	}
	return strings.Join(append(parts, info.GoVersion), " ")
}

// noArguments checks that a command was given nothing but flags.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%s takes no arguments; %q is too much", cmd.Name(), args[0])
	}
	return nil
}

// oneURI checks that a command was given one URI and nothing else.
func oneURI(cmd *cobra.Command, args []string) error {
	switch len(args) {
	case 0:
		return fmt.Errorf("%s needs a URI, such as coap://localhost/hello", cmd.Name())
	case 1:
		return nil
	}
	return fmt.Errorf("%s takes one URI; %q is too much (quote a URI that has spaces or & in it)", cmd.Name(), args[1])
}
