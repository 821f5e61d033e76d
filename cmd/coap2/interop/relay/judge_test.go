package relay

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/codec"
)

// talk is one conversation, told with the message IDs, tokens and ports of one
// run.
type talk struct {
	j     *judge
	l     *line
	mid   uint16
	token codec.Token
	port  uint64
	log   []bool // what was lost, in order
}

func newTalk(j *judge, run uint16) *talk {
	return &talk{j: j, l: newLine(), mid: run * 100, token: codec.TokenFromUint64(uint64(run) + 1), port: 40000 + uint64(run)}
}

func encode(t *testing.T, m codec.Message) []byte {
	t.Helper()
	b, err := m.Append(nil)
	require.NoError(t, err)
	return b
}

func (k *talk) say(t *testing.T, dir direction, m codec.Message) (passed bool) {
	t.Helper()
	v := k.j.judge(k.l, dir, encode(t, m))
	k.log = append(k.log, v.lost)
	return !v.lost
}

func (k *talk) request(typ codec.Type, path string) codec.Message {
	return codec.Message{Type: typ, Code: codec.GET, MessageID: k.mid, Token: k.token, Options: codec.Options{
		codec.UintOption(codec.OptionURIPort, k.port), codec.StringOption(codec.OptionURIPath, path)}}
}

// confirm sends a CON message until its answer has come back, and returns how
// many transmissions that took.
func (k *talk) confirm(t *testing.T, dir direction, m, answer codec.Message) int {
	t.Helper()
	for n := 1; n <= 5; n++ {
		if k.say(t, dir, m) && k.say(t, 1-dir, answer) {
			return n
		}
	}
	return 6
}

// get makes a confirmable request with a piggybacked response.
func (k *talk) get(t *testing.T, path string) int {
	t.Helper()
	n := k.confirm(t, toTarget, k.request(codec.CON, path),
		codec.Message{Type: codec.ACK, Code: codec.Content, MessageID: k.mid, Token: k.token, Payload: []byte("x")})
	k.mid++
	return n
}

// getSeparate makes one with a separate response, and returns the transmissions
// of the request and of the response.
func (k *talk) getSeparate(t *testing.T, path string) (request, response int) {
	t.Helper()
	request = k.confirm(t, toTarget, k.request(codec.CON, path), codec.Message{Type: codec.ACK, MessageID: k.mid})
	response = k.confirm(t, toClient,
		codec.Message{Type: codec.CON, Code: codec.Content, MessageID: k.mid + 7, Token: k.token, Payload: []byte("x")},
		codec.Message{Type: codec.ACK, MessageID: k.mid + 7})
	k.mid++
	return request, response
}

// getNON makes a non-confirmable request and reports whether it was answered.
func (k *talk) getNON(t *testing.T, path string) bool {
	t.Helper()
	ok := k.say(t, toTarget, k.request(codec.NON, path)) &&
		k.say(t, toClient, codec.Message{Type: codec.NON, Code: codec.Content, MessageID: k.mid + 7, Token: k.token, Payload: []byte("x")})
	k.mid++
	k.token = codec.TokenFromUint64(uint64(k.mid) << 16)
	return ok
}

// TestBound: no round trip fails more often in a row than MaxConsecutive, at any
// loss.
func TestBound(t *testing.T) {
	for _, loss := range []float64{0.3, 0.9, 1} {
		for _, limit := range []int{1, 3} {
			worst := 0
			for seed := range uint64(200) {
				k := newTalk(newJudge(seed, loss, limit), 1)
				worst = max(worst, k.get(t, "a"))
				request, response := k.getSeparate(t, "b")
				worst = max(worst, request, response)
				ping := k.confirm(t, toTarget, codec.Message{MessageID: 9}, codec.Message{Type: codec.RST, MessageID: 9})
				worst = max(worst, ping)
				failed := 0
				for range 20 {
					if k.getNON(t, "c") {
						failed = 0
						continue
					}
					failed++
					require.LessOrEqual(t, failed, limit)
				}
			}
			require.Equal(t, limit+1, worst, "loss %v: the bound is reached and kept", loss)
		}
	}
}

// TestLossRate: single datagrams are lost as often as configured.
func TestLossRate(t *testing.T) {
	const n = 20000
	j := newJudge(1, 0.3, 3)
	k := newTalk(j, 1)
	out, back := 0, 0
	for i := range n {
		request := k.request(codec.CON, fmt.Sprint(i))
		request.MessageID = uint16(i)
		if !k.say(t, toTarget, request) {
			out++
		} else if !k.say(t, toClient, codec.Message{Type: codec.ACK, MessageID: uint16(i)}) {
			back++
		}
	}
	require.InDelta(t, 0.3, float64(out)/n, 0.01)
	require.InDelta(t, 0.3, float64(back)/float64(n-out), 0.01)
}

func TestNothingLost(t *testing.T) {
	k := newTalk(newJudge(1, 0, 3), 1)
	require.Equal(t, 1, k.get(t, "a"))
	request, response := k.getSeparate(t, "a")
	require.Equal(t, []int{1, 1}, []int{request, response})
	require.True(t, k.getNON(t, "a"))
	require.NotContains(t, k.log, true)
}

// TestRepeatable: message IDs, tokens, ports and what else is under way do not
// change what is lost; seeds do.
func TestRepeatable(t *testing.T) {
	run := func(seed uint64, number uint16) []bool {
		j := newJudge(seed, 0.3, 3)
		k, other := newTalk(j, number), newTalk(j, number+1)
		for i := range 20 {
			path := fmt.Sprint(i)
			k.get(t, path)
			if number%2 == 0 {
				other.get(t, "other")
			}
			k.getSeparate(t, path)
			k.getNON(t, path)
		}
		return k.log
	}
	require.Equal(t, run(1, 1), run(1, 1))
	require.Equal(t, run(1, 1), run(1, 2))
	require.Equal(t, run(1, 1), run(1, 77))
	require.NotEqual(t, run(1, 1), run(2, 1))
}

// TestSameContent: exchanges that say the same have fates of their own.
func TestSameContent(t *testing.T) {
	j := newJudge(3, 0.3, 3)
	fates := map[int]int{}
	for i := range uint16(200) {
		fates[newTalk(j, i).get(t, "a")]++
	}
	require.Len(t, fates, 4, "%v", fates)
}

// seedFor finds a seed under which the first transmissions of a request have the
// given fates.
func seedFor(t *testing.T, path string, fates ...[2]bool) uint64 {
	t.Helper()
	for seed := range uint64(100000) {
		j := newJudge(seed, 0.3, 3)
		m := newTalk(j, 1).request(codec.CON, path)
		x := &exchange{content: content(&m), number: 1}
		ok := true
		for i, f := range fates {
			ok = ok && j.draw(x, 0, i+1, 0) == f[0] && j.draw(x, 0, i+1, 1) == f[1]
		}
		if ok {
			return seed
		}
	}
	t.Fatal("no such seed")
	return 0
}

// TestLateAnswer: an answer shares the fate of the transmission that it belongs
// to, even if another one was lost meanwhile.
func TestLateAnswer(t *testing.T) {
	ack := func(k *talk) codec.Message { return codec.Message{Type: codec.ACK, MessageID: k.mid} }
	arrives, lost, mute := [2]bool{false, false}, [2]bool{true, false}, [2]bool{false, true}

	k := newTalk(newJudge(seedFor(t, "a", mute, lost, arrives), 0.3, 3), 1)
	request := k.request(codec.CON, "a")
	require.True(t, k.say(t, toTarget, request))
	require.False(t, k.say(t, toTarget, request))
	require.False(t, k.say(t, toClient, ack(k)), "the first one's answer")
	require.True(t, k.say(t, toTarget, request))
	require.True(t, k.say(t, toClient, ack(k)))

	k = newTalk(newJudge(seedFor(t, "a", arrives, lost, mute), 0.3, 3), 1)
	for range 5 {
		require.True(t, k.say(t, toTarget, request), "a round trip that was granted stays so")
	}
	require.True(t, k.say(t, toClient, ack(k)))
}

// TestMessageIDReuse: another datagram with the same message ID is another
// message.
func TestMessageIDReuse(t *testing.T) {
	j := newJudge(1, 1, 3)
	k := newTalk(j, 1)
	require.Equal(t, 4, k.get(t, "a"))
	k.mid--
	require.Equal(t, 4, k.get(t, "b"))
}

// TestNotifications: the confirmable responses of one exchange have fates of
// their own.
func TestNotifications(t *testing.T) {
	k := newTalk(newJudge(5, 0.3, 3), 1)
	k.get(t, "a")
	fates := map[int]int{}
	for i := range uint16(200) {
		fates[k.confirm(t, toClient,
			codec.Message{Type: codec.CON, Code: codec.Content, MessageID: 1000 + i, Token: k.token, Payload: []byte("x")},
			codec.Message{Type: codec.ACK, MessageID: 1000 + i})]++
	}
	require.Len(t, fates, 4, "%v", fates)
}

func TestBoundedMemory(t *testing.T) {
	j := newJudge(1, 1, 3)
	k := newTalk(j, 1)
	for i := range maxStories + 10 {
		k.token = codec.TokenFromUint64(uint64(i))
		m := k.request(codec.NON, fmt.Sprint(i))
		j.judge(k.l, toTarget, encode(t, m))
		j.judge(k.l, toTarget, fmt.Appendf(nil, "no message %d", i))
	}
	require.LessOrEqual(t, len(j.stories), maxStories)
	require.LessOrEqual(t, len(k.l.tokens), maxTokens)
}

func FuzzJudge(f *testing.F) {
	f.Add(uint64(1), []byte{0x40, 0, 0, 1}, []byte{0x70, 0, 0, 1})
	f.Add(uint64(2), []byte{0x41, 1, 0, 1, 9}, []byte{0x61, 0x45, 0, 1, 9, 0xff, 'x'})
	f.Add(uint64(3), []byte{0x51, 1, 0, 1, 9}, []byte{0x41, 0x45, 0, 1, 9})
	f.Add(uint64(4), []byte{}, []byte{0xff})
	f.Fuzz(func(t *testing.T, seed uint64, a, b []byte) {
		run := func() (verdicts []verdict) {
			j, l := newJudge(seed, 0.5, 3), newLine()
			for range 6 {
				for _, dir := range []direction{toTarget, toClient} {
					verdicts = append(verdicts, j.judge(l, dir, a), j.judge(l, dir, b))
				}
			}
			return verdicts
		}
		require.Equal(t, run(), run())
	})
}
