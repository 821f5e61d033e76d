package sim

func (p *performance) crash(a *args) error {
	name, _ := p.nodeOf(a)
	if err := a.done(); err != nil {
		return err
	}
	return p.w.Crash(name)
}

func (p *performance) restart(a *args) error {
	name, _ := p.nodeOf(a)
	if err := a.done(); err != nil {
		return err
	}
	n, err := p.w.Restart(name)
	if err != nil {
		return err
	}
	p.nodes[name] = n
	return nil
}

func (p *performance) drift(a *args) error {
	d := Drift{Nodes: a.word("the nodes"), PPM: a.float("ppm"), Spread: a.float("spread")}
	if err := a.done(); err != nil {
		return err
	}
	return p.w.Drift(d)
}
