// Package pcap writes what happens in the network of a simulated World to a file
// that Wireshark opens: pcapng, with raw IP packets and virtual time.
//
//	p, err := pcap.New(file, pcap.Config{})
//	…
//	w.Watch(p.Record)
//	w.RunFor(time.Minute)
//	err = p.Flush()
//
// The file has three interfaces, which are three views of the same traffic;
// "frame.interface_name == sent" filters by them:
//
//   - sent: each datagram where it leaves its node, once, also if it is to a group;
//   - delivered: each copy that arrives, when it does, damaged as it may be, with the
//     addresses that a NAT has given it, and what is left of its hop limit;
//   - lost: each copy that is lost, when and where it is; a comment says why, and
//     who does not receive it.
//
// With RecordFrame there is a fourth, "air": each frame on an IEEE 802.15.4 radio
// when it begins, without its FCS (link type 230), as compressed and fragmented as
// it is:
//
//	w.WatchFrames(p.RecordFrame)
//
// In the other three a datagram that goes in fragments is one packet. The headers are those that the
// network would need: checksums are right, also of payloads that were damaged on
// the way. Equal Worlds make equal files.
package pcap

import (
	"fmt"
	"io"
	"net/netip"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/coap2/coap2/sim"
)

// Config says what is written. The zero value is everything.
type Config struct {
	// NoSent, NoDelivered and NoLost leave that view out.
	NoSent, NoDelivered, NoLost bool
}

// The interfaces of a file, by number.
var views = [...]struct{ name, description string }{
	{"sent", "datagrams where they leave their nodes"},
	{"delivered", "copies where they arrive"},
	{"lost", "copies that are lost; comments say why"},
}

// Writer writes a pcapng file. It is used by one goroutine, that of the World.
type Writer struct {
	cfg    Config
	out    *pcapgo.NgWriter
	buffer gopacket.SerializeBuffer
	id     uint16 // of the last IPv4 packet
	air    int    // the interface of frames, 0 until there is one
	frame  []byte
	err    error
}

// New begins a file. The error is one of writing to w.
func New(w io.Writer, cfg Config) (*Writer, error) {
	p := &Writer{cfg: cfg, buffer: gopacket.NewSerializeBuffer()}
	for i, v := range views {
		var err error
		intf := pcapgo.NgInterface{Name: v.name, Description: v.description, LinkType: layers.LinkTypeRaw}
		if i == 0 {
			p.out, err = pcapgo.NewNgWriterInterface(w, intf, pcapgo.NgWriterOptions{SectionInfo: pcapgo.NgSectionInfo{Application: "CoAP 2 sim"}})
		} else {
			_, err = p.out.AddInterface(intf)
		}
		if err != nil {
			return nil, fmt.Errorf("pcap: beginning the file: %w", err)
		}
	}
	return p, p.Flush()
}

// Record writes what has happened to a datagram; it is for World.Watch. After an
// error, which Flush returns, it does nothing.
func (p *Writer) Record(t *sim.Transit) {
	if p.err != nil {
		return
	}
	view, skip := 0, p.cfg.NoSent
	var options pcapgo.NgPacketOptions
	switch t.Kind {
	case sim.TransitDelivered:
		view, skip = 1, p.cfg.NoDelivered
	case sim.TransitLost:
		view, skip = 2, p.cfg.NoLost
		options.Comments = []string{comment(t)}
	}
	if skip {
		return
	}
	if err := p.packet(t); err != nil {
		p.err = fmt.Errorf("pcap: a datagram from %v to %v: %w", t.Source, t.Dest, err)
		return
	}
	data := p.buffer.Bytes()
	info := gopacket.CaptureInfo{Timestamp: t.Time(), CaptureLength: len(data), Length: len(data), InterfaceIndex: view}
	if err := p.out.WritePacketWithOptions(info, data, options); err != nil {
		p.err = fmt.Errorf("pcap: writing: %w", err)
	}
}

// linkType802154 is IEEE 802.15.4 without FCS, LINKTYPE_IEEE802_15_4_NOFCS.
const linkType802154 layers.LinkType = 230

// RecordFrame writes a frame on a radio; it is for World.WatchFrames. After an
// error, which Flush returns, it does nothing.
func (p *Writer) RecordFrame(f sim.AirFrame) {
	if p.err != nil {
		return
	}
	if p.air == 0 {
		if p.air, p.err = p.out.AddInterface(pcapgo.NgInterface{Name: "air", Description: "frames on an IEEE 802.15.4 radio", LinkType: linkType802154}); p.err != nil {
			return
		}
	}
	p.frame = f.Append(p.frame[:0])
	info := gopacket.CaptureInfo{Timestamp: f.Time(), CaptureLength: len(p.frame), Length: len(p.frame), InterfaceIndex: p.air}
	if err := p.out.WritePacket(info, p.frame); err != nil {
		p.err = fmt.Errorf("pcap: writing: %w", err)
	}
}

func comment(t *sim.Transit) string {
	to := t.To
	if to == "" {
		to = t.Dest.String()
	}
	return fmt.Sprintf("from %s to %s lost: %s", t.From, to, t.Cause)
}

// Flush writes out what is still in memory. It returns the first error that there
// was, also of Record.
func (p *Writer) Flush() error {
	if err := p.out.Flush(); err != nil && p.err == nil {
		p.err = fmt.Errorf("pcap: writing: %w", err)
	}
	return p.err
}

// packet makes the IP packet in the buffer.
func (p *Writer) packet(t *sim.Transit) error {
	udp := &layers.UDP{SrcPort: layers.UDPPort(t.Source.Port()), DstPort: layers.UDPPort(t.Dest.Port())}
	hops := uint8(min(max(t.HopLimit, 0), 255))
	var ip interface {
		gopacket.NetworkLayer
		gopacket.SerializableLayer
	}
	if t.Dest.Addr().Is4() {
		p.id++
		ip = &layers.IPv4{Version: 4, TTL: hops, Id: p.id, Protocol: layers.IPProtocolUDP, SrcIP: slice(t.Source), DstIP: slice(t.Dest)}
	} else {
		ip = &layers.IPv6{Version: 6, HopLimit: hops, NextHeader: layers.IPProtocolUDP, SrcIP: slice(t.Source), DstIP: slice(t.Dest)}
	}
	if err := udp.SetNetworkLayerForChecksum(ip); err != nil {
		return err
	}
	return gopacket.SerializeLayers(p.buffer, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, ip, udp, gopacket.Payload(t.Data))
}

func slice(a netip.AddrPort) []byte { return a.Addr().AsSlice() }
