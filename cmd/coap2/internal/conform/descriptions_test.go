package conform

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"
)

// TestDescriptions: there is a case for every description, with its title.
func TestDescriptions(t *testing.T) {
	titles := map[string]string{}
	files, err := filepath.Glob("testdata/*.yml")
	require.NoError(t, err)
	for _, file := range files {
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		var all map[string]yaml.Node
		require.NoError(t, yaml.Unmarshal(b, &all))
		for id, node := range all {
			var d struct {
				Obj string `yaml:"obj"`
			}
			if strings.HasPrefix(id, "TD_COAP_") {
				require.NoError(t, node.Decode(&d), id)
				titles[id] = strings.Join(strings.Fields(d.Obj), " ")
			}
		}
	}
	require.Len(t, titles, 52)
	seen := map[string]bool{}
	for _, c := range Cases() {
		require.False(t, seen[c.ID], "%s is there twice", c.ID)
		seen[c.ID] = true
		require.NotEmpty(t, c.Rule, c.ID)
		require.NotNil(t, c.run, c.ID)
		if strings.HasPrefix(c.ID, "TD_") {
			require.Equal(t, titles[c.ID], c.Title, c.ID)
			delete(titles, c.ID)
		}
	}
	require.Empty(t, titles, "descriptions without a case")
	require.Len(t, seen, len(Cases()))
}

func TestSelect(t *testing.T) {
	all := Cases()
	some, err := Select(all, "")
	require.NoError(t, err)
	require.Len(t, some, len(all))
	some, err = Select(all, "td_coap_core_0?, C2_MSG_01")
	require.NoError(t, err)
	require.Len(t, some, 10)
	require.Equal(t, "TD_COAP_CORE_01", some[0].ID)
	require.Equal(t, "C2_MSG_01", some[9].ID)
	_, err = Select(all, "TD_COAP_CORE_99")
	require.ErrorContains(t, err, "TD_COAP_CORE_99")
	_, err = Select(all, "[")
	require.ErrorContains(t, err, "well-formed")
}

// TestArrange: no case is left out; a group is one sequence; what has to be alone
// comes last.
func TestArrange(t *testing.T) {
	cases := []Case{{ID: "a", alone: true}, {ID: "b"}, {ID: "c", group: "g"}, {ID: "d"}, {ID: "e", group: "g"}, {ID: "f", alone: true, group: "g"}}
	require.Equal(t, [][]int{{1}, {2, 4}, {3}, {0}, {5}}, arrange(cases))
	n := 0
	for _, s := range arrange(Cases()) {
		n += len(s)
	}
	require.Equal(t, len(Cases()), n)
}
