package protocol

import "github.com/coap2/coap2/netio"

// Peek looks for a message of class Kept without remembering it: New if it has
// not come before, otherwise what Admit would say.
func (d *Dedup) Peek(now netio.Instant, key DedupKey) (s Seen, answer []byte) {
	e := d.kept.find(hashKey(&d.secret, key), key)
	if e == nil || now >= e.expire {
		return New, nil
	}
	return d.repeatKept(e)
}
