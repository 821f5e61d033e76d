package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/cmd/coap2/internal/machine"
	"github.com/coap2/coap2/cmd/coap2/internal/tail"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio/udp"
)

// readyTimeout is how long a server may take until it can be asked.
const readyTimeout = 15 * time.Second

// process is a server that runs for a measurement.
type process struct {
	name  string
	cmd   *exec.Cmd
	stdin io.Closer
	said  *tail.Writer
	ready chan string   // the URI that it has printed
	ended chan struct{} // closed when it has ended
	err   error         // how; to be read afterwards
}

// newTail returns what keeps enough of a process's words for one message.
func newTail() *tail.Writer { return &tail.Writer{Max: 400} }

// startProcess starts a command on a processor; cpu -1 is any.
func startProcess(name string, argv []string, cpu int) (*process, error) {
	p := &process{name: name, cmd: exec.Command(argv[0], argv[1:]...), said: newTail(), ready: make(chan string, 1), ended: make(chan struct{})}
	p.cmd.Stderr = p.said
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		p.stdin, err = p.cmd.StdinPipe()
	}
	if err == nil {
		if cpu >= 0 {
			err = machine.StartOn(cpu, p.cmd)
		} else {
			err = p.cmd.Start()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s cannot be started: %w", name, err)
	}
	go p.follow(out)
	return p, nil
}

// follow reads what the process prints, until it ends.
func (p *process) follow(out io.Reader) {
	defer close(p.ended)
	in := bufio.NewReader(out)
	for {
		line, err := in.ReadSlice('\n') // a longer one comes in parts
		if uri, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte("ready ")); ok && bytes.HasPrefix(uri, []byte("coap://")) {
			select {
			case p.ready <- string(uri):
			default: // the first counts
			}
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			break
		}
	}
	p.err = p.cmd.Wait()
}

// stop ends the process, if it has not ended.
func (p *process) stop() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// gone says how a process has ended that should not have.
func (p *process) gone() error {
	how := "exit status 0"
	if p.err != nil {
		how = p.err.Error()
	}
	if said := p.said.String(); said != "" {
		how += ": " + said
	}
	return fmt.Errorf("%s has ended: %s", p.name, how)
}

// startContender starts a server and waits until it can be asked. It returns the
// URI of the resource to ask for.
func (a *app) startContender(ctx context.Context, c contender, path string, cpu int) (*process, string, error) {
	argv, uri := c.argv, c.uri
	if c.wantsPort() {
		port, err := freePort()
		if err != nil {
			return nil, "", err
		}
		argv = make([]string, len(c.argv))
		for i, s := range c.argv {
			argv[i] = c.withPort(s, port)
		}
		uri = c.withPort(uri, port)
	}
	p, err := startProcess(c.name, argv, cpu)
	if err != nil {
		return nil, "", err
	}
	if uri, err = a.waitReady(ctx, p, uri); err == nil {
		uri, err = resourceURI(uri, path)
	}
	if err != nil {
		p.stop()
		return nil, "", err
	}
	return p, uri, nil
}

// waitReady waits until a process has said where it can be asked, or, where that
// is known, until it answers there.
func (a *app) waitReady(ctx context.Context, p *process, uri string) (string, error) {
	late, cancel := context.WithTimeout(ctx, a.patience)
	defer cancel()
	answers := make(chan error, 1)
	if uri != "" {
		go func() { answers <- a.pingUntil(late, uri) }()
	}
	select {
	case err := <-answers:
		if err == nil {
			return uri, nil
		}
	case said := <-p.ready:
		if uri == "" {
			uri = said
		}
		return uri, nil
	case <-p.ended:
		return "", p.gone()
	case <-late.Done():
	}
	switch {
	case ctx.Err() != nil:
		return "", errInterrupted
	case uri != "":
		return "", fmt.Errorf("%s does not answer at %s after %v", p.name, uri, a.patience)
	}
	return "", fmt.Errorf("%s has not printed \"ready coap://HOST:PORT\" after %v; where it is can be written before its command", p.name, a.patience)
}

// pingUntil pings a node until it answers.
func (a *app) pingUntil(ctx context.Context, uri string) error {
	node, err := actors.Start(actors.Config{
		Listen: []string{":0"}, Log: a.logger(), Params: protocol.Params{AckTimeout: 20 * time.Millisecond, MaxRetransmit: 3},
	})
	if err != nil {
		return err
	}
	defer func() {
		end, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		_ = node.Stop(end)
	}()
	for {
		if _, err = node.Ping(ctx, uri); err == nil || !pause(ctx, 10*time.Millisecond) {
			return err
		}
	}
}

// resourceURI makes the URI of a resource from that of its server, which may
// listen on all addresses and have a path of its own.
func resourceURI(uri, path string) (string, error) {
	u, err := codec.ParseURI(uri)
	if err != nil {
		return "", err
	}
	if ip, err := netip.ParseAddr(u.Host); err == nil && ip.IsUnspecified() {
		u.Host = "127.0.0.1"
		if ip.Is6() {
			u.Host = "::1"
		}
	}
	if len(u.Path) > 0 || len(u.Query) > 0 {
		return u.String(), nil
	}
	at := u.String()
	u, err = parseTarget(strings.TrimSuffix(at, "/") + "/" + strings.TrimPrefix(path, "/"))
	return u.String(), err
}

// freePort finds a port that nobody uses on 127.0.0.1 right now.
func freePort() (uint16, error) {
	t, err := udp.Open(udp.Config{Addrs: []string{"127.0.0.1:0"}})
	if err != nil {
		return 0, err
	}
	port := t.Local()[0].Port()
	return port, t.Close()
}

// own returns the command line of this command itself with other arguments.
func own(args ...string) ([]string, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("this program cannot find itself: %w", err)
	}
	return append([]string{path}, args...), nil
}
