package actors

import (
	"testing"

	"github.com/stretchr/testify/require"

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
