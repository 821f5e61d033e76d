package page

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
)

// column is a column of numbers, written as base64 of varints: a million of them
// cost little more than a megabyte.
type column []byte

func (c *column) add(v uint64) { *c = binary.AppendUvarint(*c, v) }

// MarshalJSON implements json.Marshaler.
func (c column) MarshalJSON() ([]byte, error) {
	return json.Marshal(base64.StdEncoding.EncodeToString(c))
}

// words gives texts numbers.
type words struct {
	List  []string
	index map[string]int
}

func (w *words) of(s string) int {
	if i, ok := w.index[s]; ok {
		return i
	}
	if w.index == nil {
		w.index = map[string]int{}
	}
	w.index[s] = len(w.List)
	w.List = append(w.List, s)
	return len(w.List) - 1
}

// histogram counts over time, in at most maxBuckets buckets: when there are more,
// each becomes twice as long.
type histogram struct {
	StepUS int64     `json:"step_us"`
	Rows   [][]int64 `json:"rows"` // by bucket
	kinds  int
}

const maxBuckets = 400

func newHistogram(kinds int) *histogram { return &histogram{StepUS: 1000, kinds: kinds} }

func (h *histogram) add(us int64, kind int, n int64) {
	for us/h.StepUS >= maxBuckets {
		h.StepUS *= 2
		half := (len(h.Rows) + 1) / 2
		for i := range half {
			row := h.Rows[2*i]
			if 2*i+1 < len(h.Rows) {
				for k := range row {
					row[k] += h.Rows[2*i+1][k]
				}
			}
			h.Rows[i] = row
		}
		h.Rows = h.Rows[:half]
	}
	for int64(len(h.Rows)) <= us/h.StepUS {
		h.Rows = append(h.Rows, make([]int64, h.kinds))
	}
	h.Rows[us/h.StepUS][kind] += n
}
