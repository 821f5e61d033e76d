package dist

import (
	"fmt"
	"math/rand/v2"
)

// GilbertElliott is a loss model with bursts: a path that is now good, now bad,
// and changes with each datagram (E. N. Gilbert 1960, E. O. Elliott 1963). The
// letters are the usual ones. Of all datagrams P/(P+R) meet the bad state; there
// runs of 1/R datagrams on average are hit.
type GilbertElliott struct {
	// P is the probability that good becomes bad after a datagram.
	P float64
	// R is the probability that bad becomes good after a datagram.
	R float64
	// H is the probability that a datagram survives while the path is bad; 0
	// (Gilbert's model): none does.
	H float64
	// K is the probability that a datagram survives while the path is good; 0
	// stands for 1: all do.
	K float64
}

// Validate reports what is wrong with the parameters, if anything.
func (g GilbertElliott) Validate() error {
	for _, f := range [...]struct {
		name string
		v    float64
	}{{"P", g.P}, {"R", g.R}, {"H", g.H}, {"K", g.K}} {
		if !(f.v >= 0 && f.v <= 1) {
			return fmt.Errorf("dist: GilbertElliott.%s is %v; it is a probability, 0 to 1", f.name, f.v)
		}
	}
	if g.P+g.R == 0 {
		return fmt.Errorf("dist: GilbertElliott.P and R are both 0; one must be above, or the path never changes")
	}
	return nil
}

// Mean returns the share of datagrams that is lost in the long run.
func (g GilbertElliott) Mean() float64 {
	bad := g.P / (g.P + g.R)
	return bad*(1-g.H) + (1-bad)*(1-g.survivesGood())
}

func (g GilbertElliott) survivesGood() float64 {
	if g.K == 0 {
		return 1
	}
	return g.K
}

// Path is the state of one path under a GilbertElliott model. The zero value is
// one that nothing has travelled yet: it begins good or bad as it would be in
// the long run.
type Path struct{ begun, bad bool }

// Lost draws whether the next datagram is lost. It takes two numbers from r, the
// first time three.
func (g GilbertElliott) Lost(p *Path, r *rand.Rand) bool {
	if !p.begun {
		*p = Path{begun: true, bad: r.Float64()*(g.P+g.R) < g.P}
	}
	survives, change := g.survivesGood(), g.P
	if p.bad {
		survives, change = g.H, g.R
	}
	lost := r.Float64() >= survives
	if r.Float64() < change {
		p.bad = !p.bad
	}
	return lost
}
