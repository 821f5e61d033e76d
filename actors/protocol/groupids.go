package protocol

import (
	"time"

	"github.com/coap2/coap2/netio"
)

// FirstGroupID is the first of the message IDs for messages to groups; all below
// it are for messages to one peer. Who has been sent a message to its group must
// not be sent another one with the same ID, by itself or to another of its
// groups, and who is in a group is not known (RFC 7252 §4.4, §8.1).
const FirstGroupID = 0xf000

const (
	groupIDs     = 1<<16 - FirstGroupID
	groupIDBlock = 256 // IDs that share a time
)

// GroupIDs gives out message IDs for messages to groups, one for each message
// whatever its group, so that none is used again within its lifetime: 3,840 in a
// NON_LIFETIME at least, which for the default of 145 s is 26 a second. The zero
// value begins at FirstGroupID.
type GroupIDs struct {
	next uint16 // relative to FirstGroupID
	free [groupIDs / groupIDBlock]netio.Instant
}

// Init forgets everything and begins anywhere, which a random number says.
func (g *GroupIDs) Init(random uint16) { *g = GroupIDs{next: random % groupIDs} }

// Next returns an ID that must not be used again for lifetime. If all are in use,
// ok is false and free is the moment when some will have become free.
func (g *GroupIDs) Next(now netio.Instant, lifetime time.Duration) (id uint16, free netio.Instant, ok bool) {
	block := &g.free[g.next/groupIDBlock]
	if g.next%groupIDBlock == 0 && *block > now {
		return 0, *block, false
	}
	*block = max(*block, now.Add(max(lifetime, 0)))
	id = FirstGroupID + g.next
	g.next = (g.next + 1) % groupIDs
	return id, 0, true
}
