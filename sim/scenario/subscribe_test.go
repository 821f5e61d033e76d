package scenario

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const sensors = `version: 1
nodes:
  s:
    count: 3
    resources: {/temp: {signal: steps 10s 10 30, queued: 64}}
  a: {count: 2}
stop: 1000s
run:
  samples: {publish: /temp, from: s, at: 5s, every: 1s, times: 600}
`

func results(t *testing.T, text string, seed uint64, name string) map[string]float64 {
	t.Helper()
	s, err := Parse("f.yaml", []byte(text))
	require.NoError(t, err)
	rep, err := s.Run(seed, Options{})
	require.NoError(t, err)
	require.Empty(t, rep.Violations)
	for _, a := range rep.Actions {
		if a.Name != name {
			continue
		}
		values := map[string]float64{}
		for _, r := range a.Results {
			if r.Value != nil {
				values[r.Name] = *r.Value
			}
		}
		return values
	}
	t.Fatalf("there is no %s", name)
	return nil
}

// TestSubscribe: the same samples come whatever the way, and each way costs what
// it has to.
func TestSubscribe(t *testing.T) {
	const bytes = "bytes"
	cost := map[string]float64{}
	for _, by := range []string{byRules, byObserve, byMQTT} {
		r := results(t, sensors+"  x: {subscribe: /temp, rule: value > 20, by: "+by+", from: a, to: s, for: 900s}\n", 1, "x")
		require.InDelta(t, 6, r["answers"], 0, by)
		require.InDelta(t, 6*300, r["selected"], 6*10, "%s: every other ten of 600 samples", by)
		require.InDelta(t, r["wanted"], r["selected"], 0, by)
		require.Zero(t, r["missed"]+r["behind"]+r["wrong"]+r["open"], by)
		require.InDelta(t, r["selected"]+r["spurious"], r["notifications"], 0, by)
		if by == byRules {
			require.Zero(t, r["spurious"])
		} else {
			require.InDelta(t, 3600, r["notifications"], 1)
		}
		require.InDelta(t, map[string]float64{byRules: 1, byObserve: 1, byMQTT: 2}[by], r["p50_ms"], 0.01, "%s: 1 ms a hop", by)
		require.InDelta(t, r[bytes]/r["selected"], r["bytes_each"], 1e-3)
		cost[by] = r[bytes]
	}
	require.Less(t, cost[byRules], 0.6*cost[byObserve])
	require.Less(t, cost[byObserve], cost[byMQTT])
}

// TestSubscribeMisses: what is lost is found to be lost, with QoS 0, and what comes
// by QoS 1 is not.
func TestSubscribeMisses(t *testing.T) {
	const lossy = "link: {loss: 20%}\n"
	r := results(t, sensors+"  x: {subscribe: /temp, rule: value > 20, from: a, to: s, for: 900s}\n"+lossy, 1, "x")
	require.Greater(t, r["missed"], 100.0)
	require.InDelta(t, r["wanted"]-r["missed"], r["selected"], 30, "but for what registrations bring")
	require.Zero(t, r["spurious"])
	r = results(t, sensors+"  x: {subscribe: /temp, by: mqtt, qos: 1, rule: value > 20, from: a, to: s, for: 900s}\n"+lossy, 1, "x")
	require.Greater(t, r["wanted"], 1700.0)
	require.Zero(t, r["missed"]+r["behind"]+r["wrong"])
}

// TestPublisherCrashes: a sensor that crashes goes on, and its subscribers come
// back.
func TestPublisherCrashes(t *testing.T) {
	const soon = "  x: {subscribe: /temp, rule: rising(value > 20), qos: 1, from: a, to: s, for: 900s, settle: 320s}\nfaults: {x: {at: 60s, for: 20s, crash: s0}}\n"
	r := results(t, strings.Replace(sensors, "queued: 64", "queued: 64, lease: 1m", 1)+soon, 1, "x")
	require.Greater(t, r["wanted"], 6*12.0)
	require.Zero(t, r["missed"]+r["behind"]+r["wrong"]+r["spurious"])
}

// TestSignalOfAFile: a signal is read from a file beside the scenario's.
func TestSignalOfAFile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "day.csv", "seconds,value\n0,18\n20,25\n")
	text := "version: 1\nnodes:\n  s: {resources: {/t: {signal: csv day.csv, decimals: 0}}}\n  c: {}\nrun:\n" +
		"  p: {publish: /t, from: s, every: 10s, times: 6}\n  x: {subscribe: /t, rule: value == 25, from: c, to: s, for: 70s}\nexpect: [x.selected == 4, x.wanted == 4]\n"
	s, err := Load(write(t, dir, "f.yaml", text))
	require.NoError(t, err)
	rep, err := s.Run(1, Options{})
	require.NoError(t, err)
	require.True(t, rep.Passed, "%+v", rep.Expectations)

	write(t, dir, "day.csv", "0,18\nsoon,25\n")
	_, err = Load(filepath.Join(dir, "f.yaml"))
	require.ErrorContains(t, err, "f.yaml:3: nodes.s.resources./t.signal: "+filepath.Join(dir, "day.csv")+": line 2: want a time in seconds")
	require.NoError(t, os.Remove(filepath.Join(dir, "day.csv")))
	_, err = Load(filepath.Join(dir, "f.yaml"))
	require.ErrorContains(t, err, "no such file")
}

func TestBadFeeds(t *testing.T) {
	const run = "version: 1\nnodes:\n  a: {}\n  s: {count: 2, resources: {/t: {signal: 5}, /o: {}}}\nrun:\n"
	for text, want := range map[string]string{
		"  x: {publish: /o, from: s}\n":                                        `f.yaml:6: run.x.publish: nobody has a resource "/o" with a signal`,
		"  x: {subscribe: /t, from: a, to: s}\n":                               "run.x.for: it says how long they are subscribed",
		"  x: {subscribe: /t, from: a, to: s, for: 1s, rule: \"> \"}\n":        "run.x.rule: col 3: expected",
		"  x: {subscribe: /t, from: a, to: s, for: 1s, rule: delta > 1}\n":     "run.x.rule: want a rule that looks at value and prev.value only",
		"  x: {subscribe: /t, from: a, to: s, for: 1s, rule: true; pmin=1s}\n": "run.x.rule: want a rule that looks at",
		"  x: {subscribe: /t, from: a, to: s, for: 1s, rule: hum > 3}\n":       "run.x.rule: the rule looks at hum; samples have value only",
		"  x: {subscribe: /t, from: a, to: s, for: 1s, by: carrier}\n":         `run.x.by: want rules, observe or mqtt, not "carrier"`,
		"  x: {subscribe: /t, from: a, to: s, for: 1s, qos: 2}\n":              "run.x.qos: want a whole number from 0 to 1",
		"  x: {subscribe: /t, from: a, to: s, for: 1s, qos: 1, by: observe}\n": "run.x.qos: who only observes cannot ask for it",
		"  x: {subscribe: /t, to: s, for: 1s}\n":                               `"from" is missing`,
		"version: 1\nnodes: {s: {resources: {/t: {signal: warm}}}}\n":          `f.yaml:2: nodes.s.resources./t.signal: "warm" is no signal; want`,
		"version: 1\nnodes: {s: {resources: {/t: {signal: 5, text: x}}}}\n":    "signal: text, size and state say what it answers",
		"version: 1\nnodes: {s: {resources: {/t: {decimals: 2}}}}\n":           "decimals: it is for a signal",
		"version: 1\nnodes: {s: {resources: {/t: {queued: 2}}}}\n":             "signal: confirmable, queued and lease are for those who observe",
		"version: 1\nnodes: {s: {resources: {/t: {signal: 5, lease: 1ms}}}}\n": "lease: want a time of at least 1s",
		"version: 1\nnodes: {s: {resources: {/t: {signal: [1, 2]}}}}\n":        "signal: a list is no signal; want",
	} {
		if text[0] == ' ' {
			text = run + text
		}
		_, err := Parse("f.yaml", []byte(text))
		require.ErrorContains(t, err, want, text)
	}
}
