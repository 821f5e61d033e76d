//go:build !planted

package protocol

// Planted is the mistake of this build: none.
const Planted = NoBug
