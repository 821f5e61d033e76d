package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Output is where a result goes: stdout, or a file that is there in full or
// not at all.
type Output struct {
	w        io.Writer
	terminal bool
	tmp      *os.File // takes the bytes until Commit; nil for stdout and devices
	path     string
	written  bool
}

// OpenOutput prepares the output that a flag names before anything is done, so
// that a path that cannot be written costs nothing. "" and "-" are stdout.
func (a *App) OpenOutput(flag, path string) (*Output, error) {
	if path == "" || path == "-" {
		return &Output{w: a.Out, terminal: a.Terminal}, nil
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // the link stays, the file that it names is replaced
	}
	mode := fs.FileMode(0o644)
	switch info, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("%s: %w", flag, err)
	case info.IsDir():
		return nil, fmt.Errorf("%s: %s is a directory", flag, path)
	case !info.Mode().IsRegular():
		// A device or a pipe cannot be replaced, only written to.
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", flag, err)
		}
		return &Output{w: f, terminal: IsTerminal(f)}, nil
	default:
		mode = info.Mode().Perm()
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err // not the temporary name, which nobody has asked for
		}
		return nil, fmt.Errorf("%s: %s: %w", flag, path, err)
	}
	o := &Output{w: tmp, tmp: tmp, path: path}
	if err := tmp.Chmod(mode); err != nil {
		o.Discard()
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	return o, nil
}

// Write writes what the output is to hold. Without it, Commit leaves a file as
// it was.
func (o *Output) Write(b []byte) (int, error) {
	o.written = true
	if len(b) == 0 {
		return 0, nil
	}
	return o.w.Write(b)
}

// Terminal reports whether the output is one.
func (o *Output) Terminal() bool { return o.terminal }

// Commit puts the file in its place.
func (o *Output) Commit() error {
	if o.tmp == nil || !o.written {
		return nil
	}
	err := o.tmp.Sync()
	if cerr := o.tmp.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(o.tmp.Name(), o.path)
	}
	if err == nil {
		o.tmp = nil
	}
	return err
}

// Discard removes what was not committed.
func (o *Output) Discard() {
	if o.tmp != nil {
		_ = o.tmp.Close() // perhaps for the second time
		_ = os.Remove(o.tmp.Name())
		o.tmp = nil
	}
}
