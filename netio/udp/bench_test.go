package udp

import (
	"fmt"
	"testing"

	"github.com/coap2/coap2/netio"
)

// BenchmarkEcho is one datagram there and back, with window of them on the way:
// four system calls for window datagrams at best.
func BenchmarkEcho(b *testing.B) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0", "0.0.0.0:0"} {
		for _, window := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/window=%d", addr[:len(addr)-2], window), func(b *testing.B) { benchmarkEcho(b, addr, window) })
		}
	}
}

func benchmarkEcho(b *testing.B, addr string, window int) {
	needIPv6(b)
	server, client := at(b, addr), at(b, addr)
	echo := func(ds []netio.Datagram) { _, _ = server.WriteBatch(ds) }
	if err := server.Start(netio.Receiver{Datagrams: echo}); err != nil {
		b.Fatal(err)
	}
	done := make(chan struct{})
	ready := make(chan struct{}, 1)
	left, back, first := b.N-window, 0, true
	err := client.Start(netio.Receiver{Datagrams: func(ds []netio.Datagram) {
		if first {
			first = false
			ready <- struct{}{}
			return
		}
		back += len(ds)
		if send := min(len(ds), left); send > 0 {
			left -= send
			_, _ = client.WriteBatch(ds[:send])
		}
		if back >= b.N {
			close(done)
		}
	}})
	if err != nil {
		b.Fatal(err)
	}
	target := server.Local()[0]
	if target.Addr().IsUnspecified() {
		target = on("127.0.0.1", target)
	}
	ds := make([]netio.Datagram, min(window, b.N))
	for i := range ds {
		ds[i] = to(target, "\x40\x01\x12\x34\xb4temp")
	}
	if err := client.WriteTo(ds[0]); err != nil { // both have made their buffers
		b.Fatal(err)
	}
	<-ready
	b.ReportAllocs()
	b.ResetTimer()
	if _, err := client.WriteBatch(ds); err != nil {
		b.Fatal(err)
	}
	<-done
}

// BenchmarkWriteBatch is sending alone, to a socket that nobody reads.
func BenchmarkWriteBatch(b *testing.B) {
	for _, addr := range []string{"127.0.0.1:0", "0.0.0.0:0"} {
		for _, size := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("%s/batch=%d", addr[:len(addr)-2], size), func(b *testing.B) {
				sink := open(b, Config{Addrs: []string{"127.0.0.1:0"}, ReadBuffer: 1})
				client := at(b, addr)
				ds := make([]netio.Datagram, size)
				for i := range ds {
					ds[i] = to(sink.Local()[0], "\x60\x45\x12\x34\xff21.5 degrees")
					ds[i].Local = on("127.0.0.1", client.Local()[0])
				}
				b.ReportAllocs()
				b.ResetTimer()
				for left := b.N; left > 0; left -= size {
					if _, err := client.WriteBatch(ds[:min(size, left)]); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkWriteTo is the same with a call per datagram.
func BenchmarkWriteTo(b *testing.B) {
	sink := open(b, Config{Addrs: []string{"127.0.0.1:0"}, ReadBuffer: 1})
	client := at(b, "127.0.0.1:0")
	d := to(sink.Local()[0], "\x60\x45\x12\x34\xff21.5 degrees")
	b.ReportAllocs()
	for b.Loop() {
		if err := client.WriteTo(d); err != nil {
			b.Fatal(err)
		}
	}
}
