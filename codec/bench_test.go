package codec

import "testing"

// typical returns the bytes of two messages as they are met most: a GET with a
// token and three options, and its 2.05 with a Content-Format and a payload.
func typical(b *testing.B) (get, content []byte) {
	tok := TokenFromUint64(0x0102030405060708)
	m := Message{Code: GET, MessageID: 1, Token: tok, Options: Options{URIPath("sensors"), URIPath("temp"), Accept(JSON)}}
	get, err := m.Append(nil)
	if err != nil {
		b.Fatal(err)
	}
	m = Message{Type: ACK, Code: Content, MessageID: 1, Token: tok, Options: Options{ContentFormat(JSON)}, Payload: []byte(`{"t":21.5}`)}
	if content, err = m.Append(nil); err != nil {
		b.Fatal(err)
	}
	return get, content
}

func BenchmarkParse(b *testing.B) {
	get, content := typical(b)
	for _, c := range []struct {
		name     string
		datagram []byte
	}{{"GET", get}, {"2.05", content}} {
		b.Run(c.name, func(b *testing.B) {
			var m Message
			b.ReportAllocs()
			for b.Loop() {
				if err := m.Parse(c.datagram); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	get, content := typical(b)
	for _, c := range []struct {
		name     string
		datagram []byte
	}{{"GET", get}, {"2.05", content}} {
		b.Run(c.name, func(b *testing.B) {
			var m Message
			if err := m.Parse(c.datagram); err != nil {
				b.Fatal(err)
			}
			buf := make([]byte, 0, 64)
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if buf, err = m.Append(buf[:0]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCheck(b *testing.B) {
	o := Options{URIPath("sensors"), URIPath("temp"), URIQuery("u=c"), Accept(JSON)}
	understood := func(n OptionNumber) bool { _, ok := n.Def(); return ok }
	b.Run("all", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := o.Check(nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("func", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := o.Check(understood); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("DropIgnored", func(b *testing.B) {
		o := Options{ETag([]byte{1}), Observe(1), ContentFormat(JSON), MaxAge(60)}
		b.ReportAllocs()
		for b.Loop() {
			if len(o.DropIgnored()) != 4 {
				b.Fatal("dropped")
			}
		}
	})
}

func BenchmarkFilter(b *testing.B) {
	links, err := ParseLinks([]byte(rfc6690))
	if err != nil {
		b.Fatal(err)
	}
	fs, err := ParseFilters([]string{"href=/sensors/*", "rt=light*", "if=sensor"})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for i := range links {
			if fs.Match(&links[i]) {
				n++
			}
		}
		if n != 1 {
			b.Fatal(n)
		}
	}
}

func BenchmarkParseLinks(b *testing.B) {
	doc := []byte(rfc6690)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseLinks(doc); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseURI(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseURI("coap://node1.local:5683/sensors/temp?u=c"); err != nil {
			b.Fatal(err)
		}
	}
}
