// Package mdns is a model of the traffic of multicast DNS (RFC 6762) and of
// service discovery over it (RFC 6763), for comparison: responders and a querier
// that speak in raw datagrams in a simulated World. Their messages are DNS
// messages of the right size, with compressed names; what they say when follows a
// Profile: that of Avahi, or of the Go package hashicorp/mdns.
//
//	q := mdns.NewQuerier(w, peer, mdns.Avahi(), rand)
//	q.OnFound = func(name string) { … }
//	stop := q.Browse(mdns.Question{Subtype: "hum"})
//
// What it leaves out: probes and announcements when a service begins, goodbyes,
// the refresh of what is about to expire, and queriers besides the one that asks,
// whose questions and answers would be overheard. A response that goes to the
// group goes to the querier alone: on the way that is one datagram in either case,
// and nobody else would act on it.
package mdns
