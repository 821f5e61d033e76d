package actors_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/coap2/coap2"

// room says what the packages of a folder may import: their own rooms, and
// modules from outside. A folder is ruled by the longest entry that it is in.
type room struct {
	own, others []string
	std         []string // forbidden packages of the standard library
}

var rooms = map[string]room{
	"codec":           {},
	"rules":           {},
	"netio":           {},
	"netio/udp":       {own: []string{"netio"}, others: []string{"golang.org/x/net", "golang.org/x/sys"}},
	"netio/dtls":      {own: []string{"netio"}, others: []string{"github.com/pion/dtls/v2", "golang.org/x/net"}},
	"actors/protocol": {own: []string{"codec", "netio"}, std: []string{"net", "os", "sync", "io", "context", "log/slog", "crypto/rand"}},
	"actors/payload":  {own: []string{"codec", "rules"}, others: []string{"github.com/fxamacker/cbor/v2"}},
	"actors": {own: []string{"codec", "rules", "netio", "netio/udp", "netio/dtls", "actors/protocol", "actors/payload"},
		others: []string{"github.com/asynkron/protoactor-go"}},
	"sim": {own: []string{"codec", "rules", "netio", "actors", "actors/protocol", "actors/payload", "sim"},
		others: []string{"github.com/asynkron/protoactor-go", "go.yaml.in/yaml", "github.com/gopacket/gopacket", "golang.org/x/net/dns/dnsmessage"}},
	"cmd": {own: []string{""}, others: []string{"github.com/spf13/cobra", "golang.org/x/sys", "golang.org/x/term"}},
	"cmd/coap2/mosquitto": {own: []string{"codec", "actors", "cmd/coap2/internal/histogram", "cmd/coap2/internal/machine", "cmd/coap2/internal/tail"},
		others: []string{"github.com/eclipse/paho.golang", "golang.org/x/sys"}}, // a module of its own
	"examples": {own: []string{""}},
}

type source struct {
	path    string // from the top, with slashes
	file    *ast.File
	fset    *token.FileSet
	imports map[string]string // name in the file → path
	lines   int
	test    bool
}

// sources parses every Go file of the module.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	top := ".."
	err := filepath.WalkDir(top, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && p != top && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(p, ".go") {
			return nil
		}
		rel, err := filepath.Rel(top, p)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		s := source{path: filepath.ToSlash(rel), fset: token.NewFileSet(), imports: map[string]string{}, lines: strings.Count(string(b), "\n"), test: strings.HasSuffix(p, "_test.go")}
		if s.file, err = parser.ParseFile(s.fset, rel, b, parser.SkipObjectResolution); err != nil {
			return err
		}
		for _, i := range s.file.Imports {
			ip, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			name := path.Base(ip)
			if name == "v2" {
				name = path.Base(path.Dir(ip))
			}
			if i.Name != nil {
				name = i.Name.Name
			}
			s.imports[name] = ip
		}
		all = append(all, s)
		return nil
	})
	require.NoError(t, err)
	require.NotEmpty(t, all)
	return all
}

func inRoom(dir, name string) bool {
	return name == "" || dir == name || strings.HasPrefix(dir, name+"/")
}

func ruling(dir string) (string, room, bool) {
	best, ok := "", false
	for name := range rooms {
		if inRoom(dir, name) && len(name) >= len(best) {
			best, ok = name, true
		}
	}
	return best, rooms[best], ok
}

// TestRoomsKnowWhomTheyMay holds the layers: arrows go down only.
func TestRoomsKnowWhomTheyMay(t *testing.T) {
	for _, s := range sources(t) {
		dir := path.Dir(s.path)
		name, r, ok := ruling(dir)
		require.True(t, ok, "%s is in no room; ARCHITECTURE.md names the rooms", s.path)
		if s.test {
			continue
		}
		for _, ip := range s.imports {
			first, _, _ := strings.Cut(ip, "/")
			switch {
			case ip == module || strings.HasPrefix(ip, module+"/"):
				to := strings.TrimPrefix(strings.TrimPrefix(ip, module), "/")
				allowed := inRoom(to, name) && name != "actors" && name != "netio" || slices.Contains(r.own, to) || slices.Contains(r.own, "")
				require.True(t, allowed, "%s imports %s, which the room %s may not know", s.path, ip, name)
			case strings.Contains(first, "."):
				allowed := slices.ContainsFunc(r.others, func(m string) bool { return inRoom(ip, m) })
				require.True(t, allowed, "%s imports %s, which the room %s may not know", s.path, ip, name)
			default:
				require.NotContains(t, r.std, ip, "%s imports %s: this room knows no I/O, no goroutine and no clock", s.path, ip)
			}
		}
	}
}

// selectors calls f for every use pkg.Name of a file, with the package's path.
func (s *source) selectors(f func(pkg, name string, at token.Position)) {
	ast.Inspect(s.file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if id, ok := sel.X.(*ast.Ident); ok && s.imports[id.Name] != "" {
				f(s.imports[id.Name], sel.Sel.Name, s.fset.Position(sel.Pos()))
			}
		}
		return true
	})
}

// TestClockAndChanceStayInTheirRooms: above netio nobody reads the wall clock
// or global randomness, or starts a goroutine, but for the one file that lends
// them out. Without that a simulated run would not be the same twice.
func TestClockAndChanceStayInTheirRooms(t *testing.T) {
	clock := []string{"Now", "Since", "Until", "After", "AfterFunc", "Sleep", "NewTimer", "NewTicker", "Tick"}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		dir := path.Dir(s.path)
		free := inRoom(dir, "netio") || inRoom(dir, "cmd") || inRoom(dir, "examples")
		env := s.path == "actors/env.go"
		s.selectors(func(pkg, name string, at token.Position) {
			switch pkg {
			case "time":
				require.False(t, !free && slices.Contains(clock, name), "%v: time.%s outside netio and cmd; use the Env's Clock", at, name)
			case "context":
				timed := name == "WithTimeout" || name == "WithDeadline" || name == "WithTimeoutCause" || name == "WithDeadlineCause"
				require.False(t, !free && timed, "%v: context.%s runs on the wall clock", at, name)
			case "math/rand/v2":
				sourced := []string{"New", "NewChaCha8", "NewPCG", "Rand", "Source", "ChaCha8", "PCG", "NewZipf", "Zipf"}
				require.False(t, !free && !slices.Contains(sourced, name), "%v: rand.%s is global randomness; use the Env's Rand", at, name)
			case "math/rand":
				require.Fail(t, "math/rand is not used", "%v", at)
			case "crypto/rand":
				require.True(t, free || env, "%v: randomness comes from the Env", at)
			}
		})
		if free || env {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if g, ok := n.(*ast.GoStmt); ok {
				require.Fail(t, "a goroutine", "%v: tasks are started by the Env's Runner", s.fset.Position(g.Pos()))
			}
			return true
		})
	}
}

// TestPropsAreMadeInOneFile: mailbox, dispatcher and supervision of every actor
// are decided in one place.
func TestPropsAreMadeInOneFile(t *testing.T) {
	for _, s := range sources(t) {
		if s.path == "actors/props.go" {
			continue
		}
		s.selectors(func(pkg, name string, at token.Position) {
			if pkg == "github.com/asynkron/protoactor-go/actor" {
				require.False(t, strings.HasPrefix(name, "PropsFrom"), "%v: Props are made in actors/props.go", at)
			}
		})
	}
}

// TestFilesStayReadable: a file that grows beyond 500 lines wants a second
// room.
func TestFilesStayReadable(t *testing.T) {
	for _, s := range sources(t) {
		require.LessOrEqual(t, s.lines, 500, s.path)
	}
}
