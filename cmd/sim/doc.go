// Command sim runs scenarios: simulated networks of CoAP nodes, written in YAML,
// in virtual time, the same way every time for the same seed.
//
//	sim run hello
//	sim run chaos.yaml --seed 7 --set nodes.n.count=20
//	sim sweep chaos --seeds 1..1000 -j 2
//
// The exit codes are 0 where everything expected is true, 1 where something is
// not, 2 for a bad file, bad usage, or an output that cannot be written, and 130
// when it was interrupted. "sim help scenario" is the reference of the language.
package main
