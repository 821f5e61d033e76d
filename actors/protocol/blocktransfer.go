package protocol

import (
	"fmt"

	"github.com/coap2/coap2/codec"
)

// Transfer is a client's exchange of which the request, the response, or both
// come in blocks (RFC 7959 §2.7): an Upload, and when it is done a Download. Each
// of its requests is like the first one, but for what TransferRequest says, and
// has a message ID and, where the client likes, a token of its own.
type Transfer struct {
	up      Upload
	down    Download
	fetch   bool // the payload is repeated
	sent    bool // the request has got its response, whose body is being fetched
	whole   UploadBlock
	haveAll bool
}

// TransferRequest is what makes a request of a Transfer differ from the others.
type TransferRequest struct {
	// Upload is the part of the body that the request carries.
	Upload UploadBlock
	// Block2 is its Block2 option, if HasBlock2.
	Block2    codec.Block
	HasBlock2 bool
	// Continued: the request fetches more of a response. It has no Block1
	// option, no Observe option, and Upload is empty, except that of a FETCH
	// whose body fitted into the first request.
	Continued bool
}

// TransferStep is what a response is to a Transfer.
type TransferStep struct {
	Verdict BlockVerdict
	// Payload says that the response's payload is part of the response body, at
	// Offset. BlockRestart makes void what came before.
	Payload bool
	Offset  int64
	// Size is the announced length of the response body, or -1.
	Size int64
	// Rewind: the request body has to be sent from its start again.
	Rewind bool
	Err    error
}

// NewTransfer begins an exchange: the size of the request body (0 without one,
// or UnknownSize), the size exponent of its blocks, and what is known of the
// response. The method says what can be asked for again: a representation, but
// not the result of a POST.
func NewTransfer(method codec.Code, size int64, szx uint8, down DownloadConfig) (Transfer, error) {
	up, err := NewUpload(size, szx)
	if method != codec.GET && method != codec.FETCH {
		// To begin anew would execute the request again.
		down.Restarts = -1
	}
	return Transfer{up: up, down: NewDownload(down), fetch: method == codec.FETCH}, err
}

// Upload gives access to the state of the request body, for SetSize and Need.
func (t *Transfer) Upload() *Upload { return &t.up }

// Sent reports whether the request's body has been taken, so that only the
// response's is missing.
func (t *Transfer) Sent() bool { return t.sent }

// Next returns what the next request is.
func (t *Transfer) Next() (TransferRequest, error) {
	var r TransferRequest
	if t.sent {
		r.Continued = true
		r.Upload.Size1 = -1
		if t.haveAll {
			r.Upload = t.whole
		}
		r.Block2, r.HasBlock2 = t.down.Block()
		return r, nil
	}
	var err error
	r.Upload, err = t.up.Next()
	if err != nil {
		return r, err
	}
	// The size of the response's blocks matters when there will be one.
	if !r.Upload.Blockwise || !r.Upload.Block.More {
		r.Block2, r.HasBlock2 = t.down.Block()
	}
	t.whole, t.haveAll = r.Upload, t.fetch && !r.Upload.Blockwise
	return r, nil
}

// Response takes in the response to the last request.
func (t *Transfer) Response(m *codec.Message) TransferStep {
	if !t.sent {
		b, has, err := m.Options.Block(codec.OptionBlock1)
		if err != nil {
			return TransferStep{Verdict: BlockFailed, Size: -1, Err: fmt.Errorf("%w: %w", ErrBlockSize, err)}
		}
		v, err := t.up.Response(m.Code, b, has)
		if v != BlockDone {
			return TransferStep{Verdict: v, Size: -1, Rewind: v == BlockRestart, Err: err}
		}
		t.sent = true
	}
	d := t.down.Response(m)
	s := TransferStep{Verdict: d.Verdict, Offset: d.Offset, Size: d.Size, Err: d.Err}
	s.Payload = d.Verdict == BlockNext || d.Verdict == BlockDone
	if d.Verdict == BlockDone && !m.Code.IsSuccess() {
		s.Offset = 0 // a diagnostic payload, not part of the body
	}
	return s
}
