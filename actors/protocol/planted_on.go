//go:build planted

package protocol

// Planted is the mistake of this build. Tests set it while nothing runs.
var Planted Bug
