package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// Exit codes that all commands share.
const (
	ExitOK          = 0
	ExitUsage       = 2
	ExitInterrupted = 130
)

// App is what a run of a command has to do with the world.
type App struct {
	// Name is the command's, which begins each complaint.
	Name string
	In   io.Reader
	Out  io.Writer
	Err  io.Writer // may be written to by several goroutines
	// Terminal: Out is one. Colour may be used on Out. Watched: Err is a
	// terminal, which takes progress lines.
	Terminal, Colour, Watched bool
	// ExitOutput is the exit code where the output cannot be written.
	ExitOutput int
}

// New makes the App of a command.
func New(name string, in io.Reader, out, err io.Writer) *App {
	terminal := IsTerminal(out)
	return &App{
		Name: name, In: in, Out: out, Err: &lockedWriter{w: err},
		Terminal: terminal, Colour: terminal && colourWanted(), Watched: IsTerminal(err),
	}
}

// colourWanted is what the environment says (https://no-color.org).
func colourWanted() bool { return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" }

// IsTerminal reports whether w is a terminal.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// lockedWriter lets several goroutines write whole lines.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

// Write implements io.Writer.
func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// Main runs a command as the process does, with a context that a signal ends,
// and ends the process with the exit code that it returns.
func Main(run func(ctx context.Context, args []string) int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks for a clean end; a second one is not caught any
	// more and ends the process at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:]))
}

// ExitError ends a command with a code. A nil Err has been reported already.
type ExitError struct {
	Code int
	Err  error
}

// Exit makes an ExitError.
func Exit(code int, err error) error { return &ExitError{code, err} }

// Error implements error.
func (e *ExitError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit code %d", e.Code)
	}
	return e.Err.Error()
}

// Unwrap returns Err.
func (e *ExitError) Unwrap() error { return e.Err }

// Execute runs a command and returns its exit code. The context's end interrupts
// it.
func (a *App) Execute(ctx context.Context, root *cobra.Command, args []string) int {
	root.SetIn(a.In)
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	root.SilenceErrors, root.SilenceUsage = true, true
	root.Version = version()
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.Flags().Bool("version", false, "print the version and exit")
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return ExitOK
	}
	var exit *ExitError
	if !errors.As(err, &exit) {
		// Whatever comes from the parsing of arguments.
		a.Complain(err)
		fmt.Fprintf(a.Err, "Run '%s --help' for usage.\n", cmd.CommandPath())
		return ExitUsage
	}
	if exit.Err != nil {
		a.Complain(exit.Err)
	}
	return exit.Code
}

// Complain prints an error; of several that are joined, each on a line. Part of
// it may come from the network or from the arguments, so that nothing in it
// reaches the terminal as it is.
func (a *App) Complain(err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			a.Complain(e)
		}
		return
	}
	fmt.Fprintf(a.Err, "%s: %s\n", a.Name, Printable(Plain(err)))
}
