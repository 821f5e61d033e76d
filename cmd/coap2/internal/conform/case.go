package conform

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"path"
	"strings"
	"sync"
	"time"
)

// Case is one test.
type Case struct {
	// ID is that of the description, "TD_COAP_CORE_01", or of our own,
	// "C2_MSG_01".
	ID string
	// Title says what is tested; for those of the descriptions it is theirs.
	Title string
	// Rule is what the case is about: RFC and section.
	Rule string

	// alone: the case changes what others look at, so none runs beside it.
	alone bool
	// group: cases of one group run one after the other, because they look at
	// one resource that all of them change.
	group string
	run   func(*probe)
}

// Verdict is what a case ends with.
type Verdict string

// The verdicts.
const (
	Pass         Verdict = "pass"
	Fail         Verdict = "fail"
	Inconclusive Verdict = "inconclusive"
)

// Result is the outcome of a case.
type Result struct {
	ID     string  `json:"id"`
	Title  string  `json:"title"`
	Result Verdict `json:"result"`
	// Rule is the rule that was broken, or else what the case is about.
	Rule string `json:"rule,omitempty"`
	// Detail says what is wrong, or why the case is inconclusive.
	Detail string `json:"detail,omitempty"`
	// Message is the offending message in hexadecimal.
	Message string `json:"message,omitempty"`
	// Seconds is how long it took.
	Seconds float64 `json:"seconds"`
}

// Config says whom to test and how patiently.
type Config struct {
	// Target is the server.
	Target netip.AddrPort
	// Timeout is how long an answer may take, retransmissions of the request
	// included. Default 5 s.
	Timeout time.Duration
	// Quiet is how long a server has to be silent to count as silent. Default
	// 300 ms.
	Quiet time.Duration
	// Change is how long a resource that changes by itself may take to do so.
	// Default 15 s.
	Change time.Duration
	// Parallel is how many cases run at once. Default 8.
	Parallel int
}

func (c Config) withDefaults() Config {
	for _, d := range [...]struct {
		value *time.Duration
		def   time.Duration
	}{{&c.Timeout, 5 * time.Second}, {&c.Quiet, 300 * time.Millisecond}, {&c.Change, 15 * time.Second}} {
		if *d.value <= 0 {
			*d.value = d.def
		}
	}
	if c.Parallel <= 0 {
		c.Parallel = 8
	}
	return c
}

// ErrNoServer: nobody answers at the target.
var ErrNoServer = errors.New("conform: nobody answers")

// Cases returns all cases in the order in which they are reported.
func Cases() []Case {
	var all []Case
	for _, group := range [][]Case{coreCases(), coreMoreCases(), linkCases(), blockCases(), observeCases(), messageCases(), requestCases(), ownBlockCases(), ownObserveCases(), hostileCases()} {
		all = append(all, group...)
	}
	return all
}

// Select returns the cases whose ID matches one of the patterns, which are
// separated by commas and may hold * and ?. No pattern is all. A pattern that
// matches nothing is an error.
func Select(cases []Case, patterns string) ([]Case, error) {
	if strings.TrimSpace(patterns) == "" {
		return cases, nil
	}
	chosen := make([]bool, len(cases))
	for _, p := range strings.Split(patterns, ",") {
		p = strings.ToUpper(strings.TrimSpace(p))
		found := false
		for i, c := range cases {
			ok, err := path.Match(p, c.ID)
			if err != nil {
				return nil, fmt.Errorf("conform: the pattern %q is not well-formed: %w", p, err)
			}
			found = found || ok
			chosen[i] = chosen[i] || ok
		}
		if !found {
			return nil, fmt.Errorf("conform: no case matches %q; the IDs are like %s", p, cases[0].ID)
		}
	}
	var some []Case
	for i, c := range cases {
		if chosen[i] {
			some = append(some, c)
		}
	}
	return some, nil
}

// Run runs the cases and reports each result, in the order of the cases. Those
// that do not disturb each other run side by side. The error wraps ErrNoServer
// if nobody answers, or is the context's.
func Run(ctx context.Context, cfg Config, cases []Case, report func(Result)) error {
	cfg = cfg.withDefaults()
	if err := reach(ctx, cfg); err != nil {
		return err
	}
	results := make([]chan Result, len(cases))
	for i := range results {
		results[i] = make(chan Result, 1)
	}
	go func() {
		var running sync.WaitGroup
		places := make(chan struct{}, cfg.Parallel)
		for _, some := range arrange(cases) {
			if cases[some[0]].alone {
				running.Wait()
			}
			places <- struct{}{}
			running.Go(func() {
				for _, i := range some {
					results[i] <- runOne(ctx, cfg, cases[i])
				}
				<-places
			})
		}
	}()
	for i := range cases {
		r := <-results[i]
		if err := ctx.Err(); err != nil {
			return err
		}
		report(r)
	}
	return nil
}

// arrange returns the cases, by their indices, in the order in which they are
// begun: first those that may run side by side, each group as one, and then those
// that have to be alone.
func arrange(cases []Case) (sequences [][]int) {
	groups := map[string]int{}
	for i, c := range cases {
		switch at, known := groups[c.group]; {
		case c.alone:
		case c.group != "" && known:
			sequences[at] = append(sequences[at], i)
		default:
			groups[c.group] = len(sequences)
			sequences = append(sequences, []int{i})
		}
	}
	for i, c := range cases {
		if c.alone {
			sequences = append(sequences, []int{i})
		}
	}
	return sequences
}

// runOne runs one case.
func runOne(ctx context.Context, cfg Config, c Case) (r Result) {
	p := &probe{ctx: ctx, cfg: cfg, c: c}
	r = Result{ID: c.ID, Title: c.Title, Result: Pass, Rule: c.Rule}
	start := time.Now()
	defer func() {
		p.close()
		r.Seconds = float64(time.Since(start).Milliseconds()) / 1000
		if v := recover(); v != nil {
			o, ok := v.(*outcome)
			if !ok {
				panic(v)
			}
			r.Result, r.Detail = o.verdict, o.detail
			if o.rule != "" {
				r.Rule = o.rule
			}
			r.Message = hex.EncodeToString(o.raw)
		}
	}()
	c.run(p)
	return r
}

// reach checks that somebody answers: any CoAP message, or at least no ICMP
// error.
func reach(ctx context.Context, cfg Config) error {
	var err error
	for range 3 {
		r := runOne(ctx, cfg, Case{run: func(p *probe) { p.get("/.well-known/core") }})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if r.Result == Pass {
			return nil
		}
		err = fmt.Errorf("%w at %v: %s", ErrNoServer, cfg.Target, r.Detail)
	}
	return err
}
