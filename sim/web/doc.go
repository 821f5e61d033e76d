// Command web makes one static page in which the simulator runs in the browser:
// package sim compiled to WebAssembly, with sliders for what is simulated.
//
//	go run ./sim/web -out sim.html
//
// The page stands by itself: what it runs is in it, compressed, and its policy lets
// it load nothing. What came of a run is the page of package page. A run has the
// same trace hash as sim run gives it on any other machine.
//
// It is built with the Go toolchain, which must be there, from the module's
// directory.
package main
