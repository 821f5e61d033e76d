package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/cmd/internal/cli"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio/udp"
)

// timeFlags say how long to wait for an answer and how often to ask.
type timeFlags struct {
	timeout       time.Duration
	ackTimeout    time.Duration
	maxRetransmit int
}

func (f *timeFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.DurationVar(&f.timeout, "timeout", 10*time.Second, "how long to wait for an answer (for each block, if it travels in blocks), retransmissions included")
	fl.DurationVar(&f.ackTimeout, "ack-timeout", protocol.DefaultAckTimeout, "how long to wait for an acknowledgement before the first retransmission")
	fl.IntVar(&f.maxRetransmit, "max-retransmit", protocol.DefaultMaxRetransmit, "how often a confirmable message is sent again, each time after twice as long")
}

func (f *timeFlags) check() error {
	switch {
	case f.timeout <= 0 || f.timeout > 24*time.Hour:
		return fmt.Errorf("--timeout is %v; it must be above 0 and at most 24h", f.timeout)
	case f.ackTimeout <= 0 || f.ackTimeout > time.Hour:
		return fmt.Errorf("--ack-timeout is %v; it must be above 0 and at most 1h", f.ackTimeout)
	case f.maxRetransmit < 0 || f.maxRetransmit > 16:
		return fmt.Errorf("--max-retransmit is %d; it must be from 0 to 16", f.maxRetransmit)
	}
	return nil
}

// params returns the transmission parameters that the flags ask for.
func (f *timeFlags) params() protocol.Params {
	p := protocol.Params{AckTimeout: f.ackTimeout, MaxRetransmit: f.maxRetransmit}
	if p.MaxRetransmit == 0 {
		p.MaxRetransmit = -1 // 0 means the default there
	}
	return p
}

// clientFlags are the flags of all commands that ask a node.
type clientFlags struct {
	timeFlags
	nameFlags
	source  string
	json    bool
	verbose int
}

func (f *clientFlags) add(cmd *cobra.Command) {
	f.timeFlags.add(cmd)
	f.nameFlags.add(cmd)
	cmd.Flags().StringVar(&f.source, "source", "", "own address to ask from, ADDR:PORT; port 0 is any free one (default: any)")
	cmd.Flags().BoolVar(&f.json, "json", false, "print one JSON object that says everything")
	addVerbose(cmd, &f.verbose)
	cli.Complete(cmd, "source", cli.Nothing)
}

func addVerbose(cmd *cobra.Command, v *int) {
	cmd.Flags().CountVarP(v, "verbose", "v", "print every message sent and received to stderr; -vv: all of it")
}

func (f *clientFlags) check() error {
	if err := f.timeFlags.check(); err != nil {
		return err
	}
	if err := (udp.Config{Addrs: f.listen()}).Validate(); err != nil {
		return fmt.Errorf("--source: %w", err)
	}
	return nil
}

// listen returns the address that the source flag means, or any.
func (f *clientFlags) listen() []string {
	switch a, err := netip.ParseAddr(f.source); {
	case f.source == "":
		return []string{":0"}
	case err == nil: // the port may be missing
		return []string{net.JoinHostPort(a.String(), "0")}
	}
	return []string{f.source}
}

// messageFlags say what is in a request.
type messageFlags struct {
	non           bool
	accept        formatFlag
	contentFormat formatFlag
	options       optionFlag
	data, file    string
}

func (f *messageFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.BoolVar(&f.non, "non", false, "send a non-confirmable message: once, without acknowledgement")
	fl.Var(&f.accept, "accept", "the format wanted: json, cbor, text, link, a media type or a number")
	fl.Var(&f.contentFormat, "content-format", "the format of the payload, named as for --accept")
	fl.StringVar(&f.data, "data", "", "the payload")
	fl.StringVar(&f.file, "file", "", "read the payload from a file; - is stdin")
	fl.VarP(&f.options, "option", "O", "another option by name or number, such as If-Match=0x0a0b, If-None-Match or 65000=text; may be repeated")
	cli.Complete(cmd, "accept", completeFormat)
	cli.Complete(cmd, "content-format", completeFormat)
	cli.Complete(cmd, "option", completeOption)
	cli.Complete(cmd, "data", cli.Nothing)
}

func (f *messageFlags) check() error {
	if f.data != "" && f.file != "" {
		return errors.New("--data and --file both give the payload; use one of them")
	}
	return nil
}

// request makes the request that the flags describe; the payload may be read
// from stdin.
func (f *messageFlags) request(ctx context.Context, a *app, method codec.Code, u codec.URI) (actors.Request, error) {
	req := f.head(method, u)
	var err error
	req.Payload, err = a.readPayload(ctx, f)
	return req, err
}

// head returns the request without its payload.
func (f *messageFlags) head(method codec.Code, u codec.URI) actors.Request {
	req := actors.Request{Method: method, URI: u.String(), Options: f.options.options, NonConfirmable: f.non}
	if f.accept.set {
		req.Options = req.Options.Set(codec.Accept(f.accept.format))
	}
	if f.contentFormat.set {
		req.Options = req.Options.Set(codec.ContentFormat(f.contentFormat.format))
	}
	return req
}

// formatFlag is a flag that holds a content format.
type formatFlag struct {
	format codec.Format
	set    bool
}

func (f *formatFlag) String() string {
	if f == nil || !f.set {
		return ""
	}
	return f.format.String()
}

func (f *formatFlag) Set(s string) (err error) {
	if f.format, err = codec.ParseFormat(s); err != nil {
		return err
	}
	f.set = true
	return nil
}

func (f *formatFlag) Type() string { return "FORMAT" }

// optionFlag collects options written as NAME=VALUE or NUMBER=VALUE.
type optionFlag struct {
	options codec.Options
	text    []string // as they were written
}

func (f *optionFlag) String() string { return "" }

func (f *optionFlag) Set(s string) error {
	name, value, _ := strings.Cut(s, "=")
	o, err := codec.ParseOption(name, value)
	if err != nil {
		return err
	}
	f.options = f.options.Add(o)
	f.text = append(f.text, s)
	return nil
}

func (f *optionFlag) Type() string { return "NAME=VALUE" }

// tokenFlag is a flag that holds a token.
type tokenFlag struct {
	token codec.Token
	set   bool
}

func (f *tokenFlag) String() string {
	if f == nil || !f.set {
		return ""
	}
	return "0x" + f.token.String()
}

// Set reads a token as ParseOption reads an opaque value.
func (f *tokenFlag) Set(s string) (err error) {
	b := []byte(s)
	if digits, ok := strings.CutPrefix(strings.ToLower(s), "0x"); ok {
		if b, err = hex.DecodeString(digits); err != nil {
			return errors.New("0x is followed by pairs of hexadecimal digits")
		}
	}
	if f.token, err = codec.MakeToken(b); err != nil {
		return fmt.Errorf("a token has at most %d bytes, not %d", codec.MaxTokenLen, len(b))
	}
	f.set = true
	return nil
}

func (f *tokenFlag) Type() string { return "TOKEN" }
