package protocol

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// askerTable knows the instances that have answered a discovery: some 40 bytes
// for each, whatever they are called and wherever they are.
type askerTable struct {
	seed   uint64 // so that nobody can choose IDs that meet in one place
	nodes  []askerNode
	byID   []uint32 // open addressing: index in nodes + 1
	byName []uint32
}

type askerNode struct {
	id   InstanceID
	name [2]uint32 // hash
	addr uint32    // hash of the first address
}

func (t *askerTable) mix(v uint64) uint64 {
	hi, lo := bits.Mul64(v^t.seed, 0x9e3779b97f4a7c15)
	return hi ^ lo
}

func (t *askerTable) hashID(id InstanceID) uint64 {
	return t.mix(binary.LittleEndian.Uint64(id[:]))
}

// hashName ignores case; FNV-1a.
func (t *askerTable) hashName(name string) uint64 {
	h := 0xcbf29ce484222325 ^ t.seed
	for i := range len(name) {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		h = (h ^ uint64(c)) * 0x100000001b3
	}
	return t.mix(h)
}

func (t *askerTable) hashAddr(a netip.AddrPort) uint64 {
	b := a.Addr().As16()
	h := t.mix(binary.LittleEndian.Uint64(b[:]))
	h = t.mix(h ^ binary.LittleEndian.Uint64(b[8:]))
	h = t.mix(h ^ uint64(a.Port()))
	for _, c := range []byte(a.Addr().Zone()) {
		h = t.mix(h ^ uint64(c))
	}
	return h
}

// find returns the node with an ID, nil if there is none.
func (t *askerTable) find(id InstanceID) *askerNode {
	if len(t.byID) == 0 {
		return nil
	}
	mask := uint64(len(t.byID) - 1)
	for i := t.hashID(id) & mask; t.byID[i] != 0; i = (i + 1) & mask {
		if n := &t.nodes[t.byID[i]-1]; n.id == id {
			return n
		}
	}
	return nil
}

// named returns the first node with a name, nil if there is none.
func (t *askerTable) named(hash uint64) *askerNode {
	if len(t.byName) == 0 {
		return nil
	}
	mask := uint64(len(t.byName) - 1)
	for i := hash & mask; t.byName[i] != 0; i = (i + 1) & mask {
		if n := &t.nodes[t.byName[i]-1]; n.nameHash() == hash {
			return n
		}
	}
	return nil
}

func (n *askerNode) nameHash() uint64 { return uint64(n.name[0])<<32 | uint64(n.name[1]) }

// add adds a node that is not there; name 0 = it has none, or one that is known.
func (t *askerTable) add(id InstanceID, name uint64, addr uint32) {
	if 4*(len(t.nodes)+1) > 3*len(t.byID) {
		t.grow()
	}
	t.nodes = append(t.nodes, askerNode{id, [2]uint32{uint32(name >> 32), uint32(name)}, addr})
	t.index(len(t.nodes) - 1)
}

func (t *askerTable) grow() {
	n := max(2*len(t.byID), 16)
	t.byID, t.byName = make([]uint32, n), make([]uint32, n)
	for i := range t.nodes {
		t.index(i)
	}
}

func (t *askerTable) index(k int) {
	mask := uint64(len(t.byID) - 1)
	i := t.hashID(t.nodes[k].id) & mask
	for t.byID[i] != 0 {
		i = (i + 1) & mask
	}
	t.byID[i] = uint32(k + 1)
	name := t.nodes[k].nameHash()
	if name == 0 {
		return
	}
	for i = name & mask; t.byName[i] != 0; i = (i + 1) & mask {
	}
	t.byName[i] = uint32(k + 1)
}
