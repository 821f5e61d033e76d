package radio

import "time"

// Phase says when a station wakes first.
func (a *Air) Phase(station int, d time.Duration) { a.stations[station].phase = d }
