package actors

import "github.com/coap2/coap2/actors/protocol"

// fewSlots is how many are looked at one by one.
const fewSlots = 8

// indexSlots makes the maps by which slots are found that are many.
func (sh *shard) indexSlots() {
	sh.byToken, sh.byMID = map[tokenKey]*slot{}, map[protocol.DedupKey]*slot{}
	for _, s := range sh.slots {
		if s.named != nil {
			sh.byMID[s.mid] = s
		}
		if s.tokened {
			sh.byToken[tokenKey{s.call.pe.ID, s.call.token}] = s
		}
	}
}

// slotByMID returns the slot that awaits an ACK or RST with a message ID; nil if
// none does.
func (sh *shard) slotByMID(key protocol.DedupKey) *slot {
	if sh.byMID != nil {
		return sh.byMID[key]
	}
	for _, s := range sh.slots {
		if s.named != nil && s.mid == key {
			return s
		}
	}
	return nil
}

// slotByToken returns the slot whose call has a token; nil if none has.
func (sh *shard) slotByToken(key tokenKey) *slot {
	if sh.byToken != nil {
		return sh.byToken[key]
	}
	for _, s := range sh.slots {
		if s.tokened && s.call.token == key.token && s.call.pe.ID == key.peer {
			return s
		}
	}
	return nil
}
