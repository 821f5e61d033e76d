package scenario

// key is a key that a mapping of a scenario can have.
type key struct {
	name string
	form string // what its value looks like
	doc  string
}

// section is a kind of mapping. The tables below are what files are read by,
// and what Help says.
type section struct {
	title string
	keys  []key
	// more are the keys that it has in common with others.
	more []*section
}

// names returns all its keys.
func (s *section) names() []string {
	var names []string
	for i := range s.keys {
		names = append(names, s.keys[i].name)
	}
	for _, m := range s.more {
		names = append(names, m.names()...)
	}
	return names
}

// key returns a key by its name, nil if it is not there.
func (s *section) key(name string) *key {
	for i := range s.keys {
		if s.keys[i].name == name {
			return &s.keys[i]
		}
	}
	for _, m := range s.more {
		if k := m.key(name); k != nil {
			return k
		}
	}
	return nil
}

var (
	fileKeys = &section{title: "A scenario", keys: []key{
		{"version", "1", "the version of this format; must be there"},
		{"name", "TEXT", "what it is called; the file's name without it"},
		{"about", "TEXT", "what it is for"},
		{"base", "FILE", "another file, or a shipped scenario, that this one changes: mappings are merged, all else is replaced, KEY: ~ takes away"},
		{"seed", "NUMBER", "what all chance follows from; 1 without it"},
		{"seeds", "A..B", "the seeds of a sweep; 1..100 without it"},
		{"stop", "TIME", "when it ends; without it when nothing is left to happen (24h at the latest)"},
		{"nodes", "GROUP: …", "the nodes, in groups that have names"},
		{"link", "LINK", "the network between all of them"},
		{"links", "NAME: LINK …", "… and where it is different"},
		{"segments", "NAME: SEGMENT …", "which nodes are neighbours, and what they share; without them all are"},
		{"run", "NAME: ACTION …", "what the nodes do; the names are for expect"},
		{"faults", "NAME: FAULT …", "what goes wrong"},
		{"compare", "WORD, …", "strategies of discover, by each of which all is done once more, in a world of its own with the same seed; expect can speak of them"},
		{"expect", "- EXPRESSION …", "what must be true in the end"},
		{"invariants", "true, false", "whether what must always hold is checked; true without it"},
	}}
	groupKeys = &section{title: "A GROUP of nodes", keys: []key{
		{"count", "NUMBER", "how many; 1 without it"},
		{"host", "PATTERN", `their names: "s{i}" or "s[0-99]", which gives the count too; without it GROUP, or GROUP0, GROUP1, … if they are several`},
		{"resources", "PATH: RESOURCE …", "what they serve"},
		{"params", "PARAMS", "their transmission parameters"},
		{"separate_after", "TIME", "how long a handler may take before the request is acknowledged; 100ms without it"},
		{"receive_buffer", "SIZE", "what their sockets hold of what has arrived; without it any amount"},
		{"receive_datagrams", "NUMBER", "… or so many datagrams; 277 is what Linux holds of small ones in its 212,992 bytes"},
		{"receive_time", "TIME", "how long they are busy with a datagram; 0s without it"},
		{"bandwidth", "BANDWIDTH", "what each of them can send; without it any amount"},
		{"queue", "SIZE", "what waits for that, beyond which it is lost; 64KiB without it"},
		{"mtu", "SIZE", "of IP packets that they can send; without it any"},
		{"plain", "SHARE", "so many of them know nothing of CoAP 2, and answer as libcoap does; none without it"},
		{"drift", "NUMBERppm", "by how many millionths their clocks are fast; or A..B, any between the two: -50ppm..50ppm"},
	}}
	resourceKeys = &section{title: "A RESOURCE", keys: []key{
		{"share", "SHARE", "so many of the group's nodes have it, at random; all without share and count"},
		{"count", "NUMBER", "exactly so many of them have it, at random"},
		{"text", "TEXT", "what it answers; \"hello\" without it"},
		{"size", "SIZE", "… or so many bytes of anything"},
		{"state", "SIZE", "… or a state of so many bytes, which the action change changes, and which can be observed"},
		{"max_age", "TIME", "how long a state is believed; 60s without it"},
		{"signal", "SIGNAL", "… or a sample of a signal, which the action publish publishes, and to which can be subscribed"},
		{"decimals", "NUMBER", "digits after the point of a sample; 1 without it"},
		{"queued", "NUMBER", "so many samples wait for a subscriber that cannot be told at once; without it only the latest"},
		{"confirmable", "true, false", "all who observe it acknowledge everything"},
		{"lease", "TIME", "how long a subscription lasts that is not renewed; 1h without it"},
		{"echo", "true, false", "gives back what a request carries, if it carries something"},
		{"methods", "METHOD, …", "what it can be asked; all of GET POST PUT DELETE FETCH PATCH iPATCH without it"},
		{"delay", "TIME or A..B", "how long its handler takes"},
		{"fail", "SHARE", "of the requests fail: 5.00"},
		{"panic", "SHARE", "of the requests make the handler panic: 5.00, and the resource starts anew"},
		{"separate", "true, false", "answers separately, after an acknowledgement"},
		{"inline", "true, false", "runs on the node's goroutine; then without delay"},
		{"concurrency", "NUMBER", "how many handlers run at a time; 64 without it"},
		{"backlog", "NUMBER", "how many requests wait for one; 256 without it, beyond it 5.03"},
		{"attributes", "NAME: TEXT …", "what is said of it in /.well-known/core, such as rt: temperature"},
		{"observable", "true, false", "says there that it can be observed"},
		{"hidden", "true, false", "is not listed there"},
	}}
	paramKeys = &section{title: "PARAMS, the transmission parameters of RFC 7252 §4.8", keys: []key{
		{"ack_timeout", "TIME", "2s without it"},
		{"ack_random_factor", "NUMBER", "1.5 without it"},
		{"max_retransmit", "NUMBER", "4 without it"},
		{"nstart", "NUMBER", "1 without it"},
		{"leisure", "TIME", "over which the answers to a group are spread; 5s without it"},
		{"probing_rate", "NUMBER", "in bytes a second; 1 without it"},
		{"max_latency", "TIME", "100s without it"},
		{"processing_delay", "TIME", "ack_timeout without it"},
	}}
	linkKeys = &section{title: "A LINK", keys: []key{
		{"latency", "DELAY", "how long a datagram is under way; 1ms without it"},
		{"in_order", "true, false", "whether none overtakes another, whatever latency says"},
		{"loss", "SHARE", "of the datagrams are lost"},
		{"bursts", "P,R,H,K", "they are lost in bursts (Gilbert–Elliott): good becomes bad with P, bad good with R; of the bad H survive (0 without it), of the good K (1)"},
		{"duplicate", "SHARE", "of them arrive twice"},
		{"corrupt", "SHARE", "of them have a bit flipped that no checksum notices, after which invariants may not hold"},
		{"reorder", "SHARE", "of them are held up, so that others overtake them"},
		{"reorder_by", "TIME", "… by so much at most; 100ms without it"},
		{"bandwidth", "BANDWIDTH", "what one node can send to one other; without it any amount"},
		{"queue", "SIZE", "what waits for that, beyond which it is lost; 64KiB without it"},
		{"mtu", "SIZE", "of IP packets that pass; without it any"},
		{"oversize", "WORD", "what becomes of longer ones: fragment, blackhole (lost), toobig (lost, and the sender is told); fragment without it"},
		{"from", "WHO", "in links: the nodes that send; all without it"},
		{"to", "WHO", "in links: the nodes that receive; all without it. What a link of links does not say is as in link"},
	}}
	segmentKeys = &section{title: "A SEGMENT", keys: []key{
		{"nodes", "WHO", "the nodes in it; of several segments the last counts"},
		{"up", "NAME", "the segment on the other side of its router, further up in the file; without it that of the nodes that are in none"},
		{"border", "SCOPE", "the widest multicast that its router stops: link, realm, admin, site, org, global; link without it"},
		{"bridge", "true, false", "it is joined by a bridge, not a router: nothing is stopped, and it is one link with the segment above"},
		{"bandwidth", "BANDWIDTH", "what its router or bridge passes, in each direction; without it any amount"},
		{"queue", "SIZE", "what waits for that, beyond which it is lost; 64KiB without it"},
		{"medium", "MEDIUM", "what its nodes share to send; without it frames do not collide"},
		{"radio", "RADIO", "an IEEE 802.15.4 radio with 6LoWPAN, instead of a medium; nothing joins it to other segments"},
	}}
	mediumKeys = &section{title: "A MEDIUM: one frame at a time; two that overlap are lost, both, for everyone", keys: []key{
		{"bandwidth", "BANDWIDTH", "how fast frames are sent"},
		{"overhead", "SIZE", "what a frame has besides the payload of its datagram; without it the headers of IP and UDP"},
		{"queue", "SIZE", "what waits at one node to be sent, beyond which it is lost; 64KiB without it"},
	}}
	radioKeys = &section{title: "A RADIO: IEEE 802.15.4 at 2.4 GHz, 250 kbit/s, frames of up to 127 bytes; who hears two frames at a time gets neither. Its stations are the nodes of the segment, in the order of the file", keys: []key{
		{"topology", "WORD", "who hears whom: full (all), star (the first hears all, and all hear it), grid (the next in four directions), disk (who is near, at random places of a square, drawn until all are connected); full without it"},
		{"file", "FILE", "… or lines such as \"0 3\", numbers of stations that hear each other; \"#\" begins a comment"},
		{"columns", "NUMBER", "of a grid; without it as many as rows"},
		{"places", "FILE", "… or lines such as \"3 1m30s 10 2.5\": where station 3 is by then, in metres; it goes straight from place to place, and stays at the last"},
		{"side", "LENGTH", "of the square of a disk; 100m without it"},
		{"reach", "LENGTH", "how far stations of a disk or with places hear each other; 30m without it"},
		{"speed", "SPEED or A..B", "how fast stations of a disk go straight from one random place to the next; without it they stay where they are"},
		{"pause", "TIME or A..B", "… and how long they stay there each time; 0s without it"},
		{"step", "TIME", "how often, where they move, who hears whom is found anew; 1s without it"},
		{"csma", "unslotted, none", "whether stations listen before they send; unslotted without it"},
		{"min_be", "NUMBER", "macMinBE; 3 without it"},
		{"max_be", "NUMBER", "macMaxBE; 5 without it"},
		{"backoffs", "NUMBER", "macMaxCSMABackoffs; 4 without it"},
		{"acks", "true, false", "whether unicast frames are acknowledged, and sent again if they are not; true without it"},
		{"retries", "NUMBER", "how often at most, macMaxFrameRetries; 3 without it"},
		{"wake", "TIME", "stations sleep, and wake so often; frames are repeated until somebody who has woken acknowledges them, those for all for one such interval. Without it nobody sleeps"},
		{"listen", "TIME", "how long they listen then, and before they send; 1ms without it"},
		{"forward", "true, false", "whether stations send on what is not for them: multicast once each, unicast along a shortest way; true without it, except in full"},
		{"jitter", "TIME", "how long at most they wait before they send on a multicast; 100ms without it"},
		{"frames", "NUMBER", "how many frames wait at a station, beyond which they are lost; 64 without it"},
	}}
	timeKeys = &section{title: "Every ACTION and every FAULT", keys: []key{
		{"at", "TIME", "when it happens, since the beginning; 0s without it"},
		{"every", "TIME", "happens again, so long after the last time; 5% are others each time"},
		{"times", "NUMBER", "how often at most; without it until the end (once without every)"},
	}}
	actionKeys = &section{title: "Every ACTION", keys: []key{
		{"from", "WHO", "the nodes that do it"},
	}}
	askKeys = &section{title: "The ACTIONS request, load and transfer", keys: []key{
		{"to", "WHO", "the nodes that are asked"},
		{"payload", "TEXT", "what the requests carry"},
		{"size", "SIZE", "… or so many bytes of anything; of a transfer so many at most"},
		{"non", "SHARE", "of the requests are NON (true = all); the others are CON"},
		{"cancel", "SHARE", "of the requests are given up after a second"},
		{"timeout", "TIME", "how long to wait for an answer; without it as RFC 7252 says"},
	}}
	discoverKeys = &section{title: "An ACTION: discover", keys: []key{
		{"discover", "QUERY", "who is looked for: all; has /PATH,… (any of them); has all /PATH,…; name NODE; or by a filter such as rt=temperature"},
		{"strategy", "WORD", "how: " + strategyHelp() + "; well-known-core without it"},
		{"remember", "true, false", "whom the node has found before by rounds is known, and asked to keep quiet; multicast DNS always remembers"},
		{"group", "ADDRESS", "who is asked; 224.0.1.187, All CoAP Nodes, without it"},
		{"wait", "TIME", "how long answers count; 10s without it"},
	}, more: []*section{timeKeys, actionKeys}}
	requestKeys = &section{title: "An ACTION: request", keys: []key{
		{"request", "METHOD PATH", "every node of from asks every node of to; or a list of several"},
	}, more: []*section{timeKeys, actionKeys, askKeys}}
	loadKeys = &section{title: "An ACTION: load", keys: []key{
		{"load", "METHOD PATH", "the nodes of from ask nodes of to at random, again and again; of a list one at random"},
	}, more: []*section{timeKeys, actionKeys, askKeys, paceKeys}}
	transferKeys = &section{title: "An ACTION: transfer", keys: []key{
		{"transfer", "METHOD PATH", "a load in which all bodies are others and come in blocks of any size: a GET is answered with a state, all else with what it carries (echo)"},
	}, more: []*section{timeKeys, actionKeys, askKeys, paceKeys}}
	observeKeys = &section{title: "An ACTION: observe", keys: []key{
		{"observe", "PATH", "every node of from observes a state of every node of to but itself; again, where that fails"},
		{"to", "WHO", "the nodes that are observed"},
		{"for", "TIME", "how long"},
		{"non", "SHARE", "of the registrations are NON"},
	}, more: []*section{timeKeys, actionKeys}}
	changeKeys = &section{title: "An ACTION: change", keys: []key{
		{"change", "PATH", "the nodes of from change a state"},
	}, more: []*section{timeKeys, actionKeys}}
	publishKeys = &section{title: "An ACTION: publish", keys: []key{
		{"publish", "PATH", "the nodes of from publish the next sample of a signal, such as {\"value\":21.5,\"n\":7}: the value, and how-manieth it is. With every, each at its own moment of that time"},
	}, more: []*section{timeKeys, actionKeys}}
	subscribeKeys = &section{title: "An ACTION: subscribe", keys: []key{
		{"subscribe", "PATH", "every node of from subscribes to a signal of every node of to but itself; again, where that fails"},
		{"to", "WHO", "the nodes that publish"},
		{"rule", "RULE", "which samples it wants, such as > 20 or rising(> 20); all without it. What is selected must not depend on the subscriber: no delta, age, last, hyst, pmin, epmin, epmax"},
		{"by", "WORD", "rules: the publisher evaluates the rule; observe: it sends everything (RFC 7641); mqtt: everything goes by way of a broker, by a model of MQTT and TCP between hosts of its own, which faults do not reach. rules without it"},
		{"qos", "0, 1", "1: everything is acknowledged, and sent again until it is; 0 without it"},
		{"for", "TIME", "how long"},
		{"settle", "TIME", "samples that are published sooner, since the beginning, are neither wanted nor missed"},
	}, more: []*section{timeKeys, actionKeys}}
	paceKeys = &section{title: "The ACTIONS load and transfer", keys: []key{
		{"rate", "NUMBER/s", "each node of from asks so often, answered or not"},
		{"outstanding", "NUMBER", "or each has so many requests open at a time; 1 without either"},
		{"for", "TIME", "how long"},
		{"count", "NUMBER", "and how many requests each of them makes at most"},
	}}
	lastKeys = &section{title: "The FAULTS crash, partition, disturb and lie", keys: []key{
		{"for", "TIME", "how long it lasts; without it to the end"},
	}}
	crashKeys = &section{title: "A FAULT: crash", keys: []key{
		{"crash", "WHO", "these nodes lose all they know and are gone; they start anew when it is over. What they would do meanwhile is not done"},
	}, more: []*section{timeKeys, lastKeys}}
	partitionKeys = &section{title: "A FAULT: partition", keys: []key{
		{"partition", "WHO", "nothing passes between these nodes and the others"},
		{"against", "WHO", "… or only between these and those"},
		{"way", "both, in, out", "which way nothing passes; both without it"},
	}, more: []*section{timeKeys, lastKeys}}
	disturbKeys = &section{title: "A FAULT: disturb", keys: []key{
		{"disturb", "WHO", "the links of these nodes get worse"},
		{"delay", "TIME or A..B", "so much later arrives everything"},
		{"loss", "SHARE", "of the datagrams are lost"},
		{"duplicate", "SHARE", "of them arrive twice"},
		{"corrupt", "SHARE", "of them have a bit flipped that no checksum notices, after which invariants may not hold"},
	}, more: []*section{timeKeys, lastKeys}}
	lieKeys = &section{title: "A FAULT: lie", keys: []key{
		{"lie", "WHO", "a stranger acknowledges CON messages of these nodes, and answers for others without knowing the token"},
		{"share", "SHARE", "of their CON messages"},
	}, more: []*section{timeKeys, lastKeys}}
	killKeys = &section{title: "A FAULT: kill", keys: []key{
		{"kill", "WHO", "the sockets of these nodes die; they open them again"},
		{"failures", "NUMBER", "so many attempts to do so fail, each after a longer wait; 0 without it"},
	}, more: []*section{timeKeys}}
	rebindKeys = &section{title: "A FAULT: rebind", keys: []key{
		{"rebind", "WHO", "others see these nodes with another port from now on, as behind a NAT that starts anew"},
	}, more: []*section{timeKeys}}
)

// sections are all tables, in the order in which Help shows them.
func sections() []*section {
	return []*section{
		fileKeys, groupKeys, resourceKeys, paramKeys, linkKeys, segmentKeys, mediumKeys, radioKeys,
		timeKeys, actionKeys, discoverKeys, askKeys, requestKeys, paceKeys, loadKeys, transferKeys, observeKeys, changeKeys, publishKeys, subscribeKeys,
		lastKeys, crashKeys, partitionKeys, disturbKeys, lieKeys, killKeys, rebindKeys,
	}
}
