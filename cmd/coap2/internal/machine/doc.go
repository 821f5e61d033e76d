// Package machine says what processes cost, and puts them on processors: what
// the operating system knows and Go does not tell. It does so on Linux; elsewhere
// its functions return [ErrUnsupported], or do the part that they can.
package machine

import "errors"

// ErrUnsupported: this operating system is not asked.
var ErrUnsupported = errors.New("machine: only on Linux")
