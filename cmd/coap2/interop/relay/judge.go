package relay

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/coap2/coap2/codec"
)

// direction says which way a datagram goes; it indexes line.trips.
type direction uint8

const (
	toTarget direction = iota
	toClient
)

// digest stands for a content.
type digest [sha256.Size]byte

// Bounds of what is remembered.
const (
	maxStories = 1 << 16 // different contents
	maxTokens  = 1 << 12 // exchanges of one client
)

// judge decides which datagrams are lost. It has no clock and no randomness
// beyond the seed; the relay calls it under its lock.
type judge struct {
	seed uint64
	loss float64
	max  int
	// stories are by content. Beyond maxStories new ones are not remembered.
	stories map[digest]*story
}

// story is what has happened to the exchanges of one content.
type story struct {
	count    uint64 // exchanges so far
	failures int    // of them in a row, where nobody retransmits
}

// line is what is remembered of one client.
type line struct {
	// trips are the confirmable messages, by the direction in which they were
	// sent and their message ID, which bounds their number.
	trips  [2]map[uint16]*trip
	tokens map[codec.Token]*exchange
}

// exchange is a request and all that follows from it.
type exchange struct {
	content digest
	number  uint64
	// responses counts the confirmable messages that bring its responses.
	responses uint64
	// non: the request is non-confirmable, and answerLost is the fate of its
	// response.
	non, answerLost bool
}

// trip is a confirmable message and its round trips.
type trip struct {
	datagram digest // message IDs are used again; a new datagram is a new trip
	exchange *exchange
	role     uint64 // 0 = the request, n = the nth response
	attempts int
	failures int
	// through: a round trip has been granted. Further transmissions, which can
	// only cross the answer, are not lost any more.
	through bool
	// answerLost is the fate of answers to the transmission that was let
	// through last.
	answerLost bool
}

func newJudge(seed uint64, loss float64, maxConsecutive int) *judge {
	return &judge{seed: seed, loss: loss, max: maxConsecutive, stories: map[digest]*story{}}
}

func newLine() *line {
	return &line{
		trips:  [2]map[uint16]*trip{{}, {}},
		tokens: map[codec.Token]*exchange{},
	}
}

// verdict is what becomes of a datagram.
type verdict struct {
	lost bool
	// attempt counts the transmissions of a confirmable message from 1; for
	// everything else it is 0.
	attempt int
}

// judge decides about one datagram of a client.
func (j *judge) judge(l *line, dir direction, data []byte) verdict {
	var m codec.Message
	if err := m.Parse(data); err != nil {
		return verdict{lost: j.loose(sha256.Sum256(data))}
	}
	switch m.Type {
	case codec.CON:
		return j.confirmable(l, dir, &m, data)
	case codec.NON:
		return verdict{lost: j.nonConfirmable(l, dir, &m)}
	default:
		if t := l.trips[1-dir][m.MessageID]; t != nil {
			return verdict{lost: t.answerLost}
		}
		return verdict{lost: j.loose(content(&m))}
	}
}

// confirmable decides about a transmission of a CON message and, with it, about
// its acknowledgement.
func (j *judge) confirmable(l *line, dir direction, m *codec.Message, data []byte) verdict {
	sum := digest(sha256.Sum256(data))
	t := l.trips[dir][m.MessageID]
	if t == nil || t.datagram != sum {
		t = &trip{datagram: sum}
		t.exchange, t.role = j.exchangeOf(l, dir, m)
		l.trips[dir][m.MessageID] = t
	}
	t.attempts++
	if t.through || t.failures == j.max {
		t.through, t.answerLost = true, false
		return verdict{attempt: t.attempts}
	}
	out := j.draw(t.exchange, t.role, t.attempts, 0)
	back := j.draw(t.exchange, t.role, t.attempts, 1)
	if out || back {
		t.failures++
	} else {
		t.through = true
	}
	if !out {
		// A late answer to an earlier transmission keeps that one's fate if
		// this one does not arrive.
		t.answerLost = back
	}
	return verdict{lost: out, attempt: t.attempts}
}

// exchangeOf finds the exchange that a confirmable message belongs to, or begins
// one.
func (j *judge) exchangeOf(l *line, dir direction, m *codec.Message) (x *exchange, role uint64) {
	if m.Code.IsResponse() {
		if x = l.tokens[m.Token]; x != nil {
			x.responses++
			return x, x.responses
		}
	}
	x = j.begin(content(m))
	if dir == toTarget && m.Code.IsRequest() {
		l.remember(m.Token, x)
	}
	return x, 0
}

// nonConfirmable decides about a NON request, which is tried once, and with it
// about its response.
func (j *judge) nonConfirmable(l *line, dir direction, m *codec.Message) (lost bool) {
	if dir == toClient && m.Code.IsResponse() {
		if x := l.tokens[m.Token]; x != nil && x.non {
			return x.answerLost
		}
	}
	if dir != toTarget || !m.Code.IsRequest() {
		return j.loose(content(m))
	}
	x := j.begin(content(m))
	x.non = true
	l.remember(m.Token, x)
	s := j.stories[x.content]
	if s == nil {
		return false
	}
	if s.failures == j.max {
		s.failures = 0
		return false
	}
	lost, x.answerLost = j.draw(x, 0, 1, 0), j.draw(x, 0, 1, 1)
	if lost || x.answerLost {
		s.failures++
	} else {
		s.failures = 0
	}
	return lost
}

// loose decides about a datagram that is no part of a round trip.
func (j *judge) loose(c digest) (lost bool) {
	x := j.begin(c)
	s := j.stories[c]
	if s == nil {
		return false
	}
	if s.failures == j.max || !j.draw(x, 0, 1, 0) {
		s.failures = 0
		return false
	}
	s.failures++
	return true
}

// begin counts an exchange of a content.
func (j *judge) begin(c digest) *exchange {
	s := j.stories[c]
	if s == nil {
		if len(j.stories) == maxStories {
			return &exchange{content: c}
		}
		s = &story{}
		j.stories[c] = s
	}
	s.count++
	return &exchange{content: c, number: s.count}
}

func (l *line) remember(t codec.Token, x *exchange) {
	if len(l.tokens) == maxTokens {
		clear(l.tokens)
	}
	l.tokens[t] = x
}

// draw says whether a datagram is lost: with probability loss, and always the
// same for the same arguments. leg is 0 for the message, 1 for its answer.
func (j *judge) draw(x *exchange, role uint64, attempt, leg int) bool {
	b := append(make([]byte, 0, 80), x.content[:]...)
	for _, v := range [...]uint64{j.seed, x.number, role, uint64(attempt), uint64(leg)} {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	sum := sha256.Sum256(b)
	const bits = 53 // of a float64's fraction
	return float64(binary.BigEndian.Uint64(sum[:])>>(64-bits))/(1<<bits) < j.loss
}

// content is what a message says, without what differs from run to run: message
// ID, token, the address under which the relay was reached, and random options.
func content(m *codec.Message) digest {
	c := codec.Message{Type: m.Type, Code: m.Code, Payload: m.Payload}
	for _, o := range m.Options {
		switch o.Number {
		case codec.OptionURIHost, codec.OptionURIPort, codec.OptionEcho, codec.OptionRequestTag:
		default:
			c.Options = append(c.Options, o)
		}
	}
	b, err := c.Append(nil)
	if err != nil { // a parsed message can be encoded, so this is never seen
		return digest{}
	}
	return sha256.Sum256(b)
}
