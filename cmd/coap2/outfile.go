package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// output is where a payload goes: stdout, or a file that is there in full or
// not at all.
type output struct {
	w        io.Writer
	terminal bool
	tmp      *os.File // takes the bytes until commit; nil for stdout and devices
	path     string
	written  bool
}

// openOutput prepares the output before anything is asked, so that a path that
// cannot be written costs no request. "" and "-" are stdout.
func (a *app) openOutput(path string) (*output, error) {
	if path == "" || path == "-" {
		return &output{w: a.out, terminal: a.terminal}, nil
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // the link stays, the file that it names is replaced
	}
	mode := fs.FileMode(0o644)
	switch info, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("--out: %w", err)
	case info.IsDir():
		return nil, fmt.Errorf("--out: %s is a directory", path)
	case !info.Mode().IsRegular():
		// A device or a pipe cannot be replaced, only written to.
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return nil, fmt.Errorf("--out: %w", err)
		}
		return &output{w: f, terminal: isTerminal(f)}, nil
	default:
		mode = info.Mode().Perm()
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err // not the temporary name, which nobody has asked for
		}
		return nil, fmt.Errorf("--out: %s: %w", path, err)
	}
	o := &output{w: tmp, tmp: tmp, path: path}
	if err := tmp.Chmod(mode); err != nil {
		o.discard()
		return nil, fmt.Errorf("--out: %w", err)
	}
	return o, nil
}

// write writes what the output is to hold. Without it, commit leaves a file as
// it was.
func (o *output) write(b []byte) error {
	o.written = true
	if len(b) == 0 {
		return nil
	}
	_, err := o.w.Write(b)
	return err
}

// commit puts the file in its place.
func (o *output) commit() error {
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

// discard removes what was not committed.
func (o *output) discard() {
	if o.tmp != nil {
		_ = o.tmp.Close() // perhaps for the second time
		_ = os.Remove(o.tmp.Name())
		o.tmp = nil
	}
}
