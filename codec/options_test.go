package codec

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRegistryIsInOrder(t *testing.T) {
	for i := 1; i < len(optionDefs); i++ {
		require.Less(t, optionDefs[i-1].Number, optionDefs[i].Number)
	}
	for _, d := range optionDefs {
		require.LessOrEqual(t, d.MinLen, d.MaxLen, d.Name)
		got, ok := d.Number.Def()
		require.True(t, ok)
		require.Equal(t, d, got)
		require.Equal(t, d.Name, d.Number.String())
		require.Equal(t, d.limit(), limitOf(d.Number), d.Name)
		for _, name := range []string{d.Name, strings.ToUpper(d.Name), strings.ToLower(d.Name), fmt.Sprint(uint16(d.Number))} {
			n, err := ParseOptionNumber(name)
			require.NoError(t, err)
			require.Equal(t, d.Number, n)
		}
	}
}

func TestUnknownOption(t *testing.T) {
	def, ok := OptionNumber(1234).Def()
	require.False(t, ok)
	require.Equal(t, OptionDef{Number: 1234, MaxLen: maxOptionLen, ValueKind: KindOpaque, Repeatable: true}, def)
	require.Equal(t, "Option 1234", OptionNumber(1234).String())
	n, err := ParseOptionNumber("option 1234")
	require.NoError(t, err)
	require.Equal(t, OptionNumber(1234), n)
	for _, s := range []string{"", "65536", "-1", "Uri-Pfad", "option ", "option x", "0x10", "\x1b[31m"} {
		_, err := ParseOptionNumber(s)
		require.ErrorContains(t, err, "codec: ", s)
		require.NotContains(t, err.Error(), "\x1b")
	}
}

// The C, U and N columns of RFC 7252 table 4, RFC 7641 §2, RFC 7959 §2.1, 4, RFC
// 7967 §2, RFC 8613 §2, RFC 8768 §3, RFC 9175 §2.2.1, 3.2.1 and CoAP 2.
func TestOptionProperties(t *testing.T) {
	for n, want := range map[OptionNumber]string{
		OptionIfMatch: "C", OptionURIHost: "CU", OptionETag: "", OptionIfNoneMatch: "C", OptionObserve: "U",
		OptionURIPort: "CU", OptionLocationPath: "", OptionOSCORE: "C", OptionURIPath: "CU", OptionContentFormat: "",
		OptionMaxAge: "U", OptionURIQuery: "CU", OptionHopLimit: "", OptionAccept: "C", OptionLocationQuery: "",
		OptionBlock2: "CU", OptionBlock1: "CU", OptionSize2: "N", OptionProxyURI: "CU", OptionProxyScheme: "CU",
		OptionSize1: "N", OptionEcho: "N", OptionNoResponse: "U", OptionRequestTag: "",
		OptionDiscovery: "", OptionDiscoveryRound: "N", OptionNotification: "", OptionRule: "U",
	} {
		got := ""
		for _, p := range []struct {
			has  bool
			name string
		}{{n.Critical(), "C"}, {n.Unsafe(), "U"}, {n.NoCacheKey(), "N"}} {
			if p.has {
				got += p.name
			}
		}
		require.Equal(t, want, got, n.String())
	}
}

func TestCheck(t *testing.T) {
	only := func(numbers ...OptionNumber) func(OptionNumber) bool {
		return func(n OptionNumber) bool {
			for _, m := range numbers {
				if m == n {
					return true
				}
			}
			return false
		}
	}
	long := func(n int) []byte { return make([]byte, n) }
	for _, c := range []struct {
		name       string
		o          Options
		understood func(OptionNumber) bool
		want       string
	}{
		{"nothing", nil, nil, ""},
		{"typical", Options{URIPath("a"), URIPath("b"), ContentFormat(JSON), Accept(JSON)}, nil, ""},
		{"all that may repeat", Options{IfMatch(nil), IfMatch(long(8)), URIPath(""), URIPath(""), URIQuery(""), URIQuery("")}, nil, ""},
		{"longest", Options{URIHost(string(long(255))), {OptionURIPath, long(255)}, {OptionProxyURI, long(1034)}}, nil, ""},
		{"unknown", Options{URIPath("a"), {1235, nil}}, nil, "option 1235 is critical and not supported"},
		{"unknown below 64", Options{{19, nil}}, nil, "option 19 is critical and not supported"},
		{"unknown, understood", Options{{1235, long(3000)}, {1235, nil}}, only(1235), ""},
		{"known, not understood", Options{{OptionOSCORE, nil}}, only(OptionURIPath), "option 9 (OSCORE) is critical and not supported"},
		{"short", Options{URIHost("")}, nil, "option 3 (Uri-Host) is critical and has 0 bytes, not 1 to 255"},
		{"long", Options{{OptionURIPath, long(256)}}, nil, "option 11 (Uri-Path) is critical and has 256 bytes, not 0 to 255"},
		{"not empty", Options{{OptionIfNoneMatch, long(1)}}, nil, "option 5 (If-None-Match) is critical and has 1 bytes, not 0"},
		{"repeated", Options{Accept(JSON), Accept(CBOR)}, nil, "option 17 (Accept) is critical and occurs more than once"},
		{"the first is told", Options{URIHost(""), Accept(JSON), Accept(CBOR)}, nil, "option 3 (Uri-Host) is critical and has 0 bytes, not 1 to 255"},
		{"elective ones never", Options{{OptionETag, long(9)}, MaxAge(1), MaxAge(2), {1234, nil}, {OptionRule, nil}}, nil, ""},
		{"elective ones, not understood", Options{Observe(0), MaxAge(1)}, only(), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.o.Check(c.understood)
			if c.want == "" {
				require.Nil(t, err)
				return
			}
			require.EqualError(t, err, c.want)
			require.True(t, err.Number.Critical())
		})
	}
}

func TestDropIgnored(t *testing.T) {
	bad := Option{OptionETag, make([]byte, 9)}
	for _, c := range []struct {
		name     string
		in, want Options
	}{
		{"nothing", nil, nil},
		{"nothing to drop", Options{ETag([]byte{1}), URIPath("a"), {1234, make([]byte, 2000)}}, Options{ETag([]byte{1}), URIPath("a"), {1234, make([]byte, 2000)}}},
		{"length", Options{bad, URIPath("a")}, Options{URIPath("a")}},
		{"all", Options{bad, bad, bad}, Options{}},
		{"repetition", Options{Observe(0), Observe(1), Observe(2), URIPath("a")}, Options{Observe(0), URIPath("a")}},
		// The first counts even if it is ignored itself: the others are
		// supernumerary all the same.
		{"repetition after a bad one", Options{{OptionMaxAge, make([]byte, 5)}, MaxAge(1), URIQuery("q")}, Options{URIQuery("q")}},
		{"critical ones stay", Options{URIHost(""), Accept(JSON), Accept(CBOR)}, Options{URIHost(""), Accept(JSON), Accept(CBOR)}},
		{"above 64", Options{Echo(make([]byte, 41)), {OptionRule, nil}, {OptionRule, []byte("x")}}, Options{}},
		{"far apart", Options{bad, Observe(1), Observe(2), URIPath("a"), {OptionSize1, make([]byte, 5)}, Echo([]byte{1})},
			Options{Observe(1), URIPath("a"), Echo([]byte{1})}},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want.Clone(), c.in.Clone().DropIgnored())
			require.Equal(t, c.want.Clone(), c.want.Clone().DropIgnored())
		})
	}
}

func TestOptionsList(t *testing.T) {
	var o Options
	o = o.Add(Accept(JSON), URIPath("a"), Observe(1), URIPath("b"), URIQuery("x=1"), URIQuery("y"), URIQuery("x=2"))
	require.Equal(t, "/a/b", o.Path())
	require.Equal(t, "/", o.LocationPath())
	require.Equal(t, []string{"x=1", "y", "x=2"}, o.Queries())
	q, ok := o.Query("x")
	require.True(t, ok)
	require.Equal(t, "1", q)
	q, ok = o.Query("y")
	require.True(t, ok)
	require.Empty(t, q)
	_, ok = o.Query("z")
	require.False(t, ok)
	f, ok := o.Accept()
	require.True(t, ok)
	require.Equal(t, JSON, f)
	_, ok = o.ContentFormat()
	require.False(t, ok)
	o = o.Set(Observe(7)).Remove(OptionURIQuery)
	v, ok := o.Uint(OptionObserve)
	require.True(t, ok)
	require.EqualValues(t, 7, v)
	require.False(t, o.Has(OptionURIQuery))
	require.Len(t, o, 4)
	for range o.Values(OptionURIPath) {
		break
	}
}

func TestConstructors(t *testing.T) {
	for _, c := range []struct {
		o    Option
		n    OptionNumber
		want []byte
	}{
		{ETag([]byte{1}), 4, []byte{1}}, {IfMatch([]byte{1}), 1, []byte{1}}, {IfMatch(nil), 1, nil}, {IfNoneMatch(), 5, nil},
		{Observe(0), 6, nil}, {Observe(1<<24 + 5), 6, []byte{5}}, {MaxAge(60), 14, []byte{60}}, {MaxAge(1<<32 - 1), 14, []byte{255, 255, 255, 255}},
		{URIHost("h"), 3, []byte("h")}, {URIPort(5683), 7, []byte{0x16, 0x33}}, {LocationPath("l"), 8, []byte("l")}, {LocationQuery("q"), 20, []byte("q")},
		{ProxyURI("u"), 35, []byte("u")}, {ProxyScheme("s"), 39, []byte("s")}, {Size1(256), 60, []byte{1, 0}}, {Size2(0), 28, nil},
		{NoResponse(26), 258, []byte{26}}, {HopLimit(16), 16, []byte{16}}, {Echo([]byte{9}), 252, []byte{9}}, {RequestTag([]byte{}), 292, nil},
		{Block1(Block{Num: 1, More: true, SZX: 6}), 27, []byte{0x1e}}, {Block2(Block{}), 23, nil},
	} {
		require.Equal(t, c.n, c.o.Number)
		require.Equal(t, string(c.want), string(c.o.Value), c.o.String())
		if c.n.Critical() {
			require.Nil(t, Options{c.o}.Check(nil), c.o.String())
		} else {
			require.Len(t, Options{c.o}.DropIgnored(), 1, c.o.String())
		}
	}
}

func TestBlock(t *testing.T) {
	for _, c := range []struct {
		b    Block
		hex  string
		text string
		size int
		at   int64
	}{
		{Block{}, "", "0/0/16", 16, 0},
		{Block{More: true}, "08", "0/1/16", 16, 0},
		{Block{Num: 2, More: true, SZX: 3}, "2b", "2/1/128", 128, 256},
		{Block{Num: 16, SZX: 6}, "0106", "16/0/1024", 1024, 16384},
		{Block{Num: MaxBlockNum, More: true, SZX: 6}, "fffffe", "1048575/1/1024", 1024, 1048575 * 1024},
	} {
		v := unhexString(t, c.hex)
		require.Equal(t, v, c.b.Append([]byte{}))
		b, err := ParseBlock(v)
		require.NoError(t, err)
		require.Equal(t, c.b, b)
		require.Equal(t, c.text, b.String())
		require.Equal(t, c.size, b.Size())
		require.Equal(t, c.at, b.Offset())
		b, ok, err := Options{Block2(c.b)}.Block(OptionBlock2)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, c.b, b)
	}
	for _, hex := range []string{"07", "0f", "ffffff", "00000000"} {
		_, err := ParseBlock(unhexString(t, hex))
		require.ErrorIs(t, err, ErrBlock)
		_, ok, err := Options{{OptionBlock1, unhexString(t, hex)}}.Block(OptionBlock1)
		require.ErrorIs(t, err, ErrBlock)
		require.False(t, ok)
	}
	_, err := ParseBlock(Block{Num: MaxBlockNum + 1}.Append(nil))
	require.ErrorIs(t, err, ErrBlock)
	_, ok, err := Options(nil).Block(OptionBlock1)
	require.NoError(t, err)
	require.False(t, ok)
}

func TestUint(t *testing.T) {
	for _, c := range []struct {
		v   uint64
		hex string
	}{{0, ""}, {1, "01"}, {255, "ff"}, {256, "0100"}, {1 << 32, "0100000000"}, {1<<64 - 1, "ffffffffffffffff"}} {
		b := unhexString(t, c.hex)
		require.Equal(t, b, AppendUint([]byte{}, c.v))
		v, ok := ParseUint(b)
		require.True(t, ok)
		require.Equal(t, c.v, v)
	}
	v, ok := ParseUint(unhexString(t, "0000000000000005"))
	require.True(t, ok)
	require.EqualValues(t, 5, v)
	_, ok = ParseUint(make([]byte, 9))
	require.False(t, ok)
}
