package protocol

import (
	"errors"
	"fmt"
	"strings"
)

// ErrName is wrapped by the errors of CanonicalName.
var ErrName = errors.New("protocol: not a host name")

// Bounds of a host name (RFC 1035 §2.3.4).
const (
	MaxName  = 253 // bytes of a name
	MaxLabel = 63  // bytes of what stands between its dots
)

// CanonicalName returns a host name in lower case: letters, digits, hyphens and
// single dots between them, as they are in a node's name and in a discovery by
// name.
func CanonicalName(name string) (string, error) {
	if name == "" || len(name) > MaxName {
		return "", fmt.Errorf("%w: it has %d bytes; want 1 to %d", ErrName, len(name), MaxName)
	}
	label := 0
	for i := range len(name) {
		switch c := name[i]; {
		case c == '.' && label == 0:
			return "", fmt.Errorf("%w: nothing stands before the dot at byte %d", ErrName, i)
		case c == '.':
			label = 0
			continue
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-':
		default:
			return "", fmt.Errorf("%w: it has %q at byte %d; want letters, digits, hyphens and dots", ErrName, rune(c), i)
		}
		if label++; label > MaxLabel {
			return "", fmt.Errorf("%w: a label has more than %d bytes", ErrName, MaxLabel)
		}
	}
	if label == 0 {
		return "", fmt.Errorf("%w: it ends with a dot", ErrName)
	}
	return strings.ToLower(name), nil
}
