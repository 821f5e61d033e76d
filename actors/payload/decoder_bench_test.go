package payload

import (
	"testing"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/rules"
)

// BenchmarkDecode: what a sample costs for five fields, of which a payload has a few.
func BenchmarkDecode(b *testing.B) {
	schema := schemaOf(b, "value", "temp", "room.hum", "mode", `$"urn:dev:1:temp"`)
	d := NewDecoder(schema)
	s := rules.NewSample(schema)
	for _, p := range []struct {
		name string
		f    codec.Format
		b    string
	}{
		{"text", codec.TextPlain, "21.5"},
		{"json", codec.JSON, `{"value":20.25,"temp":-1e-3,"x":{"y":[1,2,{}]},"room":{"hum":33},"mode":"on"}`},
		{"cbor", codec.CBOR, unhex(b, "a3 6576616c7565 f94d60 64726f6f6d a1 6368756d 18 21 646d6f6465 626f6e")},
		{"senml", formatSenMLJSON, `[{"bn":"urn:dev:1:","n":"temp","v":21.5},{"n":"mode","vs":"wet"}]`},
		{"senmlcbor", formatSenMLCBOR, unhex(b, "82 a3 21 6a75726e3a6465763a313a 00 6474656d70 02 f94d60 a2 00 626f6e 04 f5")},
	} {
		x := []byte(p.b)
		b.Run(p.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = d.Decode(p.f, true, x, s)
			}
		})
	}
}
