// Command mosquitto measures publish and subscribe of CoAP 2 beside MQTT with
// Eclipse Mosquitto: the same samples for the same number of subscribers, each
// with a socket of its own, over loopback. It is a module of its own, so that the
// library does not depend on an MQTT package. Mosquitto has to be installed (Debian:
// apt-get install mosquitto); it runs with its defaults.
//
//	go run -C cmd/coap2/mosquitto .
//	go run -C cmd/coap2/mosquitto . -subscribers 50 -duration 500ms -rounds 1 -json
//
// The server, or the broker, has one processor and the load another. A publisher
// sends samples to it, "142.000142", the same bytes in both protocols, and it
// tells the subscribers. Each case is measured twice: as fast as it goes, with a
// few samples under way, for notifications a second, processor time and bytes;
// and with a fixed rate of samples, for latency, from before the sample is sent
// until a subscriber has it. In the cases "1 in 100" each subscriber wants one sample
// in a hundred: with CoAP 2 it says so with a rule, with MQTT it throws the others
// away. Only what is wanted counts as a notification.
//
// Every payload is compared with what was published, and they are counted: with
// QoS 1 everybody must have got everything once and in order, or the command
// fails; what is lost with QoS 0 is reported.
//
// Bytes are those of IP packets in both directions, the publisher's included: 28
// bytes of headers for each datagram of UDP, 52 for each segment of TCP, which the
// kernel counts (TCP_INFO).
package main
