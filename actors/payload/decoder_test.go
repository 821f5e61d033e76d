package payload

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/rules"
)

// schemaOf numbers the fields of rules.
func schemaOf(t testing.TB, fields ...string) *rules.Schema {
	t.Helper()
	s := &rules.Schema{}
	for _, f := range fields {
		r, err := rules.Parse("has(" + f + ")")
		require.NoError(t, err, f)
		_, err = s.Slot(r.Fields()[0])
		require.NoError(t, err)
	}
	return s
}

// shown writes down what a sample has.
func shown(s *rules.Sample) string {
	var out []string
	for i := range s.Len() {
		switch s.Kind(i) {
		case rules.Number:
			out = append(out, fmt.Sprint(s.Number(i)))
		case rules.String:
			out = append(out, fmt.Sprintf("%q", s.Text(i)))
		case rules.Bool:
			out = append(out, fmt.Sprint(s.Bool(i)))
		case rules.Missing:
			out = append(out, "-")
		default:
			out = append(out, s.Kind(i).String())
		}
	}
	return strings.Join(out, " ")
}

const (
	formatSenMLJSON codec.Format = 110
	formatSenMLCBOR codec.Format = 112
)

func unhex(t testing.TB, s string) string {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	require.NoError(t, err)
	return string(b)
}

func TestDecode(t *testing.T) {
	schema := schemaOf(t, "value", "temp", "room.temp", `$"/list/1"`, `$"urn:dev:1:temp"`, `$"/value"`, `$"/7"`)
	d := NewDecoder(schema)
	s := rules.NewSample(schema)
	for _, tt := range []struct {
		format  codec.Format
		payload string
		want    string // value temp room.temp /list/1 urn:dev:1:temp /value /7
	}{
		{codec.TextPlain, "21.5", "21.5 - - - - - -"},
		{codec.TextPlain, " -3e2\r\n", "-300 - - - - - -"},
		{codec.TextPlain, "1e999", "NaN - - - - - -"},
		{codec.TextPlain, "true", "true - - - - - -"},
		{codec.TextPlain, "on", `"on" - - - - - -`},
		{codec.TextPlain, "0x10", `"0x10" - - - - - -`},
		{codec.TextPlain, "NaN", `"NaN" - - - - - -`},
		{codec.TextPlain, "", `"" - - - - - -`},
		{codec.OctetStream, "\x00", `other - - - - - -`},
		{codec.JSON, `21.5`, "21.5 - - - - - -"},
		{codec.JSON, ` "on" `, `"on" - - - - - -`},
		{codec.JSON, `false`, `false - - - - - -`},
		{codec.JSON, `null`, `- - - - - - -`},
		{codec.JSON, `{"value":1,"temp":2,"room":{"temp":3,"x":[{}]},"list":[4,5]}`, "1 2 3 5 - 1 -"},
		{codec.JSON, `{"value":{"temp":1},"room":3,"list":{"1":7},"7":true}`, "other - - 7 - other true"},
		{codec.JSON, `{"value":"\u20ac\ud83d\ude00\n\"","t\u0065mp":-0.0}`, `"€😀\n\"" 0 - - - "€😀\n\"" -`},
		{codec.JSON, `[1,2]`, "- - - - - - -"},
		{codec.JSON, `{"value":1e400,"temp":-1e400,"list":[1e-400,123456789012345678901234567890]}`, "NaN NaN - 1.2345678901234568e+29 - NaN -"},
		{codec.JSON, `{}`, "- - - - - - -"},
		{50, `{"temp":1}`, "- 1 - - - - -"},
		{codec.CBOR, "f94d60", "21.5 - - - - - -"},
		{codec.CBOR, "fb4035800000000000", "21.5 - - - - - -"},
		{codec.CBOR, "fa41ac0000", "21.5 - - - - - -"},
		{codec.CBOR, "f90001", "5.960464477539063e-08 - - - - - -"},
		{codec.CBOR, "f97c00", "+Inf - - - - - -"},
		{codec.CBOR, "f9fc00", "-Inf - - - - - -"},
		{codec.CBOR, "f97e00", "NaN - - - - - -"},
		{codec.CBOR, "1bffffffffffffffff", "1.8446744073709552e+19 - - - - - -"},
		{codec.CBOR, "3863", "-100 - - - - - -"},
		{codec.CBOR, "c249010000000000000000", "1.8446744073709552e+19 - - - - - -"},
		{codec.CBOR, "c34101", "-2 - - - - - -"},
		{codec.CBOR, "c48221196ab3", "273.15 - - - - - -"},
		{codec.CBOR, "c482056161", "- - - - - - -"},
		{codec.CBOR, "c25881" + strings.Repeat("ff", 129), "NaN - - - - - -"},
		{codec.CBOR, "c25880" + strings.Repeat("ff", 128), "NaN - - - - - -"},
		{codec.CBOR, "3bffffffffffffffff", "-1.8446744073709552e+19 - - - - - -"},
		{codec.CBOR, "c11a514b67b0", "1.363896240e+09 - - - - - -"},
		{codec.CBOR, "f5", "true - - - - - -"},
		{codec.CBOR, "f6", "- - - - - - -"},
		{codec.CBOR, "f7", "- - - - - - -"},
		{codec.CBOR, "f0", "other - - - - - -"},
		{codec.CBOR, "4101", "other - - - - - -"},
		{codec.CBOR, "626f6e", `"on" - - - - - -`},
		{codec.CBOR, "7f616f616eff", `"on" - - - - - -`},
		// {"value": 1, "room": {"temp": 3}, "list": [4, 5], 7: 8, -1: 0, h'00': 1}
		{codec.CBOR, "a6 6576616c7565 01 64726f6f6d a1 6474656d70 03 646c697374 82 04 05 07 08 20 00 4100 01", "1 - 3 5 - 1 8"},
		{codec.CBOR, "bf 7f6474656d70ff f4 646c697374 9f 00 20 ff ff", "- false - -1 - - -"},
		{60, "d9d9f7 a1 6474656d70 02", "- 2 - - - - -"},
		{63, "01 a16474656d7002", "other - - - - - -"}, // a sequence
		{63, "", "other - - - - - -"},
		{11060, "01", "other - - - - - -"}, // compressed
		{formatSenMLJSON, `[{"bn":"urn:dev:1:","n":"temp","v":21.5},{"n":"hum","vs":"wet"}]`, `"wet" 21.5 - - 21.5 - -`},
		{formatSenMLJSON, `[{"n":"urn:dev:1:temp","v":1},{"n":"urn:dev:1:temp","v":2}]`, "2 - - - 2 - -"},
		{formatSenMLJSON, `[{"bn":"urn:dev:1:","bv":20,"bt":1.5,"bver":10},{"n":"temp","v":1,"u":"Cel"}]`, "21 21 - - 21 - -"},
		{formatSenMLJSON, `[{"n":"temp","vb":true}]`, "true true - - - - -"},
		{formatSenMLJSON, `[{"n":"temp","vd":"aGk"}]`, "other other - - - - -"},
		{formatSenMLJSON, `[{"n":"temp","s":5}]`, "other other - - - - -"},
		{formatSenMLJSON, `[{"n":"temp","v":3,"s":5}]`, "3 3 - - - - -"},
		{formatSenMLJSON, `[]`, "- - - - - - -"},
		// [{-2: "urn:dev:1:", 0: "temp", 2: 21.5}, {0: "on", 4: true}]
		{formatSenMLCBOR, "82 a3 21 6a75726e3a6465763a313a 00 6474656d70 02 f94d60 a2 00 626f6e 04 f5", "true 21.5 - - 21.5 - -"},
		// [{-5: 20, -1: 10}, {0: "temp", 2: 4([-1, 15]), "n": "temp"}]
		{formatSenMLCBOR, "82 a2 24 14 20 0a a2 00 6474656d70 02 c482200f", "21.5 21.5 - - - - -"},
		{formatSenMLCBOR, "81 a2 616e 6474656d70 6176 02", "2 2 - - - - -"},
	} {
		b := tt.payload
		if tt.format.IsCBOR() {
			b = unhex(t, b)
		}
		err := d.Decode(tt.format, true, []byte(b), s)
		require.NoError(t, err, tt.payload)
		require.Equal(t, strings.ReplaceAll(tt.want, "1.363896240e+09", "1.36389624e+09"), shown(s), tt.payload)
	}
	require.NoError(t, d.Decode(0, false, []byte("5"), s))
	require.Equal(t, "5 - - - - - -", shown(s))
}

// TestSchemaChanges: the decoder follows its schema.
func TestSchemaChanges(t *testing.T) {
	x := rules.NewIndex(rules.Config{})
	d := NewDecoder(x.Schema())
	s := rules.NewSample(x.Schema())
	decode := func() string {
		require.NoError(t, d.Decode(codec.JSON, true, []byte(`{"a":1,"b":"x","c":true}`), s))
		return shown(s)
	}
	require.Equal(t, "", decode())
	add := func(text string) rules.ID {
		r, err := rules.Parse(text)
		require.NoError(t, err)
		id, err := x.Add(0, r)
		require.NoError(t, err)
		return id
	}
	a := add("a > 0")
	require.Equal(t, "1", decode())
	add(`b == "x"`)
	require.Equal(t, `1 "x"`, decode())
	x.Remove(a)
	require.Equal(t, `- "x"`, decode())
	add("c")
	require.Equal(t, `true "x"`, decode())
	require.Len(t, x.Sample(0, s, nil).Selected, 2)
}

func TestMalformed(t *testing.T) {
	schema := schemaOf(t, "value", "a", "b.c", `$"n"`)
	d := NewDecoder(schema)
	s := rules.NewSample(schema)
	deepJSON := strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1)
	for _, tt := range []struct {
		format  codec.Format
		payload string
		want    string
	}{
		{codec.JSON, ``, "JSON, byte 0: expected a value"},
		{codec.JSON, `{`, "JSON, byte 1: expected a member"},
		{codec.JSON, `{"a":1`, `JSON, byte 6: expected "," or "}"`},
		{codec.JSON, `{"a":1,}`, "JSON, byte 7: expected a member"},
		{codec.JSON, `{"a" 1}`, `JSON, byte 5: expected ":"`},
		{codec.JSON, `{a:1}`, "JSON, byte 1: expected a member"},
		{codec.JSON, `{"a":01}`, `JSON, byte 6: expected "," or "}"`},
		{codec.JSON, `{"a":-}`, "JSON, byte 6: expected a digit"},
		{codec.JSON, `{"a":1.}`, "JSON, byte 7: expected a digit"},
		{codec.JSON, `{"a":1e+}`, "JSON, byte 8: expected a digit"},
		{codec.JSON, `{"a":NaN}`, "JSON, byte 5: expected a value"},
		{codec.JSON, `{"a":+1}`, "JSON, byte 5: expected a value"},
		{codec.JSON, `{"a":"x}`, `JSON, byte 8: expected the closing "`},
		{codec.JSON, `{"a":"\`, `JSON, byte 6: expected an escape sequence`},
		{codec.JSON, `{"a":"\q"}`, "JSON, byte 6: expected an escape sequence"},
		{codec.JSON, `{"x":"\q"}`, "JSON, byte 6: expected an escape sequence"},
		{codec.JSON, `{"a":"\u12"}`, "JSON, byte 6: expected an escape sequence"},
		{codec.JSON, `{"a":"\ud800"}`, "JSON, byte 13: expected both halves of a surrogate pair before"},
		{codec.JSON, `{"a":"\ud800\ud8"}`, "JSON, byte 12: expected an escape sequence"},
		{codec.JSON, "{\"a\":\"\n\"}", "JSON, byte 6: expected an escape sequence"},
		{codec.JSON, "{\"a\":\"\xff\"}", "JSON, byte 8: expected UTF-8"},
		{codec.JSON, `{"a":1} x`, "JSON, byte 8: expected the end"},
		{codec.JSON, `[1,]`, "JSON, byte 3: expected a value"},
		{codec.JSON, `[1`, `JSON, byte 2: expected "," or "]"`},
		{codec.JSON, `tru`, "JSON, byte 0: expected a value"},
		{codec.JSON, deepJSON, "nested deeper than 32 levels"},
		{codec.JSON, strings.Repeat(`{"a":`, 100000), "nested deeper than 32 levels"},
		{codec.JSON, `{"a":1,"\u0061":2}`, "the member a twice"},
		{codec.JSON, `{"b":{"c":1},"b":{"c":2}}`, "the member b twice"},
		{codec.JSON, `{"b":{"c":1,"c":2}}`, "the member c twice"},
		{codec.CBOR, "", "EOF"},
		{codec.CBOR, "1b00", "unexpected EOF"},
		{codec.CBOR, "0000", "cbor: 1 bytes of extraneous data starting at index 1"},
		{codec.CBOR, "9bffffffffffffffff", "cbor: array length 18446744073709551615 is too large, it would cause integer overflow"},
		{codec.CBOR, "7a7fffffff", "unexpected EOF"},
		{codec.CBOR, "bb000000000fffffff", "unexpected EOF"},
		{codec.CBOR, "ff", "cbor: unexpected \"break\" code"},
		{codec.CBOR, strings.Repeat("81", maxDepth+1) + "00", "cbor: exceeded max nested level 32"},
		{codec.CBOR, strings.Repeat("c1", 1000) + "00", "cbor: exceeded max nested level 32"},
		{codec.CBOR, "a1616161ff", "a text that is not UTF-8"},
		{codec.CBOR, "a2616101616102", "the member a twice"},
		{formatSenMLJSON, `{}`, "JSON, byte 0: expected an array of records"},
		{formatSenMLJSON, `[1]`, "JSON, byte 1: expected a record"},
		{formatSenMLJSON, `[{"n":1}]`, "JSON, byte 6: expected a string"},
		{formatSenMLJSON, `[{"v":"x"}]`, "JSON, byte 6: expected a number"},
		{formatSenMLJSON, `[{"vb":1}]`, "JSON, byte 7: expected true or false"},
		{formatSenMLJSON, `[{"vb":trxe}]`, "JSON, byte 7: expected a value"},
		{formatSenMLJSON, `[{"v":1,"v":2}]`, "SenML: a label twice in a record"},
		{formatSenMLJSON, `[{"v":1,"x_":2}]`, "SenML: the label x_, which must be understood, is not"},
		{formatSenMLJSON, `[{"bver":11}]`, "SenML: a version later than 10"},
		{formatSenMLJSON, `[{"v":1}] 2`, "JSON, byte 10: expected the end"},
		{formatSenMLCBOR, "a0", "CBOR, byte 1: expected an array of records before"},
		{formatSenMLCBOR, "8101", "CBOR, byte 2: expected a record before"},
		{formatSenMLCBOR, "81a10001", "CBOR, byte 3: expected a text"},
		{formatSenMLCBOR, "81a1026161", "CBOR, byte 3: expected a number"},
		{formatSenMLCBOR, "81a10402", "CBOR, byte 3: expected true or false"},
		{formatSenMLCBOR, "81a20201 0202", "SenML: a label twice in a record"},
		{formatSenMLCBOR, "81a20201 617602", "SenML: a label twice in a record"},
		{formatSenMLCBOR, "81a162785f02", "SenML: the label x_, which must be understood, is not"},
	} {
		b := tt.payload
		if tt.format.IsCBOR() {
			b = unhex(t, b)
		}
		err := d.Decode(tt.format, true, []byte(b), s)
		require.ErrorIs(t, err, ErrMalformed, tt.payload)
		require.Equal(t, "payload: malformed: "+tt.want, err.Error(), tt.payload)
		require.Equal(t, "- - - -", shown(s))
	}
}

// TestNoAllocation: for numbers there is none, and for a text only where it is
// another one than before.
func TestNoAllocation(t *testing.T) {
	schema := schemaOf(t, "value", "temp", "room.hum", "mode", `$"urn:dev:1:temp"`)
	d := NewDecoder(schema)
	s := rules.NewSample(schema)
	for _, p := range []struct {
		format codec.Format
		b      string
	}{
		{codec.TextPlain, "21.5"},
		{codec.JSON, `{"value":20.25,"temp":-1e-3,"x":{"y":[1,2,{}]},"room":{"hum":33},"mode":"on"}`},
		{codec.CBOR, unhex(t, "a3 6576616c7565 f94d60 64726f6f6d a1 6368756d 18 21 646d6f6465 626f6e")},
		{formatSenMLJSON, `[{"bn":"urn:dev:1:","n":"temp","v":21.5},{"n":"mode","vs":"wet"}]`},
		{formatSenMLCBOR, unhex(t, "82 a3 21 6a75726e3a6465763a313a 00 6474656d70 02 f94d60 a2 00 626f6e 04 f5")},
	} {
		b := []byte(p.b)
		require.NoError(t, d.Decode(p.format, true, b, s))
		require.Zero(t, testing.AllocsPerRun(100, func() {
			if d.Decode(p.format, true, b, s) != nil {
				panic("malformed")
			}
		}), p.b)
	}
}

// TestDecodersAgree: what encoding/json and the CBOR library write is read as
// what it was.
func TestDecodersAgree(t *testing.T) {
	schema := schemaOf(t, "a", "b.c", `$"/d/1"`)
	rapid.Check(t, func(t *rapid.T) {
		scalar := func(name string) any {
			switch rapid.IntRange(0, 4).Draw(t, name) {
			case 0:
				return rapid.Float64().Filter(func(x float64) bool { return !math.IsInf(x, 0) && !math.IsNaN(x) }).Draw(t, name)
			case 1:
				return rapid.Int64().Draw(t, name)
			case 2:
				return rapid.String().Draw(t, name)
			case 3:
				return rapid.Bool().Draw(t, name)
			}
			return nil
		}
		v := map[string]any{
			"a": scalar("a"), "b": map[string]any{"c": scalar("c"), rapid.String().Filter(func(s string) bool { return s != "c" }).Draw(t, "other"): 1},
			"d": []any{scalar("d0"), scalar("d1")}, "e": []any{map[string]any{"a": scalar("e")}},
		}
		j, err := json.Marshal(v)
		require.NoError(t, err)
		c, err := MarshalCBOR(v)
		require.NoError(t, err)
		d := NewDecoder(schema)
		fromJSON, fromCBOR := rules.NewSample(schema), rules.NewSample(schema)
		require.NoError(t, d.Decode(codec.JSON, true, j, fromJSON), "%s", j)
		require.NoError(t, d.Decode(codec.CBOR, true, c, fromCBOR))
		require.Equal(t, shown(fromJSON), shown(fromCBOR))
		for slot, want := range []any{v["a"], v["b"].(map[string]any)["c"], v["d"].([]any)[1]} {
			switch x := want.(type) {
			case float64:
				require.Equal(t, x+0, fromCBOR.Number(slot))
			case int64:
				require.Equal(t, float64(x), fromCBOR.Number(slot))
			case string:
				require.Equal(t, x, fromCBOR.Text(slot))
			case bool:
				require.Equal(t, x, fromCBOR.Bool(slot))
			default:
				require.Equal(t, rules.Missing, fromCBOR.Kind(slot))
			}
		}
	})
}
