package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/coap2/coap2/cmd/internal/cli"
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
	*cli.App
	// patience is how long a server to be compared may take until it can be
	// asked.
	patience time.Duration
}

func newApp(in io.Reader, out, err io.Writer) *app {
	a := &app{cli.New("coap2", in, out, err), readyTimeout}
	a.ExitOutput = exitFailure
	return a
}

// execute runs the command and returns its exit code. The context's end
// interrupts it.
func (a *app) execute(ctx context.Context, args []string) int {
	return a.Execute(ctx, a.rootCommand(), args)
}

// logger returns what a node of the command logs to: warnings and errors.
func (a *app) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(a.Err, &slog.HandlerOptions{Level: slog.LevelWarn}))
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
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddCommand(
		a.requestCommand(codec.GET), a.requestCommand(codec.PUT), a.requestCommand(codec.POST), a.requestCommand(codec.DELETE),
		a.requestCommand(codec.FETCH), a.requestCommand(codec.PATCH), a.requestCommand(codec.IPATCH),
		a.observeCommand(), a.subscribeCommand(), a.publishCommand(), a.pingCommand(), a.discoverCommand(), a.resolveCommand(), a.conformCommand(), a.serveCommand(), a.demoCommand(), a.benchCommand(), a.ruleCommand(), a.rawCommand(), a.CompletionCommand("commands, flags, content formats, names of options, methods"),
	)
	return root
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
