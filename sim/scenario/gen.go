package scenario

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Draft says what a scenario to start from has in it. The zero value is a client
// and ten servers, one of which the client asks.
type Draft struct {
	// Nodes is how many servers there are; 0 = 10.
	Nodes int
	// Loss is the share of datagrams that are lost, 0 to 1.
	Loss float64
	// Latency is how long a datagram is under way, as a file says it, such as
	// "10ms..50ms"; "" = "10ms..50ms".
	Latency string
	// Actions and Faults are what the nodes do and what goes wrong, by their
	// words: DraftActions, DraftFaults. Without Actions it is request.
	Actions, Faults []string
	// Stop is when it ends; 0 = when nothing is left to happen.
	Stop time.Duration
	// Seed is what all chance follows from; 0 = it does not say.
	Seed uint64
}

// draftPart is what a word brings into a draft.
type draftPart struct{ word, text, expect string }

var draftActions = []draftPart{
	{"discover", "  find:                         # a multicast GET /.well-known/core\n    at: 1s\n    discover: rt=temperature\n    from: client\n", "find.coverage >= %s"},
	{"request", "  ask:                          # every node of from asks every node of to\n    at: 2s\n    request: GET /temp\n    from: client\n    to: server\n", "ask.answered >= %s"},
	{"load", "  keep-busy:                    # again and again, one of them at random\n    at: 5s\n    load: [GET /temp, PUT /setting]\n    from: client\n    to: server\n    rate: 10/s\n    for: 20s\n", "keep-busy.answered >= %s"},
	{"observe", "  watch:                        # told whenever the state changes\n    at: 3s\n    observe: /state\n    from: client\n    to: server\n    for: 30s\n  change: {at: 5s, every: 2s, times: 10, change: /state, from: server}\n", "watch.states >= 1"},
}

var draftFaults = []draftPart{
	{word: "crash", text: "  reboot: {at: 6s, every: 10s, times: 2, for: 3s, crash: 1 of server}\n"},
	{word: "partition", text: "  split: {at: 8s, for: 4s, partition: 1 of server}\n"},
	{word: "disturb", text: "  storm: {at: 10s, for: 3s, disturb: server, loss: 30%, delay: 0s..500ms}\n"},
	{word: "lie", text: "  liar: {lie: client, share: 10%}\n"},
	{word: "kill", text: "  socket: {at: 12s, kill: 1 of server, failures: 1}\n"},
	{word: "rebind", text: "  nat: {at: 14s, rebind: 1 of server}\n"},
}

// DraftActions returns the words for what nodes can do.
func DraftActions() []string { return draftWords(draftActions) }

// DraftFaults returns the words for what can go wrong.
func DraftFaults() []string { return draftWords(draftFaults) }

func draftWords(parts []draftPart) []string {
	words := make([]string, len(parts))
	for i := range parts {
		words[i] = parts[i].word
	}
	return words
}

// Text returns the scenario. The error says what of the draft makes no sense.
func (d Draft) Text() ([]byte, error) {
	if d.Nodes == 0 {
		d.Nodes = 10
	}
	if d.Latency == "" {
		d.Latency = "10ms..50ms"
	}
	if len(d.Actions) == 0 {
		d.Actions = []string{"request"}
	}
	if !(d.Loss >= 0 && d.Loss <= 1) {
		return nil, fmt.Errorf("scenario: a loss of %v is no share; it must be from 0%% to 100%%", d.Loss)
	}
	actions, err := chosenParts("action", d.Actions, draftActions)
	if err != nil {
		return nil, err
	}
	faults, err := chosenParts("fault", d.Faults, draftFaults)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# A client and %d servers. \"sim help scenario\" says what else there is.\nversion: 1\nabout: a scenario to start from\n", d.Nodes)
	if d.Seed != 0 {
		fmt.Fprintf(&b, "seed: %d\n", d.Seed)
	}
	if d.Stop != 0 {
		fmt.Fprintf(&b, "stop: %v                       # of virtual time\n", d.Stop)
	}
	fmt.Fprintf(&b, `
nodes:
  client:
    params: {nstart: 4}         # requests to one server at a time
  server:
    count: %d
    host: "server{i}"           # server0, server1, …
    resources:
      /temp:
        text: "21.5"
        attributes: {rt: temperature}
      /setting: {delay: 1ms..20ms}
      /state: {state: 24B}      # which change can change

link:
  latency: %s
  loss: %v%%

run:
`, d.Nodes, d.Latency, fmt.Sprintf("%g", 100*d.Loss))
	for _, p := range actions {
		b.WriteString(p.text)
	}
	if len(faults) > 0 {
		b.WriteString("\nfaults:\n")
	}
	for _, p := range faults {
		b.WriteString(p.text)
	}
	b.WriteString("\nexpect:\n  - open == 0                   # every request ends\n")
	for _, p := range actions {
		share := "99%"
		if d.Loss > 0 || len(faults) > 0 {
			share = "50%"
		}
		fmt.Fprintf(&b, "  - %s\n", strings.ReplaceAll(p.expect, "%s", share))
	}
	text := []byte(b.String())
	if _, err := Parse("draft", text); err != nil {
		return nil, err
	}
	return text, nil
}

// chosenParts returns the parts that the words name, in the order of the parts.
func chosenParts(what string, words []string, parts []draftPart) ([]draftPart, error) {
	var chosen []draftPart
	for _, p := range parts {
		if slices.Contains(words, p.word) {
			chosen = append(chosen, p)
		}
	}
	for _, w := range words {
		if !slices.Contains(draftWords(parts), w) {
			return nil, fmt.Errorf("scenario: %s is no %s; they are %s", quote(w), what, strings.Join(draftWords(parts), ", "))
		}
	}
	return chosen, nil
}
