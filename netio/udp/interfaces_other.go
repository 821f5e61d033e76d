//go:build !linux

package udp

// watcher looks now and then.
func (t *Transport) watcher() (next func() (changed []int, ok bool), stop func()) { return t.poll() }
