package scenario

// crash lets nodes crash.
func (r *run) crash(f *fault, who members) (restart func(), err error) { return nil, nil }
