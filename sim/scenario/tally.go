package scenario

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/netio"
)

// tally is what has come of an action so far.
type tally struct {
	requests, answers, refused, timeouts, resets, others, cancelled, open uint64

	begun       bool
	first, last netio.Instant // of the first request and the last answer
	times       []time.Duration
	sorted      bool

	// observe and transfer
	states, behind, wrong uint64

	fed *fed // of subscribe

	// discover
	wanted                           []uint64 // bits, by node; nil until it is known
	wantedN                          uint64
	expected, responders, duplicates uint64
	found                            []time.Duration // until a node was found
	foundSorted                      bool
	askers                           []int
	watching                         int // discoveries whose traffic is counted
	before, sent                     traffic
}

func (t *tally) asked(now netio.Instant) {
	if !t.begun {
		t.begun, t.first = true, now
	}
	t.requests++
}

func (t *tally) answered(now, since netio.Instant) {
	t.answers++
	t.last = now
	t.times = append(t.times, now.Sub(since))
	t.sorted = false
}

// ended counts how a request has ended, and says so in a word.
func (t *tally) ended(now, since netio.Instant, res *actors.Response, err error) (what, detail string) {
	var ce *actors.CodeError
	t.open--
	switch {
	case err == nil:
		t.answered(now, since)
		return "answered", res.Code.String()
	case errors.As(err, &ce):
		t.refused++
		return "failed", ce.Code.String()
	case errors.Is(err, actors.ErrCanceled), errors.Is(err, actors.ErrStopped):
		t.cancelled++
		return "cancelled", ""
	case errors.Is(err, actors.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		t.timeouts++
		return "failed", "timeout"
	case errors.Is(err, actors.ErrReset):
		t.resets++
		return "failed", "reset"
	}
	t.others++
	return "failed", cause(err)
}

// cause is why a request failed, without what was asked of whom.
func cause(err error) string {
	var re *actors.RequestError
	if errors.As(err, &re) && re.Err != nil {
		err = re.Err
	}
	return err.Error()
}

// value returns a result by its name, NaN if there is none.
func (t *tally) value(name string) float64 {
	if t.fed != nil {
		if v, ok := t.fed.value(name); ok {
			return v
		}
	}
	switch name {
	case "requests":
		return float64(t.requests)
	case "answers":
		return float64(t.answers)
	case "answered":
		return ratio(t.answers, t.requests)
	case "errors":
		return float64(t.refused + t.timeouts + t.resets + t.others)
	case "refused":
		return float64(t.refused)
	case "timeouts":
		return float64(t.timeouts)
	case "resets":
		return float64(t.resets)
	case "cancelled":
		return float64(t.cancelled)
	case "open":
		return float64(t.open)
	case "rate":
		if d := t.last.Sub(t.first); t.answers > 0 && d > 0 {
			return float64(t.answers) / d.Seconds()
		}
		return none
	case "mean_ms":
		sum := time.Duration(0)
		for _, d := range t.times {
			sum += d
		}
		if len(t.times) == 0 {
			return none
		}
		return ms(sum / time.Duration(len(t.times)))
	case "min_ms":
		return t.quantile(0)
	case "p50_ms":
		return t.quantile(0.50)
	case "p90_ms":
		return t.quantile(0.90)
	case "p99_ms":
		return t.quantile(0.99)
	case "max_ms":
		return t.quantile(1)
	case "expected":
		return float64(t.expected)
	case "responders":
		return float64(t.responders)
	case "coverage":
		return ratio(t.responders, t.expected)
	case "duplicates":
		return float64(t.duplicates)
	case "precision":
		return ratio(t.responders+t.duplicates, t.responders+t.duplicates+t.others)
	case "messages":
		return float64(t.sent.queries + t.sent.responses)
	case "queries":
		return float64(t.sent.queries)
	case "responses":
		return float64(t.sent.responses)
	case "query_bytes":
		return float64(t.sent.queryBytes)
	case "response_bytes":
		return float64(t.sent.responseBytes)
	case "message_bytes":
		return float64(t.sent.queryBytes + t.sent.responseBytes)
	case "collisions":
		return float64(t.sent.collisions)
	case "drops":
		return float64(t.sent.drops)
	case "frames":
		return float64(t.sent.frames)
	case "retries":
		return float64(t.sent.retries)
	case "given_up":
		return float64(t.sent.givenUp)
	case "send_mj":
		return t.sent.energy.send
	case "receive_mj":
		return t.sent.energy.receive
	case "idle_mj":
		return t.sent.energy.idle
	case "recall_1s":
		soon := uint64(0)
		for _, d := range t.found {
			if d <= time.Second {
				soon++
			}
		}
		return ratio(soon, t.expected)
	case "states":
		return float64(t.states)
	case "behind":
		return float64(t.behind)
	case "wrong":
		return float64(t.wrong)
	case "t50_ms":
		return t.until(0.50)
	case "t90_ms":
		return t.until(0.90)
	case "t99_ms":
		return t.until(0.99)
	case "t100_ms":
		return t.until(1)
	}
	panic("scenario: there is no result " + name)
}

func ratio(a, b uint64) float64 {
	if b == 0 {
		return none
	}
	return float64(a) / float64(b)
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// quantile returns the time within which a share of the answers came.
func (t *tally) quantile(q float64) float64 {
	if !t.sorted {
		slices.Sort(t.times)
		t.sorted = true
	}
	if len(t.times) == 0 {
		return none
	}
	return ms(t.times[rank(q, len(t.times))])
}

// until returns the time until a share of the nodes that should answer had.
func (t *tally) until(q float64) float64 {
	if !t.foundSorted {
		slices.Sort(t.found)
		t.foundSorted = true
	}
	if t.expected == 0 {
		return none
	}
	if k := rank(q, int(t.expected)); k < len(t.found) {
		return ms(t.found[k])
	}
	return none
}

// rank is the index of the q-quantile of n values: the least that is no smaller
// than a share q of them.
func rank(q float64, n int) int {
	return min(max(int(math.Ceil(q*float64(n)-1e-9))-1, 0), n-1)
}

// sum adds up the tallies of several actions.
func sum(tallies []*tally) *tally {
	if len(tallies) == 1 {
		return tallies[0]
	}
	s := &tally{}
	for _, t := range tallies {
		s.requests += t.requests
		s.answers += t.answers
		s.refused += t.refused
		s.timeouts += t.timeouts
		s.resets += t.resets
		s.others += t.others
		s.cancelled += t.cancelled
		s.open += t.open
		s.expected += t.expected
		s.responders += t.responders
		s.duplicates += t.duplicates
		s.states += t.states
		s.behind += t.behind
		s.wrong += t.wrong
		if t.fed != nil {
			if s.fed == nil {
				s.fed = &fed{}
			}
			s.fed.add(t.fed)
		}
		s.times = append(s.times, t.times...)
		s.found = append(s.found, t.found...)
		s.sent.plus(t.sent, traffic{})
		if t.begun {
			if !s.begun || t.first < s.first {
				s.first = t.first
			}
			s.begun, s.last = true, max(s.last, t.last)
		}
	}
	return s
}
