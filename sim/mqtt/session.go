package mqtt

// outbox is what one side sends to the other by PUBLISH. With QoS 1 it keeps what
// is not acknowledged, over connections.
type outbox struct {
	profile *Profile
	flying  []packet // sent, in order; QoS 1 only
	queued  []packet
	lastID  uint16
	// Dropped counts what found no room.
	dropped uint64
}

// put sends a message by way of send, or keeps it; send is nil while there is no
// connection.
func (o *outbox) put(p packet, send func(*packet)) {
	switch {
	case p.qos == 0 && send != nil:
		send(&p)
	case p.qos == 0 || len(o.queued) >= o.profile.Queued:
		o.dropped++
	default:
		o.queued = append(o.queued, p)
		o.flush(send)
	}
}

// flush sends what may be sent.
func (o *outbox) flush(send func(*packet)) {
	for send != nil && len(o.queued) > 0 && len(o.flying) < o.profile.Inflight {
		p := o.queued[0]
		o.queued = o.queued[1:]
		p.id = o.nextID()
		o.flying = append(o.flying, p)
		send(&p)
	}
}

func (o *outbox) nextID() uint16 {
	for {
		if o.lastID++; o.lastID != 0 && !o.isFlying(o.lastID) {
			return o.lastID
		}
	}
}

func (o *outbox) isFlying(id uint16) bool {
	for i := range o.flying {
		if o.flying[i].id == id {
			return true
		}
	}
	return false
}

// acked takes an acknowledgement, and reports whether it was waited for.
func (o *outbox) acked(id uint16, send func(*packet)) bool {
	for i := range o.flying {
		if o.flying[i].id == id {
			o.flying = append(o.flying[:i:i], o.flying[i+1:]...)
			o.flush(send)
			return true
		}
	}
	return false
}

// resume sends again what was not acknowledged (MQTT 5 §4.4).
func (o *outbox) resume(send func(*packet)) {
	for i := range o.flying {
		o.flying[i].flags |= publishDup
		send(&o.flying[i])
	}
	o.flush(send)
}

// stream reads packets from the data of a connection.
type stream struct {
	rest    []byte
	version int
}

// feed calls f with every packet that is whole now, until f returns false. It
// reports whether all is well.
func (s *stream) feed(b []byte, f func(*packet) bool) bool {
	s.rest = append(s.rest, b...)
	for {
		p, n, err := parsePacket(s.rest, s.version)
		if err != nil {
			return false
		}
		if n == 0 {
			return true
		}
		ok := f(&p)
		s.rest = s.rest[n:]
		if !ok {
			return false
		}
	}
}
