package protocol

import (
	"errors"

	"github.com/coap2/coap2/codec"
)

// Classify decides what to do with a received message, given what
// codec.Message.Parse has made of it and the error that it returned, whether it
// was sent to a multicast group, and which options are understood (nil: all that
// codec knows).
//
// The reason is ReasonNone unless something is wrong with the message. The
// option error is not nil where a critical option is to blame; a
// PiggybackedResponse with one fails its exchange.
//
// On unicast (RFC 7252, Table 1 and the sections named):
//
//	                  CON                NON              ACK                      RST
//	format error      SendReset §4.2     Drop §4.3        Drop §4.2                Drop §4.2
//	empty             Ping §4.3          Drop §4.3        EmptyAck §4.2            Reset §4.2
//	request           Request §5.2.1     Request §5.2.3   Drop §4.2                Drop §4.2
//	response          Response §5.2.2    Response §5.2.3  PiggybackedResponse      Drop §4.2
//	                                                      §5.2.1
//	reserved class    SendReset §4.2     Drop §4.3        Drop §4.2                Drop §4.2
//	critical option,
//	 in a request     BadOption §5.4.1   SendReset §5.4.1
//	 in a response    SendReset §5.4.1   SendReset §5.4.1 PiggybackedResponse
//	                                                      with option error §5.4.1
//
// A message of another version than 1, or too short for a header, is dropped in
// silence (§3). Of what was sent to a group, a NON request is treated as above,
// except that it is never rejected: with an option that is not understood it is
// dropped. All else that was sent to a group is dropped (§8.1).
//
// A NON message may be rejected with a reset or in silence (§4.3). It is
// silence where the message makes no sense, so that forged datagrams get no
// echo, and a reset where a well-meaning peer can learn from it.
//
// Class 3 is treated as the reserved classes that §4.2 lists (1, 6, 7): it is
// not defined either (§3).
func Classify(m *codec.Message, parseErr error, multicast bool, understood func(codec.OptionNumber) bool) (Action, Reason, *codec.OptionError) {
	if parseErr != nil {
		return classifyBroken(m, parseErr, multicast)
	}
	if multicast && !(m.Type == codec.NON && m.Code.IsRequest()) {
		return Drop, ReasonMulticast, nil
	}
	switch {
	case m.Code == codec.Empty:
		return classifyEmpty(m.Type)
	case m.Type == codec.RST:
		return Drop, ReasonNonEmptyRST, nil
	case m.Code.IsRequest():
		return classifyRequest(m, multicast, understood)
	case m.Code.IsResponse():
		return classifyResponse(m, understood)
	case m.Type == codec.CON:
		return SendReset, ReasonReservedClass, nil
	}
	return Drop, ReasonReservedClass, nil
}

func classifyBroken(m *codec.Message, err error, multicast bool) (Action, Reason, *codec.OptionError) {
	reason := ReasonFormat
	switch {
	case errors.Is(err, codec.ErrVersion):
		return Drop, ReasonVersion, nil
	case errors.Is(err, codec.ErrTruncated) && m.Type == codec.CON && m.Code == codec.Empty && m.MessageID == 0:
		// Parse has found no header. (An empty message that is cut off in its
		// token is a format error, but with message ID 0 it looks the same.)
		return Drop, ReasonTruncated, nil
	case errors.Is(err, codec.ErrTruncated):
		reason = ReasonTruncated
	case errors.Is(err, codec.ErrTooManyOptions):
		reason = ReasonTooManyOptions
	}
	if m.Type == codec.CON && !multicast {
		return SendReset, reason, nil
	}
	return Drop, reason, nil
}

func classifyEmpty(t codec.Type) (Action, Reason, *codec.OptionError) {
	switch t {
	case codec.CON:
		return Ping, ReasonNone, nil
	case codec.ACK:
		return EmptyAck, ReasonNone, nil
	case codec.RST:
		return Reset, ReasonNone, nil
	}
	return Drop, ReasonEmptyNON, nil
}

func classifyRequest(m *codec.Message, multicast bool, understood func(codec.OptionNumber) bool) (Action, Reason, *codec.OptionError) {
	if m.Type == codec.ACK {
		return Drop, ReasonRequestInACK, nil
	}
	bad := m.Options.Check(understood)
	switch {
	case bad == nil:
		return Request, ReasonNone, nil
	case multicast:
		return Drop, ReasonCriticalOption, bad
	case m.Type == codec.CON:
		return BadOption, ReasonCriticalOption, bad
	}
	return SendReset, ReasonCriticalOption, bad
}

func classifyResponse(m *codec.Message, understood func(codec.OptionNumber) bool) (Action, Reason, *codec.OptionError) {
	bad := m.Options.Check(understood)
	switch {
	case m.Type == codec.ACK && bad == nil:
		return PiggybackedResponse, ReasonNone, nil
	case m.Type == codec.ACK:
		return PiggybackedResponse, ReasonCriticalOption, bad
	case bad == nil:
		return Response, ReasonNone, nil
	}
	return SendReset, ReasonCriticalOption, bad
}
