//go:build race

package actors

// raceEnabled: the race detector makes everything many times slower, so tests of
// endurance do less.
const raceEnabled = true
