package sim

import "fmt"

// Partition cuts nodes off from others: what they send to each other is lost.
// What is already under way arrives.
type Partition struct {
	// From are the nodes that are cut off, a pattern.
	From string
	// To are those from which they are cut off, a pattern; "" = all others.
	To string
	// OneWay loses only what goes from From to To.
	OneWay bool
}

// Validate reports what is wrong with a Partition, if anything.
func (p Partition) Validate() error {
	if p.From == "" {
		return fmt.Errorf("sim: Partition.From is empty; want a pattern such as s[0-49]")
	}
	for _, s := range []string{p.From, p.To} {
		if _, err := parsePattern(s); err != nil {
			return fmt.Errorf("sim: partition: %w", err)
		}
	}
	return nil
}
