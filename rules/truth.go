package rules

import "strings"

// Truth is a value of Kleene's three-valued logic, ordered so that and is the
// minimum and or the maximum.
type Truth uint8

const (
	False Truth = iota
	Unknown
	True
)

// String is "false", "unknown" or "true".
func (t Truth) String() string {
	if t > True {
		return "invalid"
	}
	return [...]string{"false", "unknown", "true"}[t]
}

func (t Truth) not() Truth { return True - t }

func truth(b bool) Truth {
	if b {
		return True
	}
	return False
}

// compareNumbers is unknown where one of them is: a NaN.
func compareNumbers(o op, a, b float64) Truth {
	if a != a || b != b {
		return Unknown
	}
	switch o {
	case opEq:
		return truth(a == b)
	case opNe:
		return truth(a != b)
	case opLt:
		return truth(a < b)
	case opLe:
		return truth(a <= b)
	case opGt:
		return truth(a > b)
	default:
		return truth(a >= b)
	}
}

// compareStrings orders by bytes, which is the order of code points.
func compareStrings(o op, a, b string) Truth {
	switch o {
	case opEq:
		return truth(a == b)
	case opNe:
		return truth(a != b)
	}
	return compareNumbers(o, float64(strings.Compare(a, b)), 0)
}
