package protocol

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/coap2/coap2/codec"
	"github.com/stretchr/testify/require"
)

func classifyHex(t *testing.T, s string, multicast bool) (Action, Reason, *codec.OptionError) {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	require.NoError(t, err)
	var m codec.Message
	return Classify(&m, m.Parse(b), multicast, nil)
}

// The table of RFC 7252 §4 in bytes. First byte: 4 = CON, 5 = NON, 6 = ACK,
// 7 = RST, then the token length. 90 is an option of number 9 (OSCORE, one that
// codec knows), d0 0c one of number 25 (critical, not known).
func TestClassify(t *testing.T) {
	const unknown = "d0 0c" // option 25 without value
	for _, c := range []struct {
		name, bytes string
		action      Action
		reason      Reason
	}{
		{"nothing", "", Drop, ReasonTruncated},
		{"short", "40 01 12", Drop, ReasonTruncated},
		{"version 0", "00 01 1234", Drop, ReasonVersion},
		{"version 2", "80 01 1234", Drop, ReasonVersion},
		{"version 3, broken", "cf 01 1234", Drop, ReasonVersion},

		{"CON empty", "40 00 1234", Ping, ReasonNone},
		{"NON empty", "50 00 1234", Drop, ReasonEmptyNON},
		{"ACK empty", "60 00 1234", EmptyAck, ReasonNone},
		{"RST empty", "70 00 1234", Reset, ReasonNone},

		{"CON empty with bytes", "40 00 1234 ff", SendReset, ReasonFormat},
		{"CON empty with token", "41 00 1234 aa", SendReset, ReasonFormat},
		{"NON empty with bytes", "50 00 1234 ff", Drop, ReasonFormat},
		{"ACK empty with bytes", "60 00 1234 ff", Drop, ReasonFormat},
		{"RST empty with bytes", "70 00 1234 ff", Drop, ReasonFormat},

		{"CON GET", "40 01 1234", Request, ReasonNone},
		{"NON GET", "51 01 1234 aa", Request, ReasonNone},
		{"ACK GET", "60 01 1234", Drop, ReasonRequestInACK},
		{"RST GET", "70 01 1234", Drop, ReasonNonEmptyRST},
		{"CON unknown method", "40 1f 1234", Request, ReasonNone},

		{"CON 2.05", "40 45 1234", Response, ReasonNone},
		{"NON 2.05", "50 45 1234", Response, ReasonNone},
		{"ACK 2.05", "60 45 1234", PiggybackedResponse, ReasonNone},
		{"RST 2.05", "70 45 1234", Drop, ReasonNonEmptyRST},
		{"ACK 4.04", "60 84 1234", PiggybackedResponse, ReasonNone},
		{"ACK 5.31, unknown", "60 bf 1234", PiggybackedResponse, ReasonNone},

		{"CON class 1", "40 20 1234", SendReset, ReasonReservedClass},
		{"CON class 3", "40 61 1234", SendReset, ReasonReservedClass},
		{"CON class 6", "40 c0 1234", SendReset, ReasonReservedClass},
		{"CON class 7", "40 e1 1234", SendReset, ReasonReservedClass},
		{"NON class 1", "50 20 1234", Drop, ReasonReservedClass},
		{"NON class 7", "50 ff 1234", Drop, ReasonReservedClass},
		{"ACK class 6", "60 c5 1234", Drop, ReasonReservedClass},
		{"RST class 7", "70 e1 1234", Drop, ReasonNonEmptyRST},

		{"CON token length 9", "49 01 1234 112233445566778899", SendReset, ReasonFormat},
		{"CON token cut off", "44 01 1234 1122", SendReset, ReasonTruncated},
		{"CON marker without payload", "40 01 1234 ff", SendReset, ReasonFormat},
		{"CON reserved nibble", "40 01 1234 f0", SendReset, ReasonFormat},
		{"NON token length 15", "5f 01 1234", Drop, ReasonFormat},
		{"NON option cut off", "50 01 1234 b4 61", Drop, ReasonTruncated},
		{"ACK marker without payload", "60 45 1234 ff", Drop, ReasonFormat},
		{"RST with a token length", "72 00 1234", Drop, ReasonFormat},
		{"CON empty with a token length, MID 0", "42 00 0000", SendReset, ReasonFormat},
		{"CON option cut off, MID 0", "40 01 0000 b4 61", SendReset, ReasonTruncated},
		{"CON many options", "40 01 1234" + strings.Repeat("00", codec.MaxOptions+1), SendReset, ReasonTooManyOptions},
		{"NON many options", "50 01 1234" + strings.Repeat("00", codec.MaxOptions+1), Drop, ReasonTooManyOptions},

		{"CON GET critical", "40 01 1234" + unknown, BadOption, ReasonCriticalOption},
		{"NON GET critical", "50 01 1234" + unknown, SendReset, ReasonCriticalOption},
		{"ACK GET critical", "60 01 1234" + unknown, Drop, ReasonRequestInACK},
		{"CON 2.05 critical", "40 45 1234" + unknown, SendReset, ReasonCriticalOption},
		{"NON 2.05 critical", "50 45 1234" + unknown, SendReset, ReasonCriticalOption},
		{"ACK 2.05 critical", "60 45 1234" + unknown, PiggybackedResponse, ReasonCriticalOption},
		{"CON GET elective", "40 01 1234 d0 0d", Request, ReasonNone},
	} {
		t.Run(c.name, func(t *testing.T) {
			action, reason, bad := classifyHex(t, c.bytes, false)
			require.Equal(t, c.action.String(), action.String())
			require.Equal(t, c.reason.String(), reason.String())
			require.Equal(t, c.reason == ReasonCriticalOption, bad != nil)
			if bad != nil {
				require.Equal(t, codec.OptionNumber(25), bad.Number)
			}

			// On multicast nothing but NON requests is heard, and nothing is
			// ever rejected (RFC 7252 §8.1).
			action, reason, _ = classifyHex(t, c.bytes, true)
			if c.action == Request && strings.HasPrefix(c.name, "NON") {
				require.Equal(t, Request, action)
				require.Equal(t, ReasonNone, reason)
			} else {
				require.Equal(t, Drop, action)
				require.NotEqual(t, ReasonNone, reason)
			}
		})
	}
}

func TestClassifyUnderstood(t *testing.T) {
	m := codec.Message{Type: codec.CON, Code: codec.GET, Options: codec.Options{codec.URIPath("a")}}
	action, _, bad := Classify(&m, nil, false, func(codec.OptionNumber) bool { return false })
	require.Equal(t, BadOption, action)
	require.Equal(t, codec.OptionURIPath, bad.Number)
	action, _, _ = Classify(&m, nil, false, func(n codec.OptionNumber) bool { return n == codec.OptionURIPath })
	require.Equal(t, Request, action)
}

// An empty message that ends inside its token cannot be told from a short one
// where its message ID is 0; elsewhere it is rejected.
func TestClassifyTokenOfEmptyCutOff(t *testing.T) {
	action, _, _ := classifyHex(t, "42 00 0001", false)
	require.Equal(t, SendReset, action)
	action, _, _ = classifyHex(t, "52 00 0000", false)
	require.Equal(t, Drop, action)
}

func TestClassifyNames(t *testing.T) {
	seen := map[string]bool{}
	for a := Drop; a <= BadOption; a++ {
		require.NotEmpty(t, a.String())
		require.False(t, seen[a.String()])
		seen[a.String()] = true
	}
	for r := range Reasons {
		require.NotEmpty(t, Reason(r).String())
		require.False(t, seen[Reason(r).String()])
		seen[Reason(r).String()] = true
	}
	require.Equal(t, "Action(99)", Action(99).String())
	require.Equal(t, "Reason(99)", Reason(99).String())
}

// What must hold for whatever comes in.
func FuzzClassify(f *testing.F) {
	for _, s := range []string{"", "40001234", "50011234", "60451234ff", "70001234", "4101123400d00c", "49011234", "42000000"} {
		b, err := hex.DecodeString(s)
		require.NoError(f, err)
		f.Add(b, false)
		f.Add(b, true)
	}
	f.Fuzz(func(t *testing.T, b []byte, multicast bool) {
		var m codec.Message
		err := m.Parse(b)
		action, reason, bad := Classify(&m, err, multicast, nil)
		require.NotContains(t, action.String(), "(")
		require.NotContains(t, reason.String(), "(")
		require.Equal(t, reason == ReasonCriticalOption, bad != nil)
		if err != nil {
			require.Contains(t, []Action{Drop, SendReset}, action)
		}
		if action == Drop || action == SendReset {
			require.NotEqual(t, ReasonNone, reason)
		}
		if len(b) < codec.HeaderLen || b[0]>>6 != 1 {
			require.Equal(t, Drop, action)
			return
		}
		if multicast {
			require.Contains(t, []Action{Drop, Request}, action)
			if action == Request {
				require.Equal(t, codec.NON, m.Type)
			}
			return
		}
		switch m.Type {
		case codec.CON:
			// A confirmable message is acknowledged or rejected, never
			// ignored (RFC 7252 §4.2), unless it looks like no message.
			if m.Code != codec.Empty || m.MessageID != 0 {
				require.NotEqual(t, Drop, action)
			}
		case codec.ACK, codec.RST:
			// Never answered (RFC 7252 §4.2).
			require.NotContains(t, []Action{SendReset, Ping, Request, BadOption, Response}, action)
		}
	})
}

func BenchmarkClassify(b *testing.B) {
	raw, err := hex.DecodeString("44011234a1a2a3a4b474656d70") // CON GET /temp
	require.NoError(b, err)
	var m codec.Message
	require.NoError(b, m.Parse(raw))
	b.ReportAllocs()
	for b.Loop() {
		Classify(&m, nil, false, nil)
	}
}
