package signal

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Form is how a signal is written, for help texts.
const Form = "constant V; sine MEAN AMPLITUDE PERIOD; walk START STEP [MIN..MAX]; steps TIME V V …; csv FILE; each with noise V after it"

// Parse reads a signal:
//
//	constant 21.5                     always the same; 21.5 alone says so too
//	sine 20 5 24h                     between 15 and 25 and back, once a day
//	walk 20 0.5 15..30                from 20, by at most 0.5 from sample to sample,
//	                                  within the bounds (without them anywhere)
//	steps 10s 18 22 30                each for 10 s, and again from the first
//	csv day.csv                       what a file has, see ReadCSV
//
// After each of them "noise 0.2" adds up to so much to every sample, up or down.
func Parse(text string) (Signal, error) {
	var s Signal
	words := strings.Fields(text)
	if n := len(words); n > 2 && words[n-2] == "noise" {
		v, err := number(words[n-1])
		if err != nil {
			return s, err
		}
		s.Noise, words = v, words[:n-2]
	}
	if len(words) == 1 {
		if v, err := number(words[0]); err == nil {
			s.Value = v
			return s, s.Validate()
		}
	}
	if len(words) == 0 {
		return s, fmt.Errorf("signal: want a signal (%s), not %q", Form, text)
	}
	var err error
	switch args := words[1:]; words[0] {
	case "constant":
		err = s.arguments(args, 1, "constant 21.5", &s.Value)
	case "sine":
		s.Kind = Sine
		if err = s.arguments(args, 3, "sine 20 5 24h", &s.Value, &s.Amplitude); err == nil {
			s.Period, err = duration(args[2])
		}
	case "walk":
		err = s.walk(args)
	case "steps":
		err = s.steps(args)
	case "csv":
		if s.Kind = Table; len(args) != 1 {
			err = fmt.Errorf("signal: want the name of a file, as in csv day.csv, not %q", strings.Join(args, " "))
			break
		}
		s.File = args[0]
	default:
		err = fmt.Errorf("signal: %q is no signal; want %s", words[0], Form)
	}
	if err == nil {
		err = s.Validate()
	}
	return s, err
}

// arguments reads numbers; count of arguments are wanted.
func (s *Signal) arguments(args []string, count int, example string, into ...*float64) error {
	if len(args) != count {
		return fmt.Errorf("signal: want %d arguments, as in %s, not %q", count, example, strings.Join(args, " "))
	}
	for i := range into {
		v, err := number(args[i])
		if err != nil {
			return err
		}
		*into[i] = v
	}
	return nil
}

func (s *Signal) walk(args []string) error {
	s.Kind = Walk
	n := min(max(len(args), 2), 3)
	if err := s.arguments(args, n, "walk 20 0.5 15..30", &s.Value, &s.Step); err != nil || n == 2 {
		return err
	}
	a, b, two := strings.Cut(args[2], "..")
	least, err := number(a)
	if err == nil {
		s.Max, err = number(b)
	}
	if s.Min = least; err != nil || !two {
		return fmt.Errorf("signal: want bounds such as 15..30, not %q", args[2])
	}
	if s.Min == 0 && s.Max == 0 {
		return errors.New("signal: the bounds 0..0 leave nowhere to walk")
	}
	return nil
}

func (s *Signal) steps(args []string) error {
	s.Kind = Steps
	if len(args) < 2 {
		return fmt.Errorf("signal: want a time and values, as in steps 10s 18 22, not %q", strings.Join(args, " "))
	}
	var err error
	if s.Hold, err = duration(args[0]); err != nil {
		return err
	}
	for _, a := range args[1:] {
		v, err := number(a)
		if err != nil {
			return err
		}
		s.Values = append(s.Values, v)
	}
	return nil
}

func number(text string) (float64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !finite(v) {
		return 0, fmt.Errorf("signal: want a number such as 21.5, not %q", text)
	}
	return v, nil
}

// maxDuration bounds periods and times of tables.
const maxDuration = 10 * 365 * 24 * time.Hour

func duration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > maxDuration {
		return 0, fmt.Errorf("signal: want a time such as 10s or 24h, not %q", text)
	}
	return d, nil
}

// ReadCSV reads the points of a table: records of a time and a value (RFC 4180),
// the time in seconds or as 1m30s, in ascending order. The first record may be a
// heading, and "#" begins a comment. Errors name the line.
func ReadCSV(r io.Reader) ([]Point, error) {
	c := csv.NewReader(r)
	c.Comment, c.FieldsPerRecord, c.TrimLeadingSpace, c.ReuseRecord = '#', 2, true, true
	var points []Point
	for first := true; ; first = false {
		record, err := c.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("signal: %w", err)
		}
		line, _ := c.FieldPos(0)
		fail := func(format string, args ...any) ([]Point, error) {
			return nil, fmt.Errorf("signal: line %d: %s", line, fmt.Sprintf(format, args...))
		}
		at, timeErr := csvTime(record[0])
		v, err := number(strings.TrimSpace(record[1]))
		switch {
		case first && timeErr != nil && err != nil:
			continue
		case timeErr != nil:
			return fail("want a time in seconds, or such as 1m30s, not %q", record[0])
		case err != nil:
			return fail("want a number, not %q", record[1])
		case len(points) > 0 && at <= points[len(points)-1].At:
			return fail("%v does not come after %v", at, points[len(points)-1].At)
		case len(points) == maxPoints:
			return fail("there are more than %d points", maxPoints)
		}
		points = append(points, Point{at, v})
	}
	if len(points) == 0 {
		return nil, errors.New("signal: there are no points")
	}
	return points, nil
}

func csvTime(text string) (time.Duration, error) {
	text = strings.TrimSpace(text)
	if seconds, err := number(text); err == nil && seconds >= 0 && seconds <= maxDuration.Seconds() {
		return time.Duration(seconds * float64(time.Second)), nil
	}
	return duration(text)
}
