// Command coap2 talks CoAP from a shell: it asks nodes (get, put, post,
// delete, fetch, patch, ipatch, ping), serves a set of demonstration resources
// (serve), shows what a node can do (demo), measures servers (bench), and
// explains subscription rules (rule).
//
//	coap2 serve &
//	coap2 get coap://localhost/hello
//
// The payload of a response goes to stdout, everything else to stderr. The exit
// codes are 0 for success (2.xx), 1 for an error response (or a failed
// demonstration, or wrong responses to bench), 2 for bad usage, 3 for a timeout
// or a failure of the network or of the output, and 130 when it was interrupted.
package main
