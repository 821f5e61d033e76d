package protocol

// Bug is a mistake that a test build has on purpose, so that it can be shown to
// be found. Every other build has none: there Planted is the constant NoBug, and
// the compiler leaves out what hangs on it.
type Bug uint8

// The mistakes of test builds (build tag "planted").
const (
	NoBug Bug = iota
	// BugNoDedup: duplicates are not recognised.
	BugNoDedup
	// BugShortDedup: duplicates are recognised for an eighth of the time only.
	BugShortDedup
	// BugBackOff: the time between retransmissions is not doubled.
	BugBackOff
	// BugExtraCopy: one retransmission more than MAX_RETRANSMIT.
	BugExtraCopy
	// BugWindow: one interaction more than NSTART.
	BugWindow
	// BugNoWindow: NSTART does not count.
	BugNoWindow
	// BugNoReset: resets are not sent.
	BugNoReset
	// BugToken: a piggybacked response matches by its message ID alone.
	BugToken
	// BugPeer: an acknowledgement matches whoever sends it.
	BugPeer
	// BugSeparate: separate responses are not sent again.
	BugSeparate
	// Bugs is the number of values.
	Bugs = int(iota)
)

var bugNames = [Bugs]string{"none", "no dedup", "short dedup", "back-off", "extra copy", "window off by one",
	"no window", "no reset", "token", "peer", "separate"}

// String returns a few words.
func (b Bug) String() string { return bugNames[b] }
