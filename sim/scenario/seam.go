package scenario

// violations are the invariants that do not hold.
func (r *run) violations() []string { return nil }

// crash lets nodes crash.
func (r *run) crash(f *fault, who members) (restart func(), err error) { return nil, nil }
