package codec_test

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/coap2/coap2/codec"
)

func ExampleMessage_Parse() {
	datagram := []byte("\x41\x01\x7d\x35\x20\xbbtemperature")
	var m codec.Message // can be used again and again
	if err := m.Parse(datagram); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Code, m.Token, m.Options.Path())
	fmt.Println(m)
	// Output:
	// 0.01 GET 20 /temperature
	// CON [0x7d35] GET token=20 Uri-Path:temperature
}

func ExampleMessage_Parse_error() {
	var m codec.Message
	err := m.Parse([]byte("\x40\x01\x00\x01\xb5tem"))
	fmt.Println(errors.Is(err, codec.ErrTruncated))
	fmt.Println(err)
	// Output:
	// true
	// codec: message is truncated: option 11 at byte 4 has 5 bytes, 3 left
}

func ExampleMessage_Append() {
	m := codec.Message{
		Type:      codec.ACK,
		Code:      codec.Content,
		MessageID: 0x7d34,
		Options:   codec.Options{codec.ContentFormat(codec.TextPlain)},
		Payload:   []byte("22.3 C"),
	}
	b, err := m.Append(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%x\n", b)
	// Output:
	// 60457d34c0ff32322e332043
}

func ExampleMessage_AppendDump() {
	m := codec.Message{
		Code:      codec.GET,
		MessageID: 1,
		Options:   codec.Options{codec.Observe(0), codec.URIPath("temp"), codec.Accept(codec.JSON)},
	}
	fmt.Printf("%s", m.AppendDump(nil))
	// Output:
	// CON 0.01 GET, message ID 0x0001
	//   Observe (6): 0
	//   Uri-Path (11): temp
	//   Accept (17): 50(application/json)
	//   no payload
}

func ExampleOptions_Check() {
	request := codec.Options{codec.URIPath("temp"), {Number: codec.OptionOSCORE}}
	plain := func(n codec.OptionNumber) bool {
		_, known := n.Def()
		return known && n != codec.OptionOSCORE
	}
	if err := request.Check(plain); err != nil {
		fmt.Println(codec.BadOption, "with the diagnostic payload:", err)
	}
	// Output:
	// 4.02 Bad Option with the diagnostic payload: option 9 (OSCORE) is critical and not supported
}

func ExampleParseOption() {
	o, err := codec.ParseOption("accept", "senml+json")
	fmt.Println(o, err)
	_, err = codec.ParseOption("ETag", "0x010203040506070809")
	fmt.Println(err)
	// Output:
	// Accept:110(application/senml+json) <nil>
	// codec: option ETag has 1 to 8 bytes, not 9
}

func ExampleParseURI() {
	u, err := codec.ParseURI("coap://EXAMPLE.com/%7Esensors/./temp.xml?unit=C")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(u.Host, u.Port, u.Path, u.Query)
	fmt.Println(u)
	for _, o := range u.AppendOptions(nil, netip.MustParseAddrPort("192.0.2.1:5683")) {
		fmt.Println(o)
	}
	_, err = codec.ParseURI("coap://example.com/a b")
	fmt.Println(err)
	// Output:
	// example.com 5683 [~sensors temp.xml] [unit=C]
	// coap://example.com/~sensors/temp.xml?unit=C
	// Uri-Host:example.com
	// Uri-Path:~sensors
	// Uri-Path:temp.xml
	// Uri-Query:unit=C
	// codec: bad URI path in "coap://example.com/a b" at byte 20: the character U+0020 is not allowed here; write it as %20
}

func ExampleURIFromOptions() {
	request := codec.Options{codec.URIPath(".well-known"), codec.URIPath("core"), codec.URIQuery("rt=temp*")}
	u, err := codec.URIFromOptions("coap", request, netip.MustParseAddrPort("[2001:db8::1]:5683"))
	fmt.Println(u, err)
	// Output:
	// coap://[2001:db8::1]/.well-known/core?rt=temp* <nil>
}

func ExampleFilters_Match() {
	links, err := codec.ParseLinks([]byte(`</temp>;rt="temp room";obs,</light>;rt="lux"`))
	if err != nil {
		fmt.Println(err)
		return
	}
	filters, err := codec.ParseFilters([]string{"rt=temp*"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range links {
		if filters.Match(&links[i]) {
			fmt.Println(links[i])
		}
	}
	// Output:
	// </temp>;rt="temp room";obs
}

func ExampleAppendLinks() {
	fmt.Printf("%s\n", codec.AppendLinks(nil,
		codec.Link{Target: "/temp", Attrs: []codec.Attr{{Name: "rt", Value: "temp"}, {Name: "ct", Value: "50"}, {Name: "obs", Bare: true}}},
		codec.Link{Target: "/light"},
	))
	// Output:
	// </temp>;rt="temp";ct=50;obs,</light>
}

func ExampleBlock() {
	b := codec.Block{Num: 2, More: true, SZX: 3}
	fmt.Println(b, b.Size(), b.Offset(), codec.Block2(b))
	// Output:
	// 2/1/128 128 256 Block2:2/1/128
}

func ExampleFormat_String() {
	for _, s := range []string{"cbor", "text/plain", "11050", "65000"} {
		f, err := codec.ParseFormat(s)
		fmt.Println(uint16(f), f, f.IsText(), err)
	}
	// Output:
	// 60 application/cbor false <nil>
	// 0 text/plain;charset=utf-8 true <nil>
	// 11050 application/json;coding=deflate false <nil>
	// 65000 65000 false <nil>
}
