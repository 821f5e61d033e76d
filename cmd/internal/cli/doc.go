// Package cli is what the commands of this module have in common: how they end,
// how they complain, what they print on a terminal and what into a file.
package cli
