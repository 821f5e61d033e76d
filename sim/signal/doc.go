// Package signal makes the samples that simulated sensors publish: a constant, a
// sine, a random walk, steps, or what a CSV file has recorded.
//
// A Signal is a plain value, written as a line of text (see Parse), and holds no
// randomness and no state; Start makes a Source of it, which gives the value at
// each moment. All chance is that of the generator that Start is given: with
// sim.World.Rand(node, stream) it depends on seed, node and stream alone. Values
// are the same on every machine.
//
//	s, err := signal.Parse("walk 20 0.5 15..30")
//	…
//	source := s.Start(world.Rand("sensor", "temp"))
//	v := source.At(elapsed)
//
// Values are numbers in whatever unit the resource has that publishes them.
package signal
