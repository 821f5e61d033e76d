//go:build race

package interop

// raceEnabled: build the command under test with the race detector, as this
// test is.
const raceEnabled = true
