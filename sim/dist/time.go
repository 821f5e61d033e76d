package dist

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Max is the longest time that a distribution gives, and the largest of any
// parameter. What would be longer is Max.
const Max = 1000 * time.Hour

// Time is a distribution of times from 0 to Max.
type Time interface {
	// Quantile returns the time below which the share p of all draws lies, 0 to 1.
	Quantile(p float64) time.Duration
	// Validate reports what is wrong with the parameters, if anything.
	Validate() error
	// String returns the distribution as Parse reads it, where Parse can.
	String() string
}

// Sample draws from a distribution. It takes one number from r.
func Sample(t Time, r *rand.Rand) time.Duration { return t.Quantile(r.Float64()) }

// Constant is a time that is always the same.
type Constant time.Duration

// Quantile implements Time.
func (c Constant) Quantile(float64) time.Duration { return within(time.Duration(c)) }

// Validate implements Time.
func (c Constant) Validate() error { return check("Constant", time.Duration(c)) }

// String implements Time.
func (c Constant) String() string { return time.Duration(c).String() }

// Uniform is a time between Min and Max, all of them as likely.
type Uniform struct{ Min, Max time.Duration }

// Quantile implements Time.
func (u Uniform) Quantile(p float64) time.Duration {
	return within(u.Min + time.Duration(unit(p)*float64(u.Max-u.Min)))
}

// Validate implements Time.
func (u Uniform) Validate() error {
	if err := check("Uniform.Min", u.Min); err != nil {
		return err
	}
	if err := check("Uniform.Max", u.Max); err != nil {
		return err
	}
	if u.Max < u.Min {
		return fmt.Errorf("dist: Uniform.Max is %v, below Min, which is %v", u.Max, u.Min)
	}
	return nil
}

// String implements Time.
func (u Uniform) String() string { return fmt.Sprintf("uniform:%v,%v", u.Min, u.Max) }

// Normal is a normal distribution without its part below 0: what would be
// negative is drawn again. If Mean is some StdDevs above 0 they are indeed mean
// and standard deviation.
type Normal struct{ Mean, StdDev time.Duration }

// Quantile implements Time.
func (n Normal) Quantile(p float64) time.Duration {
	if n.StdDev <= 0 {
		return within(n.Mean)
	}
	sd := float64(n.StdDev)
	below := 0.0
	if least := -float64(n.Mean) / sd; least > -8.3 { // beyond, 1-below is 1
		below = normalCDF(least)
	}
	z := normalQuantile(below + float64(unit(p)*(1-below)))
	return fromFloat(float64(n.Mean) + float64(z*sd))
}

// Validate implements Time.
func (n Normal) Validate() error {
	if err := check("Normal.Mean", n.Mean); err != nil {
		return err
	}
	return check("Normal.StdDev", n.StdDev)
}

// String implements Time.
func (n Normal) String() string { return fmt.Sprintf("normal:%v,%v", n.Mean, n.StdDev) }

// LogNormal is a time whose logarithm is normally distributed: many short ones,
// and few that are very long, as on the paths of the Internet.
type LogNormal struct {
	// Median is the time that half of them exceed. Their mean is
	// Median·exp(Sigma²/2).
	Median time.Duration
	// Sigma is the standard deviation of the logarithm, 0 to 5. With 0.5 one in
	// forty is more than 2.7 times the median.
	Sigma float64
}

// Quantile implements Time.
func (l LogNormal) Quantile(p float64) time.Duration {
	if l.Sigma <= 0 { // also at the ends, where 0·∞ is no number
		return within(l.Median)
	}
	return fromFloat(float64(l.Median) * exp(float64(l.Sigma*normalQuantile(unit(p)))))
}

// Validate implements Time.
func (l LogNormal) Validate() error {
	if !(l.Sigma >= 0 && l.Sigma <= 5) {
		return fmt.Errorf("dist: LogNormal.Sigma is %v; it must be between 0 and 5", l.Sigma)
	}
	return check("LogNormal.Median", l.Median)
}

// String implements Time.
func (l LogNormal) String() string { return fmt.Sprintf("lognormal:%v,%v", l.Median, l.Sigma) }

func check(name string, d time.Duration) error {
	if d < 0 || d > Max {
		return fmt.Errorf("dist: %s is %v; it must be between 0 and %v", name, d, Max)
	}
	return nil
}

func within(d time.Duration) time.Duration { return min(max(d, 0), Max) }

// fromFloat returns a time in nanoseconds, rounded down.
func fromFloat(ns float64) time.Duration {
	switch {
	case ns >= float64(Max):
		return Max
	case ns > 0:
		return time.Duration(ns)
	}
	return 0
}

// unit keeps a share in its bounds, and takes what is not a number for 0.
func unit(p float64) float64 {
	switch {
	case p >= 1:
		return 1
	case p > 0:
		return p
	}
	return 0
}
