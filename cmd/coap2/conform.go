package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"github.com/coap2/coap2/cmd/coap2/internal/conform"
	"github.com/coap2/coap2/cmd/internal/cli"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

type conformFlags struct {
	json, junit, list bool
	only              string
	timeout, quiet    time.Duration
	change            time.Duration
	parallel          int
}

func (a *app) conformCommand() *cobra.Command {
	f := &conformFlags{}
	cmd := &cobra.Command{
		Use:   "conform URI",
		Short: "Test a server against the specifications",
		Long: `Test a server, any server, against the ETSI CoAP plugtest descriptions
(TD_COAP_CORE, LINK, BLOCK, OBS) and against more rules of RFC 7252, 7641 and
7959 (C2_MSG, REQ, BLOCK, OBS, HOSTILE): what a correct client does, and what
none ever would. The path of the URI plays no part.

The descriptions ask for certain resources (/test, /separate, /large, /obs, …).
One that the server does not have is made with a PUT; where the server does not
allow that, the case is inconclusive. So it is where a rule says SHOULD and the
server does otherwise. The server's resources are changed: do not try it on one
that is in use.

Takes about two minutes. Exit code 0 if no case failed, 1 if one did, 3 if
nobody answers.`,
		Example: `  coap2 conform --list
  coap2 conform coap://localhost --only 'TD_COAP_LINK_*'
  coap2 conform localhost --only TD_COAP_CORE_01,C2_REQ_07 --json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if f.list {
				return noArguments(cmd, args)
			}
			return oneURI(cmd, args)
		},
		ValidArgsFunction: completeURI,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.list {
				return a.listCases(f)
			}
			return a.conform(cmd.Context(), args[0], f)
		},
	}
	fs := cmd.Flags()
	fs.BoolVar(&f.json, "json", false, "print a JSON object for each case, one a line")
	fs.BoolVar(&f.junit, "junit", false, "print JUnit XML at the end")
	fs.BoolVar(&f.list, "list", false, "list the cases instead of running them")
	fs.StringVar(&f.only, "only", "", `run these cases only: IDs, separated by commas, with * and ?`)
	fs.DurationVar(&f.timeout, "timeout", 5*time.Second, "how long an answer may take")
	fs.DurationVar(&f.quiet, "quiet", 300*time.Millisecond, "how long a server has to be silent to count as silent")
	fs.DurationVar(&f.change, "change", 15*time.Second, "how long a resource that changes by itself may take to do so")
	fs.IntVarP(&f.parallel, "jobs", "j", 8, "how many cases run at once")
	cmd.MarkFlagsMutuallyExclusive("json", "junit")
	return cmd
}

// cases returns the cases that were asked for.
func (f *conformFlags) cases() ([]conform.Case, error) {
	return conform.Select(conform.Cases(), f.only)
}

func (a *app) listCases(f *conformFlags) error {
	cases, err := f.cases()
	if err != nil {
		return err
	}
	for _, c := range cases {
		if _, err := fmt.Fprintf(a.Out, "%-16s  %s (%s)\n", c.ID, c.Title, c.Rule); err != nil {
			return cli.Exit(exitFailure, err)
		}
	}
	return nil
}

func (a *app) conform(ctx context.Context, uri string, f *conformFlags) error {
	u, err := parseTarget(uri)
	if err != nil {
		return err
	}
	cases, err := f.cases()
	switch {
	case err != nil:
		return err
	case f.timeout <= 0 || f.quiet <= 0 || f.change <= 0:
		return errors.New("--timeout, --quiet and --change must be positive")
	case f.parallel < 1:
		return fmt.Errorf("--jobs is %d; it must be at least 1", f.parallel)
	}
	target, err := resolveTarget(ctx, u)
	if err != nil {
		return cli.Exit(exitFailure, err)
	}
	cfg := conform.Config{Target: target, Timeout: f.timeout, Quiet: f.quiet, Change: f.change, Parallel: f.parallel}
	var counts conform.Counts
	var results []conform.Result
	var werr error
	err = conform.Run(ctx, cfg, cases, func(r conform.Result) {
		counts.Add(r)
		switch {
		case werr != nil:
		case f.junit:
			results = append(results, r)
		case f.json:
			werr = conform.JSON(a.Out, r)
		default:
			werr = conform.Row(a.Out, r)
		}
	})
	switch {
	case ctx.Err() != nil:
		return cli.Exit(exitInterrupted, errInterrupted)
	case err != nil:
		return cli.Exit(exitFailure, err)
	case f.junit:
		werr = conform.JUnit(a.Out, target.String(), results)
	}
	if werr != nil {
		return cli.Exit(exitFailure, werr)
	}
	fmt.Fprintln(a.Err, counts)
	if counts.Fail > 0 {
		return cli.Exit(exitResponse, nil)
	}
	return nil
}

// resolveTarget returns the address of a URI's host.
func resolveTarget(ctx context.Context, u codec.URI) (netip.AddrPort, error) {
	if at, ok := u.Addr(); ok {
		return at, nil
	}
	addrs, err := netio.Resolve(ctx, u.Host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return netip.AddrPortFrom(addrs[0], u.Port), nil
}
