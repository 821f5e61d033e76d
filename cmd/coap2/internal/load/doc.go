// Package load asks one server as much as it can answer: a closed loop that
// keeps a number of requests outstanding, from one endpoint or from thousands,
// checks every response, and measures how long each took.
//
//	l, err := load.Start(load.Config{Target: server, Options: path, Duration: 5 * time.Second})
//	<-l.Done()
//	result := l.Result()
//
// # Endpoints
//
// A CoAP client has one request outstanding towards a server (RFC 7252 §4.7:
// NSTART is 1), so many outstanding requests mean many clients. Where the server
// is on 127.0.0.0/8 and the system is Linux, every endpoint is a source address
// of its own, and a few sockets serve any number of them; elsewhere an endpoint
// is a socket. An endpoint uses each of its 65,536 message IDs once; then a new
// one, of another address or port, takes its place, because a server may take a
// message ID that it has seen for a duplicate (§4.5).
//
// # What it costs
//
// The generator must not measure itself. It is the transport of netio/udp and
// the codec with one table of requests between them: what a response sets free
// is asked for again by the goroutine that has read the response, and leaves in
// one system call with the others of its batch. In steady state nothing is
// allocated. All sockets share one lock, which is not held while datagrams are
// sent: that is where the time goes.
//
// The message layer is that of actors/protocol: a confirmable request is
// retransmitted, a separate response acknowledged, a duplicate recognised.
package load
