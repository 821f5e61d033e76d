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
		{"precision", share, "answers of nodes that should answer / answers"},
		{"duplicates", plain, "answers that came again"},
		{"messages", plain, "datagrams that anyone has sent while answers counted: queries + responses"},
		{"queries", plain, "those of the nodes that discover"},
		{"responses", plain, "those of all others"},
		{"query_bytes", plain, "bytes of queries, headers of IP and UDP included"},
		{"response_bytes", plain, "bytes of responses, headers included"},
		{"message_bytes", plain, "query_bytes + response_bytes"},
		{"collisions", plain, "frames that collided meanwhile"},
		{"drops", plain, "datagrams that found no room in a queue or a receive buffer"},
		{"frames", plain, "frames that were sent meanwhile on media and radios"},
		{"retries", plain, "frames that were sent again on radios for want of an acknowledgement"},
		{"given_up", plain, "frames that never got one"},
		{"send_mj", plain, "millijoules that all radios together spent on sending meanwhile"},
		{"receive_mj", plain, "… on receiving, also what was for others"},
		{"idle_mj", plain, "… on listening while nothing was on the air"},
		{"recall_1s", share, "of the nodes that should, how many had answered after 1s"},
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
	transferMetrics  = []metric{wrongMetric}
	subscribeMetrics = []metric{
		{"notifications", plain, "samples that came after the first"},
		{"selected", plain, "those of them that the rule selects, each once; the times are from their publication until they came"},
		{"spurious", plain, "those that it does not select; with observe and mqtt the subscriber throws them away. What pmax or a renewal brings is not among them"},
		{"duplicates", plain, "those that came again"},
		{"wanted", plain, "samples that the rule selects and somebody was subscribed to"},
		{"missed", plain, "those of them that did not come"},
		{"messages", plain, "IP packets that the subscribers sent or were sent, whatever for; with mqtt those of its publishers, broker and subscribers"},
		{"bytes", plain, "bytes in them, headers included"},
		{"bytes_each", plain, "bytes / selected"},
		{"behind", plain, "subscriptions that in the end did not know the last sample that the rule selects, nor a later one"},
		wrongMetric,
	}
	wrongMetric  = metric{"wrong", plain, "bodies and states that are not what was sent, and states that came after newer ones"}
	worldMetrics = []metric{
		{"nodes", plain, "nodes of the scenario"},
		{"virtual_ms", milliseconds, "how long it lasted, in virtual time"},
		{"deliveries", plain, "datagrams that arrived"},
		{"bytes", plain, "bytes of CoAP in them"},
		{"lost", plain, "datagrams that did not arrive"},
		{"duplicated", plain, "copies that the network made"},
		{"retries", plain, "frames that were sent again on radios for want of an acknowledgement"},
		{"given_up", plain, "frames that never got one"},
		{"send_mj", plain, "millijoules that all radios together spent on sending"},
		{"receive_mj", plain, "… on receiving, also what was for others"},
		{"idle_mj", plain, "… on listening while nothing was on the air"},
		{"sleep_mj", plain, "… on sleeping"},
		{"awake", share, "how much of the time radios were awake"},
		{"most_mj", plain, "millijoules that the node spent on sending and receiving that spent most"},
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
