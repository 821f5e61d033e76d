package actors

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Store keeps a few small values over a node's restarts. Its methods may block; they
// are never called on the node's goroutine, and never two at the same time.
type Store interface {
	// Get returns a value, nil if there is none of that key.
	Get(key string) ([]byte, error)
	// Put replaces a value: afterwards the store has the old one or the new one,
	// whatever happens.
	Put(key string, value []byte) error
}

// FileStore is a Store in a directory, which is made when it is needed: each value
// is a file with the key as its name. A directory is for one node at a time.
type FileStore string

// maxStored is the longest value that a FileStore reads, in bytes.
const maxStored = 4 << 20

// Get implements Store.
func (d FileStore) Get(key string) ([]byte, error) {
	f, err := os.Open(d.path(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("actors: store: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxStored+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("actors: store: reading %s: %w", d.path(key), err)
	}
	if len(b) > maxStored {
		return nil, fmt.Errorf("actors: store: %s has more than %d bytes", d.path(key), maxStored)
	}
	return b, nil
}

// Put implements Store. The file is written beside the old one, and takes its place
// when it is on the disk.
func (d FileStore) Put(key string, value []byte) (err error) {
	if err := os.MkdirAll(string(d), 0o755); err != nil {
		return fmt.Errorf("actors: store: %w", err)
	}
	f, err := os.CreateTemp(string(d), "."+filepath.Base(key)+".*")
	if err != nil {
		return fmt.Errorf("actors: store: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
			err = fmt.Errorf("actors: store: writing %s: %w", d.path(key), err)
		}
	}()
	_, err = f.Write(value)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), d.path(key))
}

func (d FileStore) path(key string) string { return filepath.Join(string(d), filepath.Base(key)) }
