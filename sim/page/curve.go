package page

import "time"

// Curve is how many answers there were until when.
type Curve struct {
	// Run says which run it is of; "" = the one that the page is about.
	Run    string `json:"run,omitempty"`
	Action string `json:"action"`
	// Total is how many answers would be all; 0 = that is not known.
	Total float64 `json:"total"`
	// Points are pairs: µs since the beginning, and how many answers there were
	// then.
	Points []int64 `json:"points"`
	n      int64
	skip   int64
}

// maxPoints bounds a curve: when there are more, every other one goes.
const maxPoints = 2000

func (c *Curve) add(at time.Duration) {
	c.n++
	us := at.Microseconds()
	if k := len(c.Points); k > 0 && c.Points[k-2] == us {
		c.Points[k-1] = c.n
		return
	}
	if c.n%(c.skip+1) != 0 {
		return
	}
	if c.Points = append(c.Points, us, c.n); len(c.Points) < 2*maxPoints {
		return
	}
	for i := 0; 4*i+3 < len(c.Points); i++ {
		c.Points[2*i], c.Points[2*i+1] = c.Points[4*i+2], c.Points[4*i+3]
	}
	c.Points = c.Points[:len(c.Points)/2&^1]
	c.skip = 2*c.skip + 1
}

// close adds the last point, if it has been skipped.
func (c *Curve) close(end int64) {
	if k := len(c.Points); c.n > 0 && (k == 0 || c.Points[k-1] != c.n) {
		c.Points = append(c.Points, end, c.n)
	}
}
