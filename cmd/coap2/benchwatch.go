package main

import (
	"context"
	"fmt"
	"time"

	"github.com/coap2/coap2/cmd/coap2/internal/load"
	"github.com/coap2/coap2/cmd/internal/cli"
)

// glance is how often a progress line is written anew.
const glance = 200 * time.Millisecond

// watch waits for the end of a load, which the context's end brings about, and
// where stderr is a terminal says meanwhile how it goes.
func (a *app) watch(ctx context.Context, l *load.Load, f *benchFlags) {
	var tick <-chan time.Time
	if a.Watched {
		t := time.NewTicker(glance)
		defer t.Stop()
		tick = t.C
		defer fmt.Fprint(a.Err, cli.ClearLine)
	}
	var before load.Result
	for {
		select {
		case <-l.Done():
			return
		case <-ctx.Done():
			l.Stop()
			return
		case <-tick:
			now := l.Result()
			fmt.Fprint(a.Err, cli.ClearLine+progress(&before, now, f.duration, f.count))
			before = *now
		}
	}
}

// progress is a line that says how a load goes, and what has happened since the
// last one.
func progress(before, now *load.Result, duration time.Duration, count uint64) string {
	if !now.Measuring {
		return "warming up"
	}
	rate := now.Rate()
	if d := now.Elapsed - before.Elapsed; before.Measuring && d > 0 {
		rate = float64(now.Answered-before.Answered) / d.Seconds()
	}
	s := fmt.Sprintf("%s responses/s, p50 %.3f ms, p99 %.3f ms, %s", cli.Thousands(uint64(rate)),
		cli.Milliseconds(now.Latency.Quantile(.5)), cli.Milliseconds(now.Latency.Quantile(.99)), cli.Plural(now.Failed(), "error"))
	if now.Retransmissions > 0 {
		s += fmt.Sprintf(", %s resent", cli.Thousands(now.Retransmissions))
	}
	switch left := duration - now.Elapsed; {
	case duration > 0 && left <= 0, before.Measuring && before.Elapsed == now.Elapsed:
		s += ", waiting for the last answers"
	case duration > 0:
		s += fmt.Sprintf(", %.1f s left", left.Seconds())
	case count > 0:
		s += fmt.Sprintf(", %s left", cli.Plural(count-min(count, now.Responses), "request"))
	}
	return s
}
