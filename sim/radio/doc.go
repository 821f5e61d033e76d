// Package radio is a model of IEEE 802.15.4 (2.4 GHz, O-QPSK) with 6LoWPAN: how
// long frames take, who gets the air, what collides where, in how many frames a
// datagram goes, and what all that costs in energy.
//
// An Air connects stations, which have numbers, by a Topology: who hears whom.
// It has no goroutine, and the clock that it is given. All arithmetic is in
// integers, and all chance follows from a seed.
//
// What is modelled, and by what:
//
//   - Air time (IEEE 802.15.4-2006 §6.5): 32 µs a byte, with 6 bytes of preamble,
//     start of frame and length before the frame.
//   - Unslotted CSMA-CA (§7.5.1.4): backoff in units of 320 µs, an assessment of
//     128 µs, 192 µs of turnaround; macMinBE 3, macMaxBE 5, macMaxCSMABackoffs 4.
//   - Collisions at the receiver: it gets a frame unless it hears another at the
//     same time, or sends. So two stations that do not hear each other collide at
//     the one between them (hidden nodes). There is no capture, and no bit error.
//   - Acknowledgements (§7.5.6.4): unicast frames are acknowledged 192 µs after
//     they end, without listening, and sent again after 864 µs without one, 3
//     times at most. Who gets a frame again knows it by its number. Config.NoAcks
//     goes without.
//   - Sleep (Duty): stations wake every so often and listen; frames are repeated
//     until somebody who has woken acknowledges them, those for all for a whole
//     interval. Nobody learns when his neighbours wake, and no frame says that
//     another follows.
//   - Movement: stations wander at random (NewWander) or along waypoints
//     (ParseWaypoints); once a step it is found anew who hears whom, and ways
//     follow. Nobody has to learn of it: there is no routing protocol.
//   - 6LoWPAN: headers compressed by RFC 6282, fragments and a mesh below IP by
//     RFC 4944: multicast is flooded, each station sends it on once, unicast goes
//     along a shortest path.
//   - Energy of a CC2420 (TI SWRS041): 17.4 mA sending at 0 dBm, 18.8 mA
//     receiving or listening, 20 µA asleep, at 3 V. What stations spend on
//     listening to nothing is apart.
package radio
