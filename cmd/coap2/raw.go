package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/coap2/coap2/cmd/coap2/internal/rawresponder"
	"github.com/coap2/coap2/cmd/internal/cli"
	"github.com/coap2/coap2/codec"
)

// rawCommandName is how bench --compare calls the raw responder.
const rawCommandName = "raw-responder"

// rawCommand is the raw responder as a process. It is hidden because it is of no
// use to anybody but bench --compare.
func (a *app) rawCommand() *cobra.Command {
	var listen, response string
	cmd := &cobra.Command{
		Use:    rawCommandName,
		Short:  "Answer everything with the same response, until stdin ends",
		Hidden: true,
		Args:   noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := hex.DecodeString(response)
			if err != nil {
				return fmt.Errorf("--response: %w", err)
			}
			var m codec.Message
			if err := m.Parse(b); err != nil {
				return fmt.Errorf("--response: %w", err)
			}
			return a.raw(cmd.Context(), rawresponder.Config{Listen: listen, Code: m.Code, Options: m.Options, Payload: m.Payload})
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:0", "address to listen on, HOST:PORT")
	cmd.Flags().StringVar(&response, "response", "60450000c0ff68656c6c6f20776f726c64", "the response: a message in hexadecimal digits, whose code, options and payload count")
	return cmd
}

func (a *app) raw(ctx context.Context, cfg rawresponder.Config) error {
	r, err := rawresponder.Start(cfg)
	if err != nil {
		return cli.Exit(exitFailure, err)
	}
	for _, at := range r.Addrs() {
		if _, err = fmt.Fprintf(a.Out, "ready coap://%s\n", at); err != nil {
			break
		}
	}
	if err == nil {
		// The end of stdin is the end of whoever has started it, however that
		// came.
		gone := make(chan struct{})
		go func() {
			_, _ = io.Copy(io.Discard, a.In)
			close(gone)
		}()
		select {
		case <-gone:
		case <-ctx.Done():
		}
	}
	if err = errors.Join(err, r.Close()); err != nil {
		return cli.Exit(exitFailure, err)
	}
	return nil
}
