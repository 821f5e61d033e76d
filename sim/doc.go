// Package sim is a simulated world for nodes of package actors: the real actors,
// in virtual time, on a network in memory that loses, delays, doubles and damages
// datagrams as it is told to. A day passes in a second, and everything that
// happens follows from a seed: what failed once fails again.
//
//	w := sim.New(1)
//	defer w.Close()
//	server, err := w.Node("server", actors.Config{})
//	…
//	client, err := w.Node("client", actors.Config{})
//	w.Link("", "", sim.Link{Latency: 20 * time.Millisecond, Loss: 0.2})
//	w.Go(func(ctx context.Context) {
//		res, err := client.Get(ctx, "coap://server/temp")
//		…
//	})
//	w.RunFor(time.Minute)
//
// # Time and tasks
//
// Time stands still while anything is ready to be done, and then goes on to the
// next timer or the next datagram that arrives. One thing runs at a time, all on
// the goroutine that lets the World run: by RunFor or RunUntilIdle, or by a
// blocking call, node.Get or node.Stop or actors.Sleep(w.Context(), d), which lets
// the World run until it returns.
//
// Handlers that are not Inline, and what World.Go is given, are tasks: coroutines
// that wait in virtual time. A task waits in the calls of a node and in
// actors.Sleep, with the context that it was given or one derived from it;
// World.WithTimeout gives one that ends in virtual time. What is shared between
// tasks needs no lock. A task that waits in another way, on a channel or a
// WaitGroup or in time.Sleep, stops the World.
//
// A test may end in a task, with t.FailNow or testify's require.
//
// A World of Config.Live runs in real time instead, every node on a goroutine of
// its own; it is for demonstrations, and determines nothing.
//
// # Many nodes
//
// World.Nodes adds nodes that are alike, a million if need be. Such a node is some
// bytes until the first datagram comes to it, or World.Lookup asks for it; then it
// is made, with what its Group's Setup gives it. One that has been silent for a
// second has given its actors back (actors.Node.Doze), and keeps what it knows. No
// node makes anything happen of its own accord.
//
// World.Crash takes a node away as a power failure does, and World.Restart brings
// it back: of its lives before it knows what is in its Store. World.Drift lets
// clocks run fast or slow, World.Kill lets a socket die.
//
// # Invariants
//
// Every World looks whether what must always hold does, unless its Config says
// otherwise: requests are handled that are acknowledged, and once only where that
// matters; what is received is reacted to; retransmissions come when RFC 7252 §4.2
// wants them; windows are kept; what is taken for acknowledged has been; books
// agree; nothing outlives its time (see Rule). RunFor and RunUntilIdle return the
// first Violation, World.Violations all of them. What a Fault or a Peer makes of
// datagrams is no violation, as long as the nodes themselves behave.
//
// # Determinism
//
// Two Worlds with the same seed in which the same is done have the same trace, to
// the nanosecond; World.Hash tells at once. That holds as long as what runs in
// the World does not itself depend on the real clock, on global randomness, on
// goroutines, or on the order of a map. Randomness of its own it takes from
// World.Rand. Each node has its own randomness, by name and life, so that one more
// node changes nothing for the others. Compare names the first event in which two
// traces differ.
//
// # The network
//
// Every node has an address, 10.0.0.1:5683 for the first. Its name is resolved by
// the World, and is not seen by the network. What arrives at one node at one moment
// arrives as one batch. World.Peer is a host that speaks in raw datagrams.
//
// What the network is told holds for the nodes that a pattern names: a name, or
// several with commas between, in which "*" stands for any characters, "[0-49]" for
// a number in these bounds, and "@lab" for the nodes of the Segment or Set "lab".
// "" and "*" are all nodes.
//
//	World.Link       how datagrams travel from some to others: latency, loss,
//	                 bursts of loss, doubles, disorder, damage, bandwidth, MTU
//	World.Interface  how a node is joined: what it can send, its receive buffer,
//	                 how long it is busy with a datagram, hop limits
//	World.Segment    who is whose neighbour, what routers stop, and which of them
//	                 share a Medium on which frames collide, or a Radio (IEEE
//	                 802.15.4 with 6LoWPAN, see package radio) with an account of
//	                 their energy: World.Energy
//	World.NAT        who is seen with another address; World.Rebind
//	World.Partition  who cannot reach whom for now; World.Heal
//	World.Fault      what happens to chosen datagrams
//
// Chance is by pair of nodes and direction: one more node, or one more datagram
// elsewhere, changes nothing for the others. (Datagrams to groups are counted by
// sender.) Nothing is kept by pair of nodes but what two that talk to each other
// make necessary: where they are in a burst of loss, what waits in their queue.
//
// All sockets are members of the groups All CoAP Nodes, 224.0.1.187, ff02::fd and
// ff05::fd, others are joined (World.Join). A multicast datagram reaches the members
// within its scope (ScopeOf) as far as its hop limit lasts; without Segments that
// is everyone.
//
// World.NetStats counts what was sent, delivered and lost, and why. World.Watch shows
// every datagram; package pcap writes them to a file for Wireshark.
//
// # The trace
//
// World.TraceTo writes down what happens: the time in seconds, and
//
//	a → b CON [0x1a2b] GET token=01 Uri-Path:hello    sent; at the end "(retransmission)",
//	                                                  "lost", "×2", "late by 1s", "changed"
//	a → b CON [0x1a2b] GET delivered                  arrived
//	b: handles GET /hello                             a handler is called
//	b: ignores CON [0x1a2b] GET from a: duplicate     what a node says of a message
//	b: log WARN …                                     what it logs
//
// # Scripts
//
// A Script is a simulation in words, one command a line; "#" begins a comment. In
// a file, the trace that is expected follows a line "----". The commands:
//
//	seed N                     before all others; 1 without it
//	link [A->B] …              Link: latency= jitter= loss= dup= reorder= by= corrupt=
//	                           delay=DISTRIBUTION (dist.Parse) bursts=P,R,H,K inorder
//	                           bandwidth= queue= mtu= oversize=
//	                           (A and B are patterns, * for any; without A->B for all)
//	interface NODES …          Interface: bandwidth= queue= mtu= buffer= bytes= service=
//	                           hops= grouphops=
//	segment NAME NODES …       Segment: up= border=SCOPE bandwidth= queue= medium= overhead=
//	set NAME NODES             a Set
//	partition A [B] [oneway]   a Partition; heal ends all
//	nat NODES …                NAT: addr= idle=; rebind NODE renews a mapping
//	join NODE GROUP            also leave
//	node NAME …                starts a node, or starts it again after "stop":
//	                           listen=ADDR+ADDR separate=TIME; transmission parameters
//	                           ack= random= retransmit= nstart= leisure= probing=
//	                           maxlatency= processing=; limits peers= exchanges=
//	                           perpeer= queue= dedup= kept= spools= spoolbytes=
//	                           bodies= bodybytes= observers= perobserver= rules=
//	                           fields=; block=BYTES of a block; window= interval= (or
//	                           unpaced) confirm= confirmwithin= for its observers,
//	                           refresh= spread= for what it observes
//	peer NAME [listen=ADDR]    a host without a node
//	resource NODE PATH …       text=S or size=BYTES, code=C, delay=TIME, error, panic,
//	                           panics=N (the first N times), call=URI (asks another
//	                           node), methods=get,post, inline, separate, multicast,
//	                           hidden, concurrency=N, backlog=N, restart (notes it),
//	                           stream, maxbody=BYTES, etag=S, echo (answers with the
//	                           payload that it is given), observable, confirmable,
//	                           queue=N, observers=N, etags, maxage=SECONDS,
//	                           format=NAME, state (a PUT changes it)
//	get NODE URI …             a request, also put, post, delete, fetch, patch, ipatch:
//	                           non, payload=S, size=BYTES, token=HEX, notoken,
//	                           timeout=TIME, opt=NAME:VALUE, block=BYTES of a block,
//	                           from=BYTE of the response, transmission parameters.
//	                           URI is coap://HOST/PATH, or NAME/PATH for the address
//	                           of a node. Requests have the numbers 1, 2, …
//	observe NODE URI …         as get, or with "fetch" as fetch; has a number as well.
//	                           rule= ("_" for a space) qos= lease= compact: a subscription.
//	                           into=PATH: its states are those of a resource of NODE
//	gather NODE URI …          as get, a request to a group; all/PATH is one to All CoAP
//	                           Nodes. most=N: it ends after so many answers
//	discover NODE WHO …        looks for everyone, a host, /PATH,/PATH or &/PATH,/PATH.
//	                           where=FILTER&FILTER, wait=TIME, most=N: it ends then;
//	                           plain: plain servers are waited for
//	renew n=N                  registers observation N again
//	publish NODE PATH …        text=S or code=C: a new state, for its observers
//	changed NODE PATH …        the same, by its handler; format=NAME, size=BYTES
//	remove NODE PATH           takes the resource away
//	ping NODE NAME
//	cancel N                   ends request or observation N
//	drop A->B [N…]             a Fault for the N-th datagrams from now on (none = all);
//	                           from=TIME until=TIME bound when, since the beginning
//	dup A->B [N…] copies=      the same, with its own arguments
//	delay A->B [N…] by=TIME
//	corrupt A->B [N…] byte=OFFSET xor=HEX
//	unreachable A->B [N…]      the network tells the sender
//	kill NODE failures=N       its socket dies; N attempts to open it again fail
//	raw FROM TO HEX…           a datagram, as from FROM, to a node, an address, or "all"
//	                           (All CoAP Nodes); {mid} and {token} are those of what
//	                           the peer FROM has received last
//	stop NODE [within=TIME]
//	crash NODE                 it forgets everything and is gone
//	restart NODE               it lives again after "stop" or "crash", without resources
//	drift NODES ppm= spread=   how the clocks run of nodes that are started from now on
//	run TIME                   lets time pass
//	idle                       … until nothing is left to happen
//	note TEXT                  a line in the trace
//	stats NODE                 the counters of a node; net: those of the network
//
// Times are written as 300ms or 2s, links without arguments are perfect, and what
// the commands say takes effect at the moment at which they stand.
package sim
