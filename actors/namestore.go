package actors

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/netio"
)

// namesKey is where a Store has what a node knows of names.
const namesKey = "names.json"

const (
	namesVersion   = 1
	maxStoredNames = 1 << 16
)

// storedNames is what is kept: who the node is, and where others are.
type storedNames struct {
	Version int `json:"version"`
	// Wish is the name that was configured, Name the one that the node had.
	Wish     string       `json:"wish,omitempty"`
	Name     string       `json:"name,omitempty"`
	Instance string       `json:"instance"`
	Names    []storedName `json:"names"`
}

type storedName struct {
	Name     string           `json:"name"`
	Instance string           `json:"instance"`
	Addrs    []netip.AddrPort `json:"addresses"`
	Expires  int64            `json:"expires"` // Unix time in seconds
	Age      int64            `json:"age"`     // in seconds
	Stale    bool             `json:"stale,omitempty"`
}

// encodeNames writes what is to be kept. Calendar time is all that two lives of a
// node have in common.
func encodeNames(clock netio.Clock, id protocol.InstanceID, wish, name string, rs []protocol.NameRecord) ([]byte, error) {
	s := storedNames{Version: namesVersion, Wish: wish, Name: name, Instance: id.String(), Names: []storedName{}}
	for _, r := range rs {
		s.Names = append(s.Names, storedName{r.Name, r.Instance.String(), r.Addrs, clock.Wall(r.Expires).Unix(), int64(r.Age / time.Second), r.Stale})
	}
	b, err := json.MarshalIndent(s, "", "\t")
	return append(b, '\n'), err
}

// decodeNames reads what was kept. Anything that cannot be true makes all of it
// worthless: who has damaged one line may have damaged others.
func decodeNames(b []byte, clock netio.Clock) (s storedNames, id protocol.InstanceID, rs []protocol.NameRecord, err error) {
	fail := func(format string, args ...any) (storedNames, protocol.InstanceID, []protocol.NameRecord, error) {
		return storedNames{}, protocol.InstanceID{}, nil, fmt.Errorf("actors: %s: %w", namesKey, fmt.Errorf(format, args...))
	}
	d := json.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(&s); err != nil {
		return fail("%w", err)
	}
	if s.Version != namesVersion {
		return fail("version is %d; this node reads %d", s.Version, namesVersion)
	}
	if len(s.Names) > maxStoredNames {
		return fail("%d names; at most %d", len(s.Names), maxStoredNames)
	}
	if id, err = readInstance(s.Instance); err != nil {
		return fail("%w", err)
	}
	for _, name := range [...]string{s.Wish, s.Name} {
		if name == "" {
			continue
		}
		if _, err := protocol.CanonicalName(name); err != nil {
			return fail("%w", err)
		}
	}
	now := clock.Now()
	wall := clock.Wall(now)
	for _, n := range s.Names {
		r := protocol.NameRecord{Addrs: n.Addrs, Stale: n.Stale}
		if r.Name, err = protocol.CanonicalName(n.Name); err != nil {
			return fail("%w", err)
		}
		if r.Instance, err = readInstance(n.Instance); err != nil {
			return fail("%s: %w", r.Name, err)
		}
		for _, a := range n.Addrs {
			if !a.IsValid() || a.Port() == 0 || a.Addr().IsMulticast() || a.Addr().IsUnspecified() {
				return fail("%s: %q is no address of a node", r.Name, a)
			}
		}
		if n.Age < 0 || n.Age > int64(protocol.MaxNameAge/time.Second) {
			return fail("%s: age %d is out of range", r.Name, n.Age)
		}
		r.Age = time.Duration(n.Age) * time.Second
		left := time.Unix(n.Expires, 0).Sub(wall)
		if left <= 0 || n.Expires <= 0 {
			continue
		}
		r.Expires = now.Add(min(left, r.Age))
		rs = append(rs, r)
	}
	return s, id, rs, nil
}

func readInstance(s string) (protocol.InstanceID, error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(protocol.InstanceID{}) {
		return protocol.InstanceID{}, errors.New("an instance ID is written in 16 hexadecimal digits")
	}
	return protocol.ParseInstanceID(b)
}
