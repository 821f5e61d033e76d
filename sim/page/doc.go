// Package page makes one page of HTML of a run of a scenario, or of a sweep over
// many seeds: what the nodes say to each other on a map, over time, and byte by
// byte.
//
//	c := page.NewCollector(s)
//	report, err := s.Run(seed, scenario.Options{
//		Begin: c.Begin, End: c.End, Event: c.Event, Compared: c.Compared, Progress: c.Progress(nil),
//	})
//	…
//	err = page.WriteRun(file, c.Run(report, "sim replay hello"))
//
// The page stands by itself: it loads nothing, and its policy lets nothing leave
// it. All that comes from a scenario or the network is data for its script, which
// shows it as text.
//
// What is kept of a run is bounded: where there are more messages than Limits say,
// the page says how many it leaves out. What is counted over time is counted in
// full.
package page
