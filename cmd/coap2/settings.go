package main

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/codec"
)

// mergePatch is application/merge-patch+json (RFC 7396).
const mergePatch codec.Format = 52

// maxSettings bounds what strangers can make the settings hold, in bytes.
const maxSettings = 1000

// settings is a JSON object that can be read as a whole and changed in parts
// (RFC 8132 §3). It is its own lock.
type settings struct {
	mu   sync.Mutex
	text []byte
}

func newSettings() *settings {
	return &settings{text: []byte(`{"limit":20,"night":{"from":22,"to":6}}`)}
}

func (s *settings) get(_ context.Context, r *actors.Request) (*actors.Response, error) {
	if err := offer(r, codec.JSON); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return actors.Bytes(codec.JSON, append([]byte(nil), s.text...))
}

// patch merges what it is given into the settings. Merging twice is as merging
// once, so that it does for PATCH and for iPATCH.
func (s *settings) patch(_ context.Context, r *actors.Request) (*actors.Response, error) {
	if f, ok := r.Options.ContentFormat(); ok && f != mergePatch {
		return nil, actors.Errorf(codec.UnsupportedContentFormat, "send the change as %v", mergePatch)
	}
	var change map[string]any
	if json.Unmarshal(r.Payload, &change) != nil || change == nil {
		return nil, actors.Errorf(codec.BadRequest, `the payload must be a JSON object with what is to change, such as {"limit":25}`)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var now map[string]any
	if err := json.Unmarshal(s.text, &now); err != nil {
		return nil, err
	}
	merge(now, change)
	text, err := json.Marshal(now)
	if err != nil {
		return nil, err
	}
	if len(text) > maxSettings {
		return nil, actors.Errorf(codec.RequestEntityTooLarge, "the settings would have %d bytes; they have room for %d", len(text), maxSettings)
	}
	s.text = text
	return nil, nil
}

// merge applies a merge patch: null removes a member, an object is merged, and
// everything else replaces what was there (RFC 7396 §2).
func merge(into, change map[string]any) {
	for name, value := range change {
		switch v := value.(type) {
		case nil:
			delete(into, name)
		case map[string]any:
			old, ok := into[name].(map[string]any)
			if !ok {
				old = map[string]any{}
			}
			merge(old, v)
			into[name] = old
		default:
			into[name] = v
		}
	}
}
