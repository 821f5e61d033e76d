package scenario

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// head is what most of the files below begin with.
const head = "version: 1\nnodes:\n  a:\n  s:\n    count: 10\n"

// TestBadFiles: what is wrong is named with its file and line, and with what
// would be right.
func TestBadFiles(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"empty", " \n", `f.yaml: the file is empty; a scenario begins with "version: 1"`},
		{"no YAML", "version: 1\nnodes: [1\n", "f.yaml:3: this is not YAML: did not find expected ',' or ']'; inside { } and [ ] a value with brackets or commas stands in quotes: \"s[0-9]\""},
		{"a tab", "version: 1\nnodes:\n\ta: 1\n", "f.yaml:3: this is not YAML: found character that cannot start any token"},
		{"brackets", head + "run: {x: {request: GET /x, from: a, to: s[0-9]}}\n", "f.yaml:6: this is not YAML: did not find expected ',' or '}'; inside { } and [ ] a value with brackets or commas stands in quotes: \"s[0-9]\""},
		{"not UTF-8", "version: 1\xff", "f.yaml: the file is not UTF-8 text"},
		{"a list", "- version\n", `f.yaml:1: a scenario is a mapping that begins with "version: 1", not a list`},
		{"a word", "hello\n", `f.yaml:1: a scenario is a mapping that begins with "version: 1", not "hello"`},
		{"two documents", "version: 1\n---\nversion: 1\n", "f.yaml: this is not YAML: expected single document, found multiple"},
		{"an alias", "version: 1\nnodes:\n  a: &x {}\n  b: *x\n", "f.yaml:3: anchors (&) and aliases (*) are not for scenarios; base takes over what another file says\nf.yaml:4: anchors (&) and aliases (*) are not for scenarios; base takes over what another file says"},
		{"a tag", "version: !!int 1\n", "f.yaml:1: a tag (!!int) is not for scenarios; leave it out"},
		{"a key twice", head + "  s: {count: 3}\n", "f.yaml:6: s: this key is there already, in line 4"},
		{"no version", "nodes: {a: }\n", `f.yaml:1: "version: 1" is missing; it says which format this is`},
		{"another version", "version: 2\nnodes: {a: }\n", `f.yaml:1: version: want a whole number from 1 to 1, not "2"`},
		{"no nodes", "version: 1\n", `f.yaml:1: "nodes" is missing; a scenario needs at least one group of nodes`},
		{"no group", "version: 1\nnodes: {}\n", "f.yaml:2: nodes: there is no group; a scenario needs at least one"},
		{"unknown key", head + "expext: []\n", `f.yaml:6: unknown key "expext"; did you mean "expect"?`},
		{"unknown key, nothing near", head + "xyzzy: 1\n", `f.yaml:6: unknown key "xyzzy"; here can stand: version, name, about, base, seed, seeds, stop, nodes, link, links, segments, run, faults, compare, expect, invariants`},
		{"unknown key inside", "version: 1\nnodes:\n  s:\n    cuont: 5\n", `f.yaml:4: nodes.s: unknown key "cuont"; did you mean "count"?`},
		{"wrong type", "version: 1\nnodes: 5\n", `f.yaml:2: nodes: want a mapping (KEY: VALUE), not "5"`},
		{"a list for a number", "version: 1\nseed: [1]\nnodes: {a: }\n", `f.yaml:2: seed: want a whole number from 0 to 18446744073709551615, not a list`},
		{"a word for a number", "version: 1\nnodes:\n  s:\n    count: many\n", `f.yaml:4: nodes.s.count: want a whole number from 1 to 4000000, not "many"`},
		{"an impossible count", "version: 1\nnodes:\n  s: {count: -5}\n", `f.yaml:3: nodes.s.count: want a whole number from 1 to 4000000, not "-5"`},
		{"no nodes in a group", "version: 1\nnodes:\n  s: {count: 0}\n", `f.yaml:3: nodes.s.count: want a whole number from 1 to 4000000, not "0"`},
		{"too many nodes", "version: 1\nnodes:\n  s: {count: 3000000}\n  t: {count: 3000000}\n", "f.yaml:4: nodes.t: these are 2000000 nodes too many; a scenario has at most 4000000"},
		{"the same name twice", "version: 1\nnodes:\n  s: {count: 3}\n  t: {host: s1}\n", `f.yaml:4: nodes.t: another group has a node "s1" too`},
		{"a bad name", "version: 1\nnodes:\n  a b: {}\n", `f.yaml:3: nodes.a b: "a b" is no name for a group; want letters, digits, - and _, and not all or of`},
		{"one name for many", "version: 1\nnodes:\n  s: {count: 3, host: x}\n", `f.yaml:3: nodes.s.host: 3 nodes cannot have the same name; write "x{i}"`},
		{"two counts", "version: 1\nnodes:\n  s: {count: 3, host: \"x[1-2]\"}\n", `f.yaml:3: nodes.s.host: "x[1-2]" is 2 nodes, and count is 3`},
		{"a bad path", "version: 1\nnodes:\n  s:\n    resources:\n      temp: {}\n", `f.yaml:5: nodes.s.resources.temp: want a path such as /temp, not "temp"`},
		{"more than there are", "version: 1\nnodes:\n  s:\n    count: 4\n    resources:\n      /temp: {count: 5}\n", `f.yaml:6: nodes.s.resources./temp.count: want a whole number from 1 to 4, not "5"`},
		{"share and count", "version: 1\nnodes:\n  s: {resources: {/x: {count: 1, share: 50%}}}\n", "f.yaml:3: nodes.s.resources./x.count: share and count both say how many nodes have it; use one of them"},
		{"inline with delay", "version: 1\nnodes:\n  s: {resources: {/x: {inline: true, delay: 1s}}}\n", "f.yaml:3: nodes.s.resources./x.inline: an inline handler cannot have delay, separate, concurrency or backlog: it never waits"},
		{"a bad method", "version: 1\nnodes:\n  s: {resources: {/x: {methods: \"GET, FTECH\"}}}\n", `f.yaml:3: nodes.s.resources./x.methods: "FTECH" is no method; they are GET POST PUT DELETE FETCH PATCH iPATCH`},
		{"no time", head + "stop: 5\n", `f.yaml:6: stop: want a time from 0s to 24h, such as 300ms, 2s or 1m30s, not "5"`},
		{"no share", head + "link: {loss: 5}\n", `f.yaml:6: link.loss: want a share from 0% to 100%, such as 5% or 0.05, not "5"`},
		{"a share of nobody", head + "link: {loss: NaN}\n", `f.yaml:6: link.loss: want a share from 0% to 100%, such as 5% or 0.05, not "NaN"`},
		{"no latency", head + "link: {latency: 5..1}\n", `f.yaml:6: link.latency: want a time such as 20ms, two such as 10ms..50ms, "normal MEAN DEVIATION" such as normal 20ms 5ms, or "lognormal MEDIAN SIGMA" such as lognormal 20ms 0.5, not "5..1"`},
		{"a small MTU", head + "link: {mtu: 40}\n", "f.yaml:6: link.mtu: want at least 68 bytes, which every network carries, not 40"},
		{"a queue for nothing", head + "link: {queue: 4KiB}\n", "f.yaml:6: link.queue: nothing waits where there is no bandwidth to wait for; add it, or leave queue out"},
		{"no bandwidth", head + "link: {bandwidth: 5kbit}\n", `f.yaml:6: link.bandwidth: want a size in a second, such as 10KiB/s, or bits, such as 250kbit/s, not "5kbit"`},
		{"too few bits", head + "link: {bandwidth: 7bit/s}\n", `f.yaml:6: link.bandwidth: want a size in a second, such as 10KiB/s, or bits, such as 250kbit/s, not "7bit/s"`},
		{"too many bits", head + "link: {bandwidth: 9000Mbit/s}\n", `f.yaml:6: link.bandwidth: want a size in a second, such as 10KiB/s, or bits, such as 250kbit/s, not "9000Mbit/s"`},
		{"a segment of nobody", head + "segments:\n  x: {bandwidth: 1KiB/s}\n", `f.yaml:7: segments.x: "nodes" is missing; it says which nodes are meant`},
		{"no segment above", head + "segments:\n  x: {nodes: s, up: y}\n", `f.yaml:7: segments.x.up: there is no segment "y" before this one`},
		{"a bridge with a border", head + "segments:\n  x: {nodes: s, border: site, bridge: true}\n", "f.yaml:7: segments.x.bridge: a bridge lets everything through; border is for routers"},
		{"no scope", head + "segments:\n  x: {nodes: s, border: town}\n", `f.yaml:7: segments.x.border: want interface, link, realm, admin, site, org or global, not "town"`},
		{"a medium without bandwidth", head + "segments:\n  x:\n    nodes: s\n    medium: {overhead: 5}\n", `f.yaml:9: segments.x.medium: "bandwidth" is missing; it says how fast frames are sent`},
		{"a radio that is no such", head + "segments:\n  x:\n    nodes: s\n    radio: {topology: ring}\n", "f.yaml:9: segments.x.radio.topology: want full, star, grid or disk, not \"ring\""},
		{"columns of a star", head + "segments:\n  x:\n    nodes: s\n    radio:\n      topology: star\n      columns: 2\n", "f.yaml:11: segments.x.radio.columns: it is for topology: grid"},
		{"slotted access", head + "segments:\n  x:\n    nodes: s\n    radio: {csma: slotted}\n", "f.yaml:9: segments.x.radio.csma: want unslotted or none, not \"slotted\""},
		{"backoff without listening", head + "segments:\n  x:\n    nodes: s\n    radio: {csma: none, backoffs: 2}\n", "f.yaml:9: segments.x.radio.backoffs: it is for csma: unslotted"},
		{"backoff exponents crossed", head + "segments:\n  x:\n    nodes: s\n    radio: {max_be: 2}\n", "f.yaml:9: segments.x.radio.min_be: 3 is greater than max_be, 2"},
		{"a length without unit", head + "segments:\n  x:\n    nodes: s\n    radio: {topology: disk, reach: 30}\n", "f.yaml:9: segments.x.radio.reach: want a length from 0.001m to 1000km, such as 30m, not \"30\""},
		{"a radio and a medium", head + "segments:\n  x:\n    nodes: s\n    radio: {}\n    bridge: true\n", "f.yaml:10: segments.x.bridge: it does not go with radio, which nothing joins to other segments"},
		{"a topology that is not there", head + "segments:\n  x:\n    nodes: s\n    radio: {file: nowhere}\n", "f.yaml:9: segments.x.radio.file: nowhere: no such file or directory"},
		{"places that are not there", head + "segments:\n  x:\n    nodes: s\n    radio: {places: nowhere}\n", "f.yaml:9: segments.x.radio.places: nowhere: no such file or directory"},
		{"places and a topology", head + "segments:\n  x:\n    nodes: s\n    radio: {places: testdata/chain.places, topology: full}\n", "f.yaml:9: segments.x.radio.places: topology and places both say who hears whom; use one of them"},
		{"places and a file", head + "segments:\n  x:\n    nodes: s\n    radio: {places: testdata/chain.places, file: testdata/chain.topology}\n", "f.yaml:9: segments.x.radio.places: file and places both say who hears whom; use one of them"},
		{"edges for places", head + "segments:\n  x:\n    nodes: s\n    radio: {places: testdata/chain.topology}\n", "f.yaml:9: segments.x.radio.places: testdata/chain.topology: line 2: want a station from 0 to 32767, a time and two lengths in metres, such as \"0 1m30s 10 2.5\", not \"0 1\""},
		{"a grid that moves", head + "segments:\n  x:\n    nodes: s\n    radio: {topology: grid, speed: 1m/s}\n", "f.yaml:9: segments.x.radio.speed: it is for topology: disk"},
		{"no speed", head + "segments:\n  x:\n    nodes: s\n    radio: {topology: disk, speed: 2m/s..1m/s}\n", "f.yaml:9: segments.x.radio.speed: want a speed from 0.001m/s to 1000m/s, such as 1.5m/s, or two, 1m/s..2m/s, not \"2m/s..1m/s\""},
		{"a speed of another kind", head + "segments:\n  x:\n    nodes: s\n    radio: {topology: disk, speed: 5km/h}\n", "f.yaml:9: segments.x.radio.speed: want a speed from 0.001m/s to 1000m/s, such as 1.5m/s, or two, 1m/s..2m/s, not \"5km/h\""},
		{"a pause of who does not move", head + "segments:\n  x:\n    nodes: s\n    radio: {topology: disk, pause: 1s}\n", "f.yaml:9: segments.x.radio.pause: it is for stations that move; speed says how fast"},
		{"steps of who does not move", head + "segments:\n  x:\n    nodes: s\n    radio: {topology: disk, step: 1s}\n", "f.yaml:9: segments.x.radio.step: it is for stations that move; speed says how fast, or places where to"},
		{"steps too small", head + "segments:\n  x:\n    nodes: s\n    radio: {topology: disk, speed: 1m/s, step: 1us}\n", "f.yaml:9: segments.x.radio.step: want a time from 1ms to 1h, not 1µs"},
		{"steps of a star", head + "segments:\n  x:\n    nodes: s\n    radio: {topology: star, reach: 1m}\n", "f.yaml:9: segments.x.radio.reach: it is for topology: disk, and for places"},
		{"retries without acknowledgements", head + "segments:\n  x:\n    nodes: s\n    radio: {acks: false, retries: 1}\n", "f.yaml:9: segments.x.radio.retries: it is for acks: true"},
		{"too many retries", head + "segments:\n  x:\n    nodes: s\n    radio: {retries: 8}\n", "f.yaml:9: segments.x.radio.retries: want a whole number from 0 to 7, not \"8\""},
		{"awake all the time", head + "segments:\n  x:\n    nodes: s\n    radio: {wake: 5ms}\n", "f.yaml:9: segments.x.radio.wake: want a time from 10ms to 1h, not 5ms"},
		{"listening without sleep", head + "segments:\n  x:\n    nodes: s\n    radio: {listen: 5ms}\n", "f.yaml:9: segments.x.radio.listen: it is for stations that sleep; wake says how often they wake"},
		{"listening too short", head + "segments:\n  x:\n    nodes: s\n    radio: {wake: 100ms, listen: 864us}\n", "f.yaml:9: segments.x.radio.listen: want more than 864µs, what there is between two frames, and at most half of wake, 50ms; not 864µs"},
		{"a medium misspelt", head + "segments:\n  x: {nodes: s, medium: {bandwith: 5}}\n", "f.yaml:7: segments.x.medium: unknown key \"bandwith\"; did you mean \"bandwidth\"?\nf.yaml:7: segments.x.medium: \"bandwidth\" is missing; it says how fast frames are sent"},
		{"link with from", head + "link: {from: a}\n", "f.yaml:6: link.from: link is for all nodes; what is different between some of them stands in links"},
		{"bad bursts", head + "link: {bursts: \"1,2\"}\n", `f.yaml:6: link.bursts: want two to four probabilities P,R,H,K from 0 to 1, such as 0.01,0.2, not "1,2"`},
		{"no seeds", head + "seeds: 5..1\n", `f.yaml:6: seeds: want seeds such as 1..1000, at most 10000000, not "5..1"`},
		{"no verb", head + "run:\n  x: {at: 1s}\n", "f.yaml:7: run.x: it says not what the action is; want one of the keys discover, request, load, transfer, observe, change, publish, subscribe"},
		{"two verbs", head + "run:\n  x: {request: GET /x, load: GET /x}\n", "f.yaml:7: run.x: it is request and load at once; want one of the keys discover, request, load, transfer, observe, change, publish, subscribe"},
		{"a verb misspelt", head + "run:\n  x: {reqest: GET /x}\n", `f.yaml:7: run.x: unknown key "reqest"; did you mean "request"?`},
		{"from nobody", head + "run:\n  x: {request: GET /x, to: a}\n", `f.yaml:7: run.x: "from" is missing; it says which nodes are meant`},
		{"nobody matches", head + "run:\n  x: {request: GET /x, from: a, to: \"s[20-29]\"}\n", `f.yaml:7: run.x.to: "s[20-29]" matches nobody; the nodes are a, s0 to s9`},
		{"no part of nobody", head + "run:\n  x: {request: GET /x, from: a, to: 0% of s}\n", `f.yaml:7: run.x.to: "0% of s" matches nobody`},
		{"more than there are of", head + "run:\n  x: {request: GET /x, from: a, to: 11 of s}\n", `f.yaml:7: run.x.to: "11 of s": there are only 10`},
		{"no selector", head + "run:\n  x: {request: GET /x, from: a, to: \"s[1-\"}\n", `f.yaml:7: run.x.to: "s[1-" is nobody's name; want a group, a name, s[0-9], s*, 5%, "5% of GROUP", "3 of GROUP" or all`},
		{"no method", head + "run:\n  x: {request: /x, from: a, to: s}\n", "f.yaml:7: run.x.request: the method is missing; want a request such as GET /x"},
		{"no path", head + "run:\n  x: {request: GET x, from: a, to: s}\n", `f.yaml:7: run.x.request: "x" is no path; want a request such as GET /temp`},
		{"no such method", head + "run:\n  x: {request: GTE /x, from: a, to: s}\n", `f.yaml:7: run.x.request: "GTE" is no method; want a request such as GET /temp`},
		{"a key of another verb", head + "run:\n  x: {request: GET /x, from: a, to: s, rate: 5/s}\n", `f.yaml:7: run.x: unknown key "rate"; here can stand: request, at, every, times, from, to, payload, size, non, cancel, timeout`},
		{"no rate", head + "stop: 9s\nrun:\n  x: {load: GET /x, from: a, to: s, rate: 5}\n", `f.yaml:8: run.x.rate: want a rate above 0 and at most 1000000/s, such as 100/s, 6/min or 1/h, not "5"`},
		{"a load without end", head + "run:\n  x: {load: GET /x, from: a, to: s}\n", "f.yaml:7: run.x: this load has no end; for says how long it lasts, count how many requests a node makes, or stop when the scenario ends"},
		{"for ever", head + "run:\n  x: {request: GET /x, from: a, to: s, every: 1s}\n", "f.yaml:7: run.x.every: this goes on for ever; times says how often, or stop when the scenario ends"},
		{"after the end", head + "stop: 5s\nrun:\n  x: {request: GET /x, from: a, to: s, at: 5s}\n", "f.yaml:8: run.x.at: the scenario stops at 5s, before this happens"},
		{"no filter", head + "run:\n  x: {discover: temperature, from: a}\n", `f.yaml:7: run.x.discover: "temperature" is no filter (RFC 6690 §4.1); want one such as rt=temperature or href=/temp*, or all, has /PATH, name NODE`},
		{"no group address", head + "run:\n  x: {discover: all, from: a, group: 10.0.0.1}\n", `f.yaml:7: run.x.group: want the address of a group, such as 224.0.1.187, not "10.0.0.1"`},
		{"too many requests", "version: 1\nnodes: {s: {count: 10000}}\nrun:\n  x: {request: GET /x, from: s, to: s}\n", "f.yaml:4: run.x.to: 10000 nodes ask 10000 each, which are 100000000 requests; at most 5000000 can be made at one time"},
		{"a fault for nothing", head + "faults:\n  x: {disturb: s}\n", "f.yaml:7: faults.x: it disturbs nothing; want delay, loss, duplicate or corrupt"},
		{"a lie without share", head + "faults:\n  x: {lie: s}\n", `f.yaml:7: faults.x: "share" is missing; it says of how many messages somebody lies`},
		{"everybody apart", head + "faults:\n  x: {partition: all}\n", `f.yaml:7: faults.x.partition: "all" are all nodes; nobody is left from whom they could be parted`},
		{"no way", head + "faults:\n  x: {partition: a, way: up}\n", `f.yaml:7: faults.x.way: want both, in (nothing reaches these nodes) or out (nothing leaves them), not "up"`},
		{"again without end", head + "stop: 9s\nfaults:\n  x: {crash: a, every: 1s}\n", "f.yaml:8: faults.x.every: it begins again without having ended; for says how long it lasts"},
		{"a value is missing", head + "faults:\n  x: {crash: }\n", "f.yaml:7: faults.x.crash: the value is missing"},
		{"expect is no list", head + "expect: answers > 5\n", `f.yaml:6: expect: want a list of comparisons, such as "- answers >= 990", not "answers > 5"`},
		{"no comparison", head + "expect:\n  - answers = 5\n", `f.yaml:7: expect: "answers = 5" compares nothing; want RESULT OPERATOR VALUE, such as answers >= 990 (the operators are == != < <= > >=); equality is ==`},
		{"no action has it", head + "expect:\n  - answers > 5\n", `f.yaml:7: expect: no action has the result "answers"`},
		{"no such result", head + "expect:\n  - anwsers > 5\n", `f.yaml:7: expect: "anwsers" is no result; did you mean "answers"?`},
		{"no such action", head + "run:\n  find: {discover: all, from: a}\nexpect:\n  - fnd.answers > 5\n", `f.yaml:9: expect: "fnd" is no action; did you mean "find"?`},
		{"a result of another", head + "run:\n  ask: {request: GET /x, from: a, to: s}\nexpect:\n  - ask.coverage > 5%\n", `f.yaml:9: expect: "coverage" is no result of ask; they are requests, answers, answered, errors, refused, timeouts, resets, cancelled, open, rate, min_ms, mean_ms, p50_ms, p90_ms, p99_ms, max_ms`},
		{"no result at all", head + "expect:\n  - 5 > 4\n", `f.yaml:7: expect: "5 > 4" names no result; want one such as answers or p99_ms`},
		{"no strategy", head + "run:\n  find: {discover: all, from: a}\ncompare: [single, mndns]\n", "f.yaml:8: compare: " + badStrategy("mndns")},
		{"a strategy twice", head + "run:\n  find: {discover: all, from: a}\ncompare: single, single\n", "f.yaml:8: compare: single is there already"},
		{"nothing to compare", head + "compare: single\n", "f.yaml:6: compare: no action discovers; there is nothing to compare"},
		{"not compared", head + "run:\n  find: {discover: all, from: a}\ncompare: single\nexpect:\n  - find.answers > find.answers of sinlge\n", `f.yaml:10: expect: "sinlge" is no strategy in compare; did you mean "single"?`},
		{"a world compared", head + "run:\n  find: {discover: all, from: a}\ncompare: single\nexpect:\n  - nodes > 1 * nodes of single\n", `f.yaml:10: expect: "nodes" is no result of an action; others cannot be compared`},
		{"units", head + "expect:\n  - nodes > 5ms\n", `f.yaml:7: expect: "nodes > 5ms" compares a number with a time`},
		{"a side is missing", head + "expect:\n  - nodes >\n", "f.yaml:7: expect: one side of the comparison is missing"},
		{"a second factor is missing", head + "expect:\n  - nodes > 2 ** nodes\n", `f.yaml:7: expect: "* nodes": before * stands a number or a share, such as 0.99 or 99%`},
		{"a factor is missing", head + "expect:\n  - nodes > x * nodes\n", `f.yaml:7: expect: "x * nodes": before * stands a number or a share, such as 0.99 or 99%`},
		{"no file", "version: 1\nbase: nowhere.yaml\n", "f.yaml:2: base: nowhere.yaml: there is no such file"},
		{"no shipped one", "version: 1\nbase: nowhere\n", "f.yaml:2: base: nowhere: there is no such file, and no such scenario is shipped; those are "},
		{"its own base", "version: 1\nbase: ./f.yaml\n", "f.yaml:2: base: f.yaml: there is no such file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("f.yaml", []byte(tt.text))
			var errs Errors
			require.ErrorAs(t, err, &errs)
			if strings.HasSuffix(tt.want, " ") {
				require.True(t, strings.HasPrefix(err.Error(), tt.want), err.Error())
				return
			}
			require.Equal(t, tt.want, err.Error())
		})
	}
}

// TestSeveralMistakes: all of them are named, in the order of the file.
func TestSeveralMistakes(t *testing.T) {
	_, err := Parse("f.yaml", []byte("version: 1\nseed: x\nnodes:\n  s: {cuont: 1}\nlink: {loss: 7}\n"))
	require.EqualError(t, err, "f.yaml:2: seed: want a whole number from 0 to 18446744073709551615, not \"x\"\n"+
		"f.yaml:4: nodes.s: unknown key \"cuont\"; did you mean \"count\"?\n"+
		"f.yaml:5: link.loss: want a share from 0% to 100%, such as 5% or 0.05, not \"7\"")
	var first *Error
	require.ErrorAs(t, err, &first)
	require.Equal(t, &Error{File: "f.yaml", Line: 2, Path: "seed", Problem: `want a whole number from 0 to 18446744073709551615, not "x"`}, first)
}

func TestBadFileNames(t *testing.T) {
	dir := t.TempDir()
	for name, want := range map[string]string{
		"":                             "the name of the scenario is empty",
		dir:                            dir + ": it is a directory",
		filepath.Join(dir, "x.yaml"):   filepath.Join(dir, "x.yaml") + ": there is no such file",
		"no-such-scenario":             "no-such-scenario: there is no such file, and no such scenario is shipped; those are campus-multihop, chaos, discover-100k, discover-ethernet, discover-host-mixed, discover-host, discover-medium, discover-resource, discovery-1000, hello, home-ethernet, load, pubsub-chaos, pubsub, wsn-802154, wsn-mobile",
		filepath.Join(dir, "x", "../"): filepath.Join(dir, "x", "../") + ": it is a directory",
	} {
		_, err := Load(name)
		require.EqualError(t, err, want)
	}
	long := filepath.Join(dir, "long.yaml")
	require.NoError(t, os.WriteFile(long, make([]byte, maxFile+1), 0o600))
	_, err := Load(long)
	require.EqualError(t, err, long+": the file is too long; a scenario has at most 1048576 bytes")
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// TestBase: a file changes another, and mistakes are where they were made.
func TestBase(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "base.yaml", head+"stop: 9s\nname: base\nrun:\n  x: {request: GET /x, from: a, to: s}\n  y: {request: GET /y, from: a, to: s}\nexpect: [x.answers == 10]\n")
	s, err := Load(write(t, dir, "over.yaml", "version: 1\nbase: base.yaml\nnodes:\n  s: {count: 20}\nrun:\n  y: ~\n  z: {request: GET /z, from: s, to: a}\nexpect: [z.answers == 20]\n"))
	require.NoError(t, err)
	require.Equal(t, "over", s.Name())
	require.Equal(t, 21, s.Nodes())
	require.Equal(t, "9s", s.Stop().String())
	require.Equal(t, []string{"x", "z"}, s.Actions())
	require.Equal(t, []string{"z.answers == 20"}, s.Expectations())

	// The shipped ones too.
	s, err = Load(write(t, dir, "shipped.yaml", "version: 1\nbase: discovery-1000\nnodes: {s: {count: 50}}\nexpect: []\n"))
	require.NoError(t, err)
	require.Equal(t, 51, s.Nodes())
	require.Empty(t, s.Expectations())

	_, err = Load(write(t, dir, "bad.yaml", "version: 1\nbase: base.yaml\nnodes:\n  s: {count: 5}\n  a: ~\n"))
	base := filepath.Join(dir, "base.yaml")
	require.EqualError(t, err, base+":9: run.x.from: \"a\" matches nobody; the nodes are s0 to s4\n"+base+":10: run.y.from: \"a\" matches nobody; the nodes are s0 to s4")

	write(t, dir, "1.yaml", "version: 1\nbase: 2.yaml\n")
	write(t, dir, "2.yaml", "version: 1\n\nbase: 3.yaml\n")
	write(t, dir, "3.yaml", "version: 1\nbase: 1.yaml\n")
	in := func(name string) string { return filepath.Join(dir, name) }
	_, err = Load(in("1.yaml"))
	require.EqualError(t, err, in("3.yaml")+":2: base: it comes back to itself: "+in("1.yaml")+" → "+in("2.yaml")+" → "+in("3.yaml")+" → "+in("1.yaml"))
}

func TestChanges(t *testing.T) {
	text := head + "run:\n  x: {request: GET /x, from: a, to: s}\nexpect:\n  - x.answers == 10\n  - x.errors == 0\n"
	s, err := Parse("f.yaml", []byte(text), "nodes.s.count=20", `nodes.s.resources."/a.b".text=x`, "expect.1=x.answers == 20", "seed=7", "link.loss=20%", "run.y={request: GET /y, from: s, to: a}")
	require.NoError(t, err)
	require.Equal(t, 21, s.Nodes())
	require.Equal(t, uint64(7), s.Seed())
	require.Equal(t, []string{"x.answers == 10", "x.answers == 20"}, s.Expectations())
	require.Equal(t, []string{"x", "y"}, s.Actions())
	require.Equal(t, "/a.b", s.nodes.groups[1].resources[0].path)
	require.InDelta(t, 0.2, s.link.Loss, 1e-12)

	s, err = Parse("f.yaml", []byte(text), "expect=~", "run.x.to=", "run.x.to=s[0-4]")
	require.NoError(t, err)
	require.Empty(t, s.Expectations())

	for change, want := range map[string]string{
		"stop":              "--set stop: want KEY=VALUE, such as nodes.server.count=100",
		"=5":                "--set =5: want KEY=VALUE, such as nodes.server.count=100",
		"nodes..count=5":    `--set nodes..count=5: the key "nodes..count" has an empty part`,
		`nodes."s.count=5`:  `--set nodes."s.count=5: a quote " is not closed`,
		"stop=soon":         `--set stop=soon: stop: want a time from 0s to 24h, such as 300ms, 2s or 1m30s, not "soon"`,
		"nodes.s.cuont=5":   `--set nodes.s.cuont=5: nodes.s: unknown key "cuont"; did you mean "count"?`,
		"expect.2=x > 1":    `--set expect.2=x > 1: "2" is no place in the list in line 9, which has 0 to 1`,
		"base=hello":        "--set base=hello: base is the file's own; it cannot be changed from outside",
		"link={loss: [}":    "--set link={loss: [}: this is not YAML: ",
		"nodes.s.count=5 6": `--set nodes.s.count=5 6: nodes.s.count: want a whole number from 1 to 4000000, not "5 6"`,
	} {
		_, err := Parse("f.yaml", []byte(text), change)
		require.Error(t, err, change)
		require.True(t, strings.HasPrefix(err.Error(), want), "%s: %v", change, err)
	}
}

// FuzzParse: whatever a file says, it is understood or found fault with.
func FuzzParse(f *testing.F) {
	f.Add(head+"run:\n  x: {request: GET /x, from: a, to: s}\n", "seed=1")
	f.Add("version: 1\nnodes: {s: {count: 4, host: \"x[1-4]\", resources: {/x: {share: 50%}}}}\nfaults: {f: {crash: 5%, for: 1s}}\nexpect: [nodes == 4]\n", "link.latency=1ms..2ms")
	f.Add("version: 1\nnodes: {s: }\nstop: 1s\nrun: {l: {load: [GET /a], from: s*, to: 1 of s, rate: 5/s}}\n", "expect=[l.p99_ms < 5s, l.answers >= 99% * l.requests]")
	f.Fuzz(func(t *testing.T, text, set string) {
		if strings.Contains(text, "base") {
			return // it may name any file
		}
		s, err := Parse("f.yaml", []byte(text), set)
		if err != nil {
			var errs Errors
			require.ErrorAs(t, err, &errs)
			for _, e := range errs {
				require.NotEmpty(t, e.Problem)
				require.NotEmpty(t, e.File)
			}
			return
		}
		require.Positive(t, s.Nodes())
	})
}

func badStrategy(s string) string {
	_, err := parseStrategy(s)
	return err.Error()
}
