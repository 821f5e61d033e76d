package payload

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// decMode bounds what a stranger's CBOR may cost: nesting, element counts,
// duplicate keys and indefinite lengths beyond these are errors.
var decMode = func() cbor.DecMode {
	m, err := cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		MaxNestedLevels:  16,
		MaxArrayElements: 65536,
		MaxMapPairs:      65536,
	}.DecMode()
	if err != nil {
		panic(err) // the options are constant
	}
	return m
}()

var encMode = func() cbor.EncMode {
	m, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		panic(err) // the options are constant
	}
	return m
}()

// MarshalCBOR encodes v in core deterministic form (RFC 8949 §4.2.1).
func MarshalCBOR(v any) ([]byte, error) { return encMode.Marshal(v) }

// UnmarshalCBOR decodes b, which holds one data item and nothing else, into v.
// Depth is bounded by 16, arrays and maps by 65,536 elements.
func UnmarshalCBOR(b []byte, v any) error { return decMode.Unmarshal(b, v) }

// DiagnoseCBOR returns the diagnostic notation of b (RFC 8949 §8), for people.
func DiagnoseCBOR(b []byte) (string, error) {
	if err := decMode.Wellformed(b); err != nil {
		return "", fmt.Errorf("payload: %w", err)
	}
	return cbor.Diagnose(b)
}
