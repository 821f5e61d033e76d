package udp

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/coap2/coap2/netio"
)

// canSteer reports whether the system can have shards.
func canSteer() error { return nil }

// netOff is where a program finds the network header (SKF_NET_OFF, which is
// negative): its own offset 0 is the UDP payload.
const netOff = 0x100000000 - 0x100000

// shardProgram is netio.ShardOf for n shards, for the kernel (classic BPF). An
// IPv6 datagram with extension headers has its ports elsewhere and may get
// another shard; so may one whose header cannot be read, which gets 0.
func shardProgram(n int) []unix.SockFilter {
	const (
		load     = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		loadByte = unix.BPF_LD | unix.BPF_B | unix.BPF_ABS
		loadHalf = unix.BPF_LD | unix.BPF_H
		alu      = unix.BPF_ALU
		jump     = unix.BPF_JMP
		toX      = unix.BPF_MISC | unix.BPF_TAX
		addX     = unix.BPF_ALU | unix.BPF_ADD | unix.BPF_X
	)
	op := func(code uint16, k uint32) unix.SockFilter { return unix.SockFilter{Code: code, K: k} }
	mul := func(k uint32) unix.SockFilter { return op(alu|unix.BPF_MUL|unix.BPF_K, k) }
	v4 := []unix.SockFilter{
		op(load, netOff+12), // source address
		op(unix.BPF_ST, 0),
		op(unix.BPF_LDX|unix.BPF_B|unix.BPF_MSH, netOff), // length of the header
		op(loadHalf|unix.BPF_IND, netOff),                // source port
	}
	v6 := []unix.SockFilter{op(load, netOff+8)}
	for at := uint32(12); at < 24; at += 4 {
		v6 = append(v6, mul(netio.ShardMul1), op(toX, 0), op(load, netOff+at), op(addX, 0))
	}
	v6 = append(v6, op(unix.BPF_ST, 0), op(loadHalf|unix.BPF_ABS, netOff+40))
	v4 = append(v4, op(jump|unix.BPF_JA, uint32(len(v6))))
	mix := []unix.SockFilter{ // the address is in M[0], the port in A
		op(toX, 0),
		op(unix.BPF_LD|unix.BPF_MEM, 0),
		mul(netio.ShardMul1),
		op(addX, 0),
		op(toX, 0),
		op(alu|unix.BPF_RSH|unix.BPF_K, 16),
		op(alu|unix.BPF_XOR|unix.BPF_X, 0),
		mul(netio.ShardMul2),
		op(alu|unix.BPF_RSH|unix.BPF_K, 16),
		mul(uint32(n)),
		op(alu|unix.BPF_RSH|unix.BPF_K, 16),
		op(unix.BPF_RET|unix.BPF_A, 0),
	}
	p := []unix.SockFilter{
		op(loadByte, netOff),
		op(alu|unix.BPF_AND|unix.BPF_K, 0xf0), // IP version
		{Code: jump | unix.BPF_JEQ | unix.BPF_K, K: 0x40, Jf: uint8(len(v4))},
	}
	p = append(append(p, v4...), v6...)
	return append(p, mix...)
}

// steer makes the kernel choose between the n sockets of a group as
// netio.ShardOf does.
func steer(rc syscall.RawConn, n int) error {
	p := shardProgram(n)
	var err error
	if cerr := rc.Control(func(fd uintptr) {
		err = os.NewSyscallError("setsockopt SO_ATTACH_REUSEPORT_CBPF",
			unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF, &unix.SockFprog{Len: uint16(len(p)), Filter: &p[0]}))
	}); cerr != nil {
		return cerr
	}
	return err
}
