// Package rawresponder answers every CoAP request with the same response, as
// fast as the sockets of netio/udp carry it: it keeps nothing, looks at nothing
// but header and token, and copies bytes. It is no CoAP server: it executes
// duplicates again and knows no resources. It is there to be measured: a server
// cannot be much faster on the same sockets, so that the ratio of the two says
// what the server itself costs, on any machine.
package rawresponder
