package protocol

import (
	"strconv"
	"strings"
)

// IsLocalName reports whether a canonical name is of those that nodes give
// themselves: of one label, or ending in ".local". Only these are looked for on the
// local network. The machine's own name "localhost" is not one of them (RFC 6761
// §6.3).
func IsLocalName(name string) bool {
	if name == "localhost" {
		return false
	}
	return strings.HasSuffix(name, ".local") || name != "" && !strings.Contains(name, ".")
}

// NumberedName returns a canonical name with a number at the end of its first label:
// "node1-2.local" for "node1.local" and 2. Where the label would be too long it is
// cut.
func NumberedName(name string, n int) string {
	label, rest, dotted := strings.Cut(name, ".")
	if dotted {
		rest = "." + rest
	}
	suffix := "-" + strconv.Itoa(n)
	room := min(MaxLabel, MaxName-len(rest)) - len(suffix)
	return label[:max(min(len(label), room), 0)] + suffix + rest
}
