//go:build js && wasm

package main

import (
	"bytes"
	"fmt"
	"syscall/js"
	"time"

	"github.com/coap2/coap2/sim/page"
	"github.com/coap2/coap2/sim/scenario"
)

// main answers the page for as long as it is there: simulate(text, changes, seed,
// progress) returns a promise of {html, hash, passed}. One run follows the other.
func main() {
	jobs := make(chan job, 1)
	js.Global().Set("simulate", js.FuncOf(func(_ js.Value, args []js.Value) any {
		var resolve, reject js.Value
		executor := js.FuncOf(func(_ js.Value, fs []js.Value) any {
			resolve, reject = fs[0], fs[1]
			return nil
		})
		defer executor.Release()
		promise := js.Global().Get("Promise").New(executor)
		select {
		case jobs <- job{args, resolve, reject}:
		default:
			reject.Invoke("it is busy")
		}
		return promise
	}))
	js.Global().Call("simulatorReady")
	for j := range jobs {
		if result, err := j.run(); err != nil {
			j.reject.Invoke(err.Error())
		} else {
			j.resolve.Invoke(result)
		}
	}
}

// job is a run that the page wants.
type job struct {
	args            []js.Value
	resolve, reject js.Value
}

func (j job) run() (any, error) {
	if len(j.args) < 4 {
		return nil, fmt.Errorf("simulate takes a text, changes, a seed and a function")
	}
	var changes []string
	for i := range j.args[1].Length() {
		changes = append(changes, j.args[1].Index(i).String())
	}
	s, err := scenario.Parse("scenario.yaml", []byte(j.args[0].String()), changes...)
	if err != nil {
		return nil, err
	}
	seed, err := scenario.ParseSeed(j.args[2].String())
	if err != nil {
		return nil, err
	}
	c := page.NewCollector(s, page.Limits{})
	rep, err := s.Run(seed, scenario.Options{
		Begin: c.Begin, End: c.End, Event: c.Event, Compared: c.Compared, Slice: slice,
		Progress: c.Progress(func(p scenario.Progress) (time.Duration, error) {
			j.args[3].Invoke(float64(p.Elapsed)/1e9, float64(p.Deliveries))
			breathe()
			return slice, nil
		}),
	})
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := page.WriteRun(&b, c.Run(rep, fmt.Sprintf("sim replay scenario.yaml --seed %d", seed))); err != nil {
		return nil, err
	}
	return map[string]any{"html": b.String(), "hash": rep.TraceHash, "passed": rep.Passed}, nil
}

// slice is how much virtual time passes until the page may show how far it is.
const slice = 250 * time.Millisecond

// breathe lets the browser do what else there is.
func breathe() {
	done := make(chan struct{})
	f := js.FuncOf(func(js.Value, []js.Value) any {
		close(done)
		return nil
	})
	defer f.Release()
	js.Global().Call("setTimeout", f, 0)
	<-done
}
