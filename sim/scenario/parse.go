package scenario

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/coap2/coap2/sim/scenarios"
)

// Load reads and checks a scenario: a file, or one of those that come with this
// package (see package scenarios), by its name. Each change is a "key=value" in
// which key names a place, "nodes.server.count=100", and value is YAML; it is
// made after everything else has been read.
//
// What is wrong with it is an Errors. Other errors say that it could not be read.
func Load(name string, changes ...string) (*Scenario, error) {
	text, file, err := read1(name, "")
	if err != nil {
		return nil, err
	}
	return Parse(file, text, changes...)
}

// Parse checks the text of a scenario, as Load does. The file is for errors, and
// a base is searched beside it.
func Parse(file string, text []byte, changes ...string) (*Scenario, error) {
	return parse(&decoder{}, file, text, changes)
}

func parse(d *decoder, file string, text []byte, changes []string) (*Scenario, error) {
	root, err := tree(file, text, []string{filepath.Clean(file)})
	if err != nil {
		return nil, err
	}
	for _, c := range changes {
		if root, err = change(root, c); err != nil {
			return nil, err
		}
	}
	root.prune()
	s := d.scenario(root, file)
	if err := d.err(); err != nil {
		return nil, err
	}
	return s, nil
}

// maxBases is how long a chain of files can be.
const maxBases = 16

// tree reads a file and merges it with its base.
func tree(file string, text []byte, chain []string) (*value, error) {
	v, err := parseTree(file, text)
	if err != nil {
		return nil, err
	}
	if v.kind != mapping {
		return nil, Errors{{File: file, Line: v.line, Problem: fmt.Sprintf("a scenario is a mapping that begins with \"version: 1\", not %s", v.describe())}}
	}
	b := v.get("base")
	if b == nil || b.kind == empty || b.kind == absent {
		return v, nil
	}
	fail := func(format string, args ...any) (*value, error) {
		return nil, Errors{{File: b.file, Line: b.line, Path: "base", Problem: fmt.Sprintf(format, args...)}}
	}
	if b.kind != scalar {
		return fail("want the name of a file, or of a shipped scenario, not %s", b.describe())
	}
	baseText, baseFile, err := read1(b.text, filepath.Dir(file))
	if err != nil {
		return fail("%v", err)
	}
	for _, f := range chain {
		if f == baseFile {
			return fail("it comes back to itself: %s → %s", strings.Join(chain, " → "), baseFile)
		}
	}
	if len(chain) >= maxBases {
		return fail("more than %d files change each other", maxBases)
	}
	base, err := tree(baseFile, baseText, append(chain[:len(chain):len(chain)], baseFile))
	if err != nil {
		return nil, err
	}
	// They are each file's own.
	for _, key := range []string{"base", "name", "about"} {
		base.remove(key)
	}
	v.remove("base")
	return merge(base, v), nil
}

// shippedDir is where the shipped scenarios are, as errors name them.
const shippedDir = "sim/scenarios/"

// read1 reads a file, or a shipped scenario, that was named in a file of a
// directory. It returns the name that it goes by.
func read1(name, dir string) (text []byte, file string, err error) {
	if name == "" {
		return nil, "", errors.New("the name of the scenario is empty")
	}
	plainName := !strings.ContainsAny(name, `/\`)
	word := strings.TrimSuffix(strings.TrimSuffix(name, ".yaml"), ".yml")
	if plainName && word == name {
		if text, ok := scenarios.Read(name); ok {
			return text, shippedDir + name + ".yaml", nil
		}
	}
	file = name
	if !filepath.IsAbs(name) && dir != "" {
		file = filepath.Join(dir, name)
	}
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) && plainName {
		if text, ok := scenarios.Read(word); ok {
			return text, shippedDir + word + ".yaml", nil
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist) && plainName && word == name:
		return nil, "", fmt.Errorf("%s: there is no such file, and no such scenario is shipped; those are %s", name, strings.Join(scenarios.Names(), ", "))
	case errors.Is(err, fs.ErrNotExist):
		return nil, "", fmt.Errorf("%s: there is no such file", file)
	case err != nil:
		return nil, "", fmt.Errorf("%s: %w", file, reason(err))
	case info.IsDir():
		return nil, "", fmt.Errorf("%s: it is a directory", file)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", file, reason(err))
	}
	defer f.Close()
	// One byte more than there may be, so that parseTree sees that it is too
	// much: there are files without end.
	if text, err = io.ReadAll(io.LimitReader(f, maxFile+1)); err != nil {
		return nil, "", fmt.Errorf("%s: %w", file, reason(err))
	}
	return text, filepath.Clean(file), nil
}

// reason is an error of the file system without the name, which is said before.
func reason(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
