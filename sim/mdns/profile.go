package mdns

import "time"

// Profile is how an implementation behaves. The zero value asks once and answers
// at once.
type Profile struct {
	// Name is what it is called.
	Name string
	// Defer is how long a question waits in the querier before it is sent.
	Defer time.Duration
	// Repeat: questions are sent again, 1 s after the first time, then 2 s, 4 s, and
	// so on (RFC 6762 §5.2), up to an hour.
	Repeat bool
	// Timeout is how long the querier listens; 0 = until it is stopped.
	Timeout time.Duration
	// KnownAnswers: questions carry the answers that are known (RFC 6762 §7.1), in
	// as many messages as they need (§7.2), and responders heed them.
	KnownAnswers bool
	// Message is the longest message with known answers, in bytes; 0 = 1452.
	Message int
	// MinDelay and MaxDelay bound the random time for which a responder waits with
	// a shared record, which others may have as well (RFC 6762 §6).
	MinDelay, MaxDelay time.Duration
	// History is for how long a responder does not send the same record again.
	History time.Duration
	// Selective: a responder has the records for the subtypes of its service (RFC
	// 6763 §7.1) and for the address of its host; otherwise all that can be asked
	// for is the service, and the querier has to sift.
	Selective bool
	// Unicast: the question has the bit by which responses go to the querier, not
	// to the group (RFC 6762 §5.4). Here it makes a difference for the question
	// alone.
	Unicast bool
	// TTL is that of PTR, SRV and TXT records, HostTTL that of addresses, both in
	// seconds; 0 = 120.
	TTL, HostTTL uint32
}

// Avahi returns the Profile of Avahi: a question waits 100 ms for others, is
// repeated with what is known, and answered by shared records after 20 to 120 ms,
// by unique ones at once; what was sent within 700 ms is not sent again
// (avahi-core: query-sched.c, querier.c, response-sched.c).
func Avahi() Profile {
	return Profile{
		Name: "avahi", Defer: 100 * time.Millisecond, Repeat: true, KnownAnswers: true,
		MinDelay: 20 * time.Millisecond, MaxDelay: 120 * time.Millisecond, History: 700 * time.Millisecond,
		Selective: true, TTL: 4500, HostTTL: 120,
	}
}

// Hashicorp returns the Profile of github.com/hashicorp/mdns: one question, to
// which everyone who has the service answers at once, to the querier alone, with
// all records; the querier listens for a second (client.go, server.go, zone.go).
func Hashicorp() Profile {
	return Profile{Name: "hashicorp", Timeout: time.Second, TTL: 120, HostTTL: 120}
}

func (p *Profile) message() int {
	if p.Message == 0 {
		return 1452
	}
	return p.Message
}
