//go:build !race

package scenario

// raced: the race detector makes everything some ten times slower.
const raced = false
