// Package interop holds the tests of this module against another CoAP
// implementation: libcoap's example client and server, as Debian packages them.
//
//	apt-get install libcoap3-bin
//	go test ./cmd/coap2/interop/...
//
// Every method goes both ways, over IPv4 and IPv6, confirmable and not, with
// piggybacked and separate responses: coap-client-notls asks "coap2 serve" and a
// node that offers all seven methods; the command coap2 and a node ask
// coap-server-notls. The same then happens over a network that loses 30 % of all
// datagrams (package relay), where every exchange must still succeed. That part
// takes up to a minute, nearly all of it waiting for retransmissions;
// "go test -short" leaves it out.
//
// Where the peers are not installed, the tests that need them are skipped. With
// COAP2_REQUIRE_PEERS=1 in the environment, as in continuous integration, they
// fail instead. With -race, the command under test is built with the race
// detector too.
//
// All servers listen on free ports of the loopback interface. A test that fails
// prints the commands that it ran, what they wrote, and what the relay saw.
package interop
