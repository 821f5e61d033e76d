// Package mqtt is a model of the traffic of MQTT 3.1.1 and MQTT 5, for
// comparison: a broker, and clients that publish and subscribe, which speak in raw
// datagrams in a simulated World.
//
//	b := mqtt.NewBroker(w, brokerPeer, mqtt.Profile{})
//	c := mqtt.NewClient(w, peer, b.Addr(), "s7", mqtt.Profile{QoS: 1})
//	c.OnMessage = func(topic string, payload []byte) { … }
//	c.Subscribe("temp")
//	c.Connect()
//
// MQTT packets are those of the standard, byte by byte. They travel in TCP
// segments: handshake (RFC 9293 §3.5), acknowledgements that are delayed or
// travel with data (§3.8.6.3), retransmission by timeout (RFC 6298) and after
// three duplicates (RFC 5681 §3.2), slow start and congestion avoidance (§3.1), and
// the algorithm of Nagle (RFC 9293 §3.7.4). Without other orders it is a Linux of
// today on either side.
//
// A segment is a datagram of the World that is as long as the IP packet would be:
// the header is 8 bytes shorter than TCP's, which is what the World counts for UDP.
// So the header of a segment, IPv4 included, counts 52 bytes (40 without
// timestamps), that of a SYN 60 (44).
//
// What it leaves out: TLS, QoS 2, wildcards, wills, expiry of sessions, selective
// acknowledgements, windows of receivers, and the four packets with which a
// connection ends in peace: it ends by one.
package mqtt
