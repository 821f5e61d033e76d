package dist

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxPoints bounds what a table may hold.
const maxPoints = 1 << 20

// Point is a quantile: the share P of all times, 0 to 1, is at most D.
type Point struct {
	P float64
	D time.Duration
}

// Empirical is a distribution that was measured: a table of quantiles, between
// which it is linear. Make one with Samples, Quantiles or Read.
type Empirical struct{ points []Point }

// Quantiles makes a distribution from points, ascending in P and not descending
// in D, at least two of them. Below the first P it is the first D, above the
// last the last.
func Quantiles(points ...Point) (*Empirical, error) {
	e := &Empirical{points: slices.Clone(points)}
	return e, e.Validate()
}

// Samples makes a distribution from times that were measured, in any order. The
// least and the greatest are its bounds.
func Samples(times ...time.Duration) (*Empirical, error) {
	sorted := slices.Clone(times)
	slices.Sort(sorted)
	e := &Empirical{}
	for i, d := range sorted {
		e.points = append(e.points, Point{float64(i) / float64(max(1, len(sorted)-1)), d})
	}
	if len(sorted) == 1 {
		e.points = append(e.points, Point{1, sorted[0]})
	}
	return e, e.Validate()
}

// Read reads a distribution, one entry a line: either samples, a time such as
// 12.5ms each, or quantiles, a share from 0 to 1 and a time ("0.95 40ms"). Empty
// lines, and what follows a "#", do not count. Errors name the line.
func Read(r io.Reader) (*Empirical, error) {
	var (
		samples []time.Duration
		points  []Point
		scanner = bufio.NewScanner(r)
	)
	for line := 1; scanner.Scan(); line++ {
		text, _, _ := strings.Cut(scanner.Text(), "#")
		fields := strings.Fields(text)
		if len(fields) == 0 {
			continue
		}
		d, err := time.ParseDuration(fields[len(fields)-1])
		if err != nil || d < 0 || d > Max {
			return nil, fmt.Errorf("dist: line %d: %q is no time from 0 to %v, such as 12.5ms", line, fields[len(fields)-1], Max)
		}
		switch len(fields) {
		case 1:
			samples = append(samples, d)
		case 2:
			p, err := strconv.ParseFloat(fields[0], 64)
			if err != nil || !(p >= 0 && p <= 1) {
				return nil, fmt.Errorf("dist: line %d: %q is no share from 0 to 1", line, fields[0])
			}
			points = append(points, Point{p, d})
		default:
			return nil, fmt.Errorf("dist: line %d: want a time, or a share and a time, not %d words", line, len(fields))
		}
		if len(samples) > 0 && len(points) > 0 {
			return nil, fmt.Errorf("dist: line %d: samples and quantiles cannot be mixed", line)
		}
		if max(len(samples), len(points)) > maxPoints {
			return nil, fmt.Errorf("dist: line %d: a table has at most %d entries", line, maxPoints)
		}
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("dist: reading a table: %w", err)
	}
	if len(points) > 0 {
		return Quantiles(points...)
	}
	return Samples(samples...)
}

// Quantile implements Time.
func (e *Empirical) Quantile(p float64) time.Duration {
	p = unit(p)
	i, _ := slices.BinarySearchFunc(e.points, p, func(x Point, p float64) int {
		switch {
		case x.P < p:
			return -1
		case x.P > p:
			return 1
		}
		return 0
	})
	switch {
	case len(e.points) == 0:
		return 0
	case i == 0:
		return e.points[0].D
	case i == len(e.points):
		return e.points[i-1].D
	}
	a, b := e.points[i-1], e.points[i]
	return a.D + time.Duration((p-a.P)/(b.P-a.P)*float64(b.D-a.D))
}

// Validate implements Time.
func (e *Empirical) Validate() error {
	if len(e.points) == 0 {
		return fmt.Errorf("dist: an empirical distribution needs at least one sample, or two quantiles")
	}
	if len(e.points) < 2 {
		return fmt.Errorf("dist: an empirical distribution needs at least two quantiles")
	}
	for i, x := range e.points {
		if !(x.P >= 0 && x.P <= 1) {
			return fmt.Errorf("dist: quantile %d: the share is %v; it must be between 0 and 1", i+1, x.P)
		}
		if x.D < 0 || x.D > Max {
			return fmt.Errorf("dist: quantile %d is %v; it must be between 0 and %v", i+1, x.D, Max)
		}
		if i > 0 && (x.P <= e.points[i-1].P || x.D < e.points[i-1].D) {
			return fmt.Errorf("dist: quantile %d (%v %v) does not ascend from the one before (%v %v)", i+1, x.P, x.D, e.points[i-1].P, e.points[i-1].D)
		}
	}
	return nil
}

// String implements Time; Parse does not read it.
func (e *Empirical) String() string { return fmt.Sprintf("empirical, %d points", len(e.points)) }
