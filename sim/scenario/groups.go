package scenario

// NodeGroup is a group of nodes as a scenario names it.
type NodeGroup struct {
	Name string
	// First is the number of its first node among all of the scenario, Count how
	// many it has.
	First, Count int
}

// Groups returns the groups of nodes, in order.
func (s *Scenario) Groups() []NodeGroup {
	groups := make([]NodeGroup, len(s.nodes.groups))
	for i, g := range s.nodes.groups {
		groups[i] = NodeGroup{g.name, g.first, g.count}
	}
	return groups
}

// NodeName returns the name of a node by its number, from 0 to Nodes-1.
func (s *Scenario) NodeName(i int) string { return s.nodes.name(i) }

// NodeIndex returns the number of a node by its name, -1 if there is none of that
// name.
func (s *Scenario) NodeIndex(name string) int { return s.nodes.index(name) }
