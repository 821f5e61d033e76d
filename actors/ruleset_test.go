package actors

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/rules"
)

// TestEmptyPartsGo: of very many subscribers that have been there nothing is left
// that a sample would have to go through, also if one is under way.
func TestEmptyPartsGo(t *testing.T) {
	s := newRuleSet(nil)
	rule, err := rules.Parse("> 5")
	require.NoError(t, err)
	type member struct {
		part *rulePart
		id   rules.ID
	}
	var all []member
	for range 3 * maxRulePart {
		p := s.part(0)
		id, err := p.index.Add(0, rule)
		require.NoError(t, err)
		for int(id) >= len(p.subs) {
			p.subs = append(p.subs, nil)
		}
		p.subs[id] = &subscription{}
		all = append(all, member{p, id})
	}
	require.Len(t, s.parts, 3)
	first, second, third := s.parts[0], s.parts[1], s.parts[2]
	s.next = 2 // a sample has been to the first two
	for _, m := range all {
		if m.part == second || m.part == first && m.id != 7 {
			s.leave(m.part, m.id)
		}
	}
	require.Equal(t, []*rulePart{first, third}, s.parts)
	require.Equal(t, 1, s.next, "it is the turn of the third as before")
	require.Nil(t, first.subs[8])
	require.NotNil(t, first.subs[7])
	require.Same(t, first, s.part(0), "there is room")
	for _, m := range all {
		if m.part == third {
			s.leave(m.part, m.id)
		}
	}
	require.Equal(t, []*rulePart{first}, s.parts)
	require.Equal(t, 1, s.next, "the sample has been everywhere")
	s.leave(first, 7)
	require.Empty(t, s.parts)
	require.Zero(t, s.next)
}

// TestWhatIsNotDecodedIsCounted: a sample that is not of its content format has
// no fields, and both sides say how many those were.
func TestWhatIsNotDecodedIsCounted(t *testing.T) {
	srv, cli := startNode(t, Config{Observe: unpaced}), startNode(t, Config{})
	body := func(b string) *Response {
		return &Response{Code: codec.Content, Options: codec.Options{codec.ContentFormat(codec.JSON)}, Payload: []byte(b)}
	}
	route := handle(t, srv, "/x", Resource{Observable: true, Queue: 100, Get: func(context.Context, *Request) (*Response, error) { return body(`{"a":1}`), nil }})
	f := follow(t, cli, to8(srv.URI("/x"), "a > 20 or not has(a)"))
	f.next(`{"a":1}`, ReasonFirst, Publisher)
	for _, b := range []string{`{"a":1}`, `{"a":`, `{"a":30}`} {
		require.NoError(t, route.Publish(body(b)))
	}
	f.next(`{"a":`, ReasonSelected, Publisher)
	f.next(`{"a":30}`, ReasonSelected, Publisher)
	require.EqualValues(t, 2, srv.Stats().Observe.Selected)
	require.EqualValues(t, 1, srv.Stats().Observe.Undecoded)
	require.EqualValues(t, 1, cli.Stats().Observe.Undecoded)
}
