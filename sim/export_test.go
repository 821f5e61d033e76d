package sim

import "time"

// Drowsy returns the script as it runs where every node dozes whenever it can.
func (s *Script) Drowsy() *Script {
	c := *s
	c.drowsy = true
	return &c
}

// DriftOf returns the functions of a clock that runs fast or slow, of a World
// that is so old.
func DriftOf(age time.Duration, ppb int64) (at func(time.Duration) time.Duration, stretch func(time.Duration) time.Duration) {
	c := &drift{w: &World{now: Epoch.Add(age)}, rate: uint64(second + ppb)}
	return func(d time.Duration) time.Duration { return c.at(Epoch.Add(d)).Sub(Epoch) }, c.stretch
}
