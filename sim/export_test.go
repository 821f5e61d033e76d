package sim

// Drowsy returns the script as it runs where every node dozes whenever it can.
func (s *Script) Drowsy() *Script {
	c := *s
	c.drowsy = true
	return &c
}
