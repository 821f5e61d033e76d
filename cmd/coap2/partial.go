package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
)

const partSuffix = ".part"

// partial is a file whose beginning has come. Beside the file that it is to be
// it has that one's name, the entity-tag of what it is the beginning of, so that it
// is never gone on with by something else, and ".part".
type partial struct {
	path string // of the whole
	name string // of the part
	file *os.File
	size int64
	etag []byte // of what there is; nil if nothing is
}

// openPartial opens what there is of a file, or begins with nothing.
func openPartial(path string) (*partial, error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	switch info, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("--out: %w", err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("--out: %s is no file; --resume needs one", path)
	}
	p := &partial{path: path}
	if err := p.find(); err != nil {
		return nil, fmt.Errorf("--out: %w", err)
	}
	if p.name == "" {
		return p, p.begin()
	}
	file, err := os.OpenFile(p.name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return nil, fmt.Errorf("--out: %w", err)
	}
	p.file = file
	return p, nil
}

// find looks for the part that has been written last.
func (p *partial) find() error {
	dir, base := filepath.Dir(p.path), filepath.Base(p.path)+"."
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var latest fs.FileInfo
	for _, e := range entries {
		middle, ok := strings.CutPrefix(e.Name(), base)
		middle, isPart := strings.CutSuffix(middle, partSuffix)
		etag, err := hex.DecodeString(middle)
		if !ok || !isPart || err != nil || len(etag) == 0 || len(etag) > 8 {
			continue
		}
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || latest != nil && info.ModTime().Before(latest.ModTime()) {
			continue
		}
		latest, p.etag = info, etag
		p.name, p.size = filepath.Join(dir, e.Name()), info.Size()
	}
	return nil
}

// begin makes an empty part.
func (p *partial) begin() error {
	file, err := os.OpenFile(p.path+partSuffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	p.name, p.file, p.size, p.etag = file.Name(), file, 0, nil
	return nil
}

// again drops what there is and begins with nothing.
func (p *partial) again() error {
	p.drop()
	return p.begin()
}

// Write implements io.Writer.
func (p *partial) Write(b []byte) (int, error) {
	n, err := p.file.Write(b)
	p.size += int64(n)
	return n, err
}

// ask makes a request for what is missing.
func (p *partial) ask(req *actors.Request) {
	req.To, req.From, req.FromETag = p, p.size, p.etag
}

// isOutdated reports whether a request for the rest failed because there is
// something else now.
func isOutdated(err error) bool {
	var ce *actors.CodeError
	return errors.Is(err, protocol.ErrBodyChanged) || errors.As(err, &ce) && ce.Code == codec.BadRequest
}

// commit puts the whole in its place.
func (p *partial) commit() error {
	err := p.file.Sync()
	if cerr := p.file.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(p.name, p.path)
	}
	if err == nil {
		p.file = nil
	}
	return err
}

// keep leaves what has come for the next time, if it has an entity-tag to be
// known by. It returns how much that is.
func (p *partial) keep(etag []byte) int64 {
	if p.file == nil {
		return 0
	}
	if len(etag) == 0 {
		etag = p.etag
	}
	if p.size == 0 || len(etag) == 0 {
		p.drop()
		return 0
	}
	err := p.file.Close()
	p.file = nil
	if name := p.path + "." + hex.EncodeToString(etag) + partSuffix; err == nil && name != p.name {
		err = os.Rename(p.name, name)
	}
	if err != nil {
		return 0
	}
	return p.size
}

// drop removes the part.
func (p *partial) drop() {
	if p.file != nil {
		_ = p.file.Close() // nothing of it is wanted
		_ = os.Remove(p.name)
		p.file = nil
	}
}
