package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/cmd/coap2/internal/machine"
	"github.com/coap2/coap2/cmd/coap2/internal/tail"
	"github.com/coap2/coap2/codec"
)

// process is a server that runs for a measurement.
type process struct {
	cmd   *exec.Cmd
	said  *tail.Writer
	clean func()
}

func start(cmd *exec.Cmd, cpu int) (*process, error) {
	p := &process{cmd: cmd, said: &tail.Writer{Max: 400}}
	cmd.Stderr = p.said
	var err error
	if cpu >= 0 {
		err = machine.StartOn(cpu, cmd)
	} else {
		err = cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("%s cannot be started: %w", cmd.Path, err)
	}
	return p, nil
}

func (p *process) stop() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	if p.clean != nil {
		p.clean()
	}
}

// findMosquitto returns where the broker is; Debian keeps it from users' paths.
func findMosquitto() (string, error) {
	for _, name := range []string{"mosquitto", "/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("mosquitto is not installed (Debian: apt-get install mosquitto)")
}

// startMosquitto starts a broker with its defaults at a free port.
func startMosquitto(cpu int) (*process, string, error) {
	path, err := findMosquitto()
	if err != nil {
		return nil, "", err
	}
	dir, err := os.MkdirTemp("", "mosquitto")
	if err != nil {
		return nil, "", err
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	addr := l.Addr().String()
	_ = l.Close()
	conf := filepath.Join(dir, "mosquitto.conf")
	text := fmt.Sprintf("listener %d 127.0.0.1\nallow_anonymous true\npersistence false\nlog_type error\nuser root\n", l.Addr().(*net.TCPAddr).Port)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return nil, "", err
	}
	p, err := start(exec.Command(path, "-c", conf), cpu)
	if err != nil {
		return nil, "", err
	}
	p.clean = func() { _ = os.RemoveAll(dir) }
	for end := time.Now().Add(answerTimeout); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp4", addr)
		if err == nil {
			_ = c.Close()
			return p, addr, nil
		}
		if time.Now().After(end) {
			p.stop()
			return nil, "", fmt.Errorf("mosquitto does not listen: %w: %s", err, p.said)
		}
	}
}

// serveCommand is the argument with which this program is a server.
const serveCommand = "serve"

// startServer starts this program as a CoAP 2 node with a sensor.
func startServer(con bool, cpu int) (*process, string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	cmd := exec.Command(self, serveCommand, fmt.Sprint(con))
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	p, err := start(cmd, cpu)
	if err != nil {
		return nil, "", err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		p.stop()
		return nil, "", fmt.Errorf("the server does not listen: %w: %s", err, p.said)
	}
	return p, strings.TrimSpace(line), nil
}

// queue is how many samples wait for a subscriber, as many as with Mosquitto.
const queue = 1000

// serve is a node with a sensor: what is PUT there is its next sample.
func serve(con bool) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	n, err := actors.Start(actors.Config{Listen: []string{"127.0.0.1:0"}, Observe: actors.ObserveConfig{NONInterval: -1}})
	if err != nil {
		return err
	}
	var route *actors.Route
	state, err := actors.Text("0")
	if err != nil {
		return err
	}
	route, err = n.Handle("/sensor", actors.Resource{
		Observable: true, Confirmable: con, Queue: queue, Inline: true,
		Get: func(context.Context, *actors.Request) (*actors.Response, error) { return state, nil },
		Put: func(_ context.Context, r *actors.Request) (*actors.Response, error) {
			next, err := actors.Text(string(r.Payload))
			if err != nil {
				return nil, err
			}
			state = next
			if err := route.Publish(next); err != nil {
				return nil, err
			}
			return actors.Status(codec.Changed)
		},
	})
	if err != nil {
		return err
	}
	u, err := codec.ParseURI(n.URI("/"))
	if err != nil {
		return err
	}
	fmt.Println(net.JoinHostPort(u.Host, strconv.Itoa(int(u.Port))))
	<-ctx.Done()
	return n.Stop(context.Background())
}
