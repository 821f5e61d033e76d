package scenario

import "math"

// unit is what a result is measured in.
type unit uint8

const (
	plain unit = iota
	milliseconds
	share
)

// metric is a result that an expectation can speak of.
type metric struct {
	name string
	unit unit
	doc  string
}

// actionMetrics are the results of every action, discoverMetrics those of
// discover besides, worldMetrics those of the whole run.
var (
	actionMetrics = []metric{
		{"requests", plain, "how many were made"},
		{"answers", plain, "answers that came (of requests and loads: with success)"},
		{"answered", share, "answers / requests"},
		{"errors", plain, "requests without success: refused + timeouts + resets + others; of discover: answers that are none"},
		{"refused", plain, "requests that were answered with 4.xx or 5.xx"},
		{"timeouts", plain, "requests that nobody answered"},
		{"resets", plain, "requests that were rejected with a Reset"},
		{"cancelled", plain, "requests that were given up, or whose node has crashed"},
		{"open", plain, "requests that were under way at the end"},
		{"rate", plain, "answers in a second of virtual time, from the first request to the last answer"},
		{"min_ms", milliseconds, "the quickest answer"},
		{"mean_ms", milliseconds, "the mean time to an answer"},
		{"p50_ms", milliseconds, "the median time to an answer"},
		{"p90_ms", milliseconds, "90% of the answers came within"},
		{"p99_ms", milliseconds, "99% of the answers came within"},
		{"max_ms", milliseconds, "the slowest answer"},
	}
	discoverMetrics = []metric{
		{"expected", plain, "nodes that should answer, all requests together"},
		{"responders", plain, "nodes that did, each counted once a request"},
		{"coverage", share, "responders / expected"},
		{"duplicates", plain, "answers that came again"},
		{"t50_ms", milliseconds, "until half of the nodes that should had answered"},
		{"t90_ms", milliseconds, "until 90% of them had"},
		{"t99_ms", milliseconds, "until 99% of them had"},
		{"t100_ms", milliseconds, "until all of them had"},
	}
	observeMetrics = []metric{
		{"states", plain, "states that were told"},
		{"behind", plain, "nodes that in the end did not know the last state of what they observed"},
		wrongMetric,
	}
	transferMetrics = []metric{wrongMetric}
	wrongMetric     = metric{"wrong", plain, "bodies and states that are not what was sent, and states that came after newer ones"}
	worldMetrics    = []metric{
		{"nodes", plain, "nodes of the scenario"},
		{"virtual_ms", milliseconds, "how long it lasted, in virtual time"},
		{"deliveries", plain, "datagrams that arrived"},
		{"bytes", plain, "bytes of CoAP in them"},
		{"lost", plain, "datagrams that did not arrive"},
		{"duplicated", plain, "copies that the network made"},
		{"violations", plain, "invariants that did not hold"},
	}
)

func findMetric(name string, tables ...[]metric) (metric, bool) {
	for _, t := range tables {
		for _, m := range t {
			if m.name == name {
				return m, true
			}
		}
	}
	return metric{}, false
}

func metricNames(tables ...[]metric) []string {
	var names []string
	for _, t := range tables {
		for _, m := range t {
			names = append(names, m.name)
		}
	}
	return names
}

// none is a result that has no value, such as the median of nothing.
var none = math.NaN()
