package radio

import "time"

// The figures of IEEE 802.15.4-2006 for 2.4 GHz. A symbol has 4 bits and takes
// 16 µs.
const (
	// ByteTime is how long a byte takes.
	ByteTime = 32 * time.Microsecond
	// SyncBytes are sent before each frame: 4 of preamble, the start of frame
	// delimiter and the length (§6.3).
	SyncBytes = 6
	// MaxFrame is the longest frame, aMaxPHYPacketSize, MAC header and FCS
	// included.
	MaxFrame = 127
	// Turnaround is the time from receiving to sending, aTurnaroundTime.
	Turnaround = 192 * time.Microsecond
	// Backoff is the unit of backoff, aUnitBackoffPeriod: 20 symbols.
	Backoff = 320 * time.Microsecond
	// Assessment is how long a station listens whether the air is free: 8
	// symbols (§6.9.9).
	Assessment = 128 * time.Microsecond
	// AckWait is how long a sender waits for an acknowledgement,
	// macAckWaitDuration: 54 symbols (§7.4.2).
	AckWait = 864 * time.Microsecond
	// ackSize is the length of an acknowledgement (§7.2.2.3).
	ackSize = 5
	// shortSpace and longSpace follow a frame of up to maxShort bytes, or a longer
	// one, before the same station begins with the next (macMinSIFSPeriod,
	// macMinLIFSPeriod).
	shortSpace = 192 * time.Microsecond
	longSpace  = 640 * time.Microsecond
	maxShort   = 18
)

// AirTime returns how long a frame is on the air; size is its length in bytes,
// MAC header and FCS included.
func AirTime(size int) time.Duration { return time.Duration(SyncBytes+size) * ByteTime }

// The power of a CC2420 in microwatts, at 3 V.
const (
	SendPower    = 17_400 * 3 // 17.4 mA
	ReceivePower = 18_800 * 3 // 18.8 mA
	SleepPower   = 20 * 3     // 20 µA: power down
)

// Energy is what a station has spent its time on, or all of them together.
type Energy struct {
	// Sending and Receiving are how long frames were sent and heard, also those
	// that were for others, or collided. A frame counts when it begins.
	Sending, Receiving time.Duration
	// Idle is how long the receiver was on, and nothing on the air.
	Idle time.Duration
	// Asleep is the rest; 0 without Duty.
	Asleep time.Duration
}

// SendNJ returns the energy of Sending in nanojoules.
func (e Energy) SendNJ() int64 { return nanojoules(e.Sending, SendPower) }

// ReceiveNJ returns the energy of Receiving in nanojoules.
func (e Energy) ReceiveNJ() int64 { return nanojoules(e.Receiving, ReceivePower) }

// IdleNJ returns the energy of Idle in nanojoules: the receiver is on.
func (e Energy) IdleNJ() int64 { return nanojoules(e.Idle, ReceivePower) }

// SleepNJ returns the energy of Asleep in nanojoules.
func (e Energy) SleepNJ() int64 { return nanojoules(e.Asleep, SleepPower) }

// nanojoules: µs times µW are picojoules.
func nanojoules(d time.Duration, microwatts int64) int64 {
	return d.Microseconds() * microwatts / 1000
}
