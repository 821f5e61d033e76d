// Package histogram counts durations so that quantiles can be told: in buckets
// whose width grows with the value, as the HDR histogram does, so that memory is
// fixed and no value is off by more than half a per cent.
package histogram
