package protocol

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// pattern is a body in which every byte says where it is.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i>>8 ^ i)
	}
	return b
}

// blockServer is a server made of the machines: it takes a body, and answers
// with one.
type blockServer struct {
	now     netio.Instant
	spool   *Spool
	shelf   *Shelf[[]byte]
	limits  SpoolLimits
	szx     uint8 // of responses
	answer  func(code codec.Code, body []byte) []byte
	etag    []byte
	success codec.Code
	got     []byte
	handled int
}

func newBlockServer(szx uint8, answer []byte) *blockServer {
	return &blockServer{
		now: t0, spool: NewSpool(SpoolConfig{}), shelf: NewShelf[[]byte](ShelfConfig{}), szx: szx, success: codec.Changed,
		limits: SpoolLimits{SZX: szx + 1},
		answer: func(codec.Code, []byte) []byte { return answer },
	}
}

func (s *blockServer) serve(m *codec.Message) *codec.Message {
	key := MakeBlockKey(7, m)
	res := &codec.Message{Code: s.success}
	asked, has2, err := m.Options.Block(codec.OptionBlock2)
	if err != nil {
		return &codec.Message{Code: codec.BadRequest}
	}
	b1, has1, err := m.Options.Block(codec.OptionBlock1)
	if err != nil {
		return &codec.Message{Code: codec.BadRequest}
	}
	var body []byte
	kept, isKept := s.shelf.Get(s.now, key)
	switch {
	case asked.Num > 0 && isKept:
		body = kept
	case asked.Num > 0 && m.Code != codec.GET:
		return &codec.Message{Code: codec.RequestEntityIncomplete}
	default:
		payload := m.Payload
		if has1 {
			size1 := int64(-1)
			if v, ok := m.Options.Uint(codec.OptionSize1); ok {
				size1 = int64(v)
			}
			r := s.spool.Put(s.now, key, b1, m.Payload, size1, s.limits)
			if r.Verdict != SpoolDone {
				res.Code = r.Code
				if r.Verdict == SpoolContinue {
					res.Options = res.Options.Add(codec.Block1(r.Block))
				}
				if r.Size1 >= 0 {
					res.Options = res.Options.Add(codec.Size1(uint32(r.Size1)))
				}
				return res
			}
			res.Options = res.Options.Add(codec.Block1(r.Block))
			payload = r.Body
		}
		s.got = bytes.Clone(payload)
		s.handled++
		body = s.answer(m.Code, payload)
		if m.Code != codec.GET {
			s.shelf.Put(s.now, key, body, len(body))
		}
	}
	c, code := CutBody(int64(len(body)), asked, has2, s.szx)
	if code != 0 {
		return &codec.Message{Code: code}
	}
	if c.Blockwise {
		res.Options = res.Options.Add(codec.Block2(c.Block))
	}
	if s.etag != nil {
		res.Options = res.Options.Add(codec.ETag(s.etag))
	}
	res.Payload = body[c.From:c.To]
	return res
}

// blockClient runs a Transfer against a server, or a script, and writes down
// what passes, in the notation of RFC 7959 §3.
type blockClient struct {
	method codec.Code
	body   []byte
	t      Transfer
	got    []byte
	log    []string
	opts   codec.Options
}

func newBlockClient(t require.TestingT, method codec.Code, body []byte, szx uint8, cfg DownloadConfig) *blockClient {
	tr, err := NewTransfer(method, int64(len(body)), szx, cfg)
	require.NoError(t, err)
	return &blockClient{method: method, body: body, t: tr, opts: codec.Options{codec.URIPath("x")}}
}

func brief(m *codec.Message) string {
	parts := []string{m.Code.Name()}
	if m.Code.IsResponse() {
		parts = []string{fmt.Sprintf("%d.%02d", m.Code.Class(), m.Code.Detail())}
	}
	for _, n := range []codec.OptionNumber{codec.OptionBlock1, codec.OptionBlock2} {
		if b, ok, _ := m.Options.Block(n); ok {
			parts = append(parts, fmt.Sprintf("%d:%v", map[codec.OptionNumber]int{codec.OptionBlock1: 1, codec.OptionBlock2: 2}[n], b))
		}
	}
	for _, n := range []codec.OptionNumber{codec.OptionSize1, codec.OptionSize2} {
		if v, ok := m.Options.Uint(n); ok {
			parts = append(parts, fmt.Sprintf("%v:%d", n, v))
		}
	}
	return strings.Join(parts, " ")
}

// request makes the next request.
func (c *blockClient) request() (*codec.Message, error) {
	r, err := c.t.Next()
	if err != nil {
		return nil, err
	}
	m := &codec.Message{Code: c.method, Options: c.opts.Clone(), Payload: c.body[r.Upload.From:r.Upload.To]}
	if r.Upload.Blockwise {
		m.Options = m.Options.Add(codec.Block1(r.Upload.Block))
	}
	if r.Upload.Size1 >= 0 {
		m.Options = m.Options.Add(codec.Size1(uint32(r.Upload.Size1)))
	}
	if r.HasBlock2 {
		m.Options = m.Options.Add(codec.Block2(r.Block2))
	}
	return m, nil
}

// step makes one exchange.
func (c *blockClient) step(serve func(*codec.Message) *codec.Message) (TransferStep, *codec.Message, error) {
	m, err := c.request()
	if err != nil {
		return TransferStep{}, nil, err
	}
	res := serve(m)
	c.log = append(c.log, brief(m)+" > "+brief(res))
	s := c.t.Response(res)
	if s.Verdict == BlockRestart && !s.Rewind {
		c.got = nil
	}
	if s.Payload && res.Code.IsSuccess() {
		if int64(len(c.got)) < s.Offset {
			c.got = append(c.got, make([]byte, s.Offset-int64(len(c.got)))...)
		}
		c.got = append(c.got[:s.Offset], res.Payload...)
	}
	return s, res, nil
}

// run goes on to the end.
func (c *blockClient) run(t require.TestingT, serve func(*codec.Message) *codec.Message) (TransferStep, *codec.Message) {
	for range 1 << 16 {
		s, res, err := c.step(serve)
		require.NoError(t, err)
		if s.Verdict == BlockDone || s.Verdict == BlockFailed {
			return s, res
		}
	}
	require.Fail(t, "no end")
	return TransferStep{}, nil
}

// TestBlockFlows are the flows of RFC 7959 §3 that have no Observe.
func TestBlockFlows(t *testing.T) {
	for _, c := range []struct {
		what      string
		method    codec.Code
		body      int
		szx       uint8 // of the client's request body
		ask       int   // block size that the client asks for
		serverSZX uint8
		answer    int
		success   codec.Code
		flow      string
	}{
		{"figure 2: simple GET", codec.GET, 0, 6, 0, 3, 300, codec.Content, `
			GET > 2.05 2:0/1/128
			GET 2:1/0/128 > 2.05 2:1/1/128
			GET 2:2/0/128 > 2.05 2:2/0/128`},
		{"figure 3: GET with early negotiation", codec.GET, 0, 6, 64, 3, 300, codec.Content, `
			GET 2:0/0/64 > 2.05 2:0/1/64
			GET 2:1/0/64 > 2.05 2:1/1/64
			GET 2:2/0/64 > 2.05 2:2/1/64
			GET 2:3/0/64 > 2.05 2:3/1/64
			GET 2:4/0/64 > 2.05 2:4/0/64`},
		{"early negotiation with a server that likes less", codec.GET, 0, 6, 64, 1, 90, codec.Content, `
			GET 2:0/0/64 > 2.05 2:0/1/32
			GET 2:1/0/32 > 2.05 2:1/1/32
			GET 2:2/0/32 > 2.05 2:2/0/32`},
		{"a body that fits", codec.GET, 0, 6, 0, 3, 128, codec.Content, `GET > 2.05`},
		{"a body that fits, asked for in blocks", codec.GET, 0, 6, 64, 3, 64, codec.Content, `GET 2:0/0/64 > 2.05 2:0/0/64`},
		{"figure 7: simple atomic PUT", codec.PUT, 300, 3, 0, 6, 0, codec.Changed, `
			PUT 1:0/1/128 Size1:300 > 2.31 1:0/1/128
			PUT 1:1/1/128 > 2.31 1:1/1/128
			PUT 1:2/0/128 > 2.04 1:2/0/128`},
		{"figure 9: atomic PUT with negotiation", codec.PUT, 192, 3, 0, 1, 0, codec.Changed, `
			PUT 1:0/1/128 Size1:192 > 2.31 1:0/1/32
			PUT 1:4/1/32 > 2.31 1:4/1/32
			PUT 1:5/0/32 > 2.04 1:5/0/32`},
		{"a body of whole blocks", codec.PUT, 64, 1, 0, 6, 0, codec.Changed, `
			PUT 1:0/1/32 Size1:64 > 2.31 1:0/1/32
			PUT 1:1/0/32 > 2.04 1:1/0/32`},
		{"a body that fits, sent", codec.PUT, 64, 2, 0, 6, 0, codec.Changed, `PUT > 2.04`},
		{"figure 10: atomic POST with block-wise response", codec.POST, 300, 3, 0, 3, 300, codec.Changed, `
			POST 1:0/1/128 Size1:300 > 2.31 1:0/1/128
			POST 1:1/1/128 > 2.31 1:1/1/128
			POST 1:2/0/128 > 2.04 1:2/0/128 2:0/1/128
			POST 2:1/0/128 > 2.04 2:1/1/128
			POST 2:2/0/128 > 2.04 2:2/0/128`},
		{"figure 11: the same, with early negotiation", codec.POST, 200, 3, 64, 3, 100, codec.Changed, `
			POST 1:0/1/128 Size1:200 > 2.31 1:0/1/128
			POST 1:1/0/128 2:0/0/64 > 2.04 1:1/0/128 2:0/1/64
			POST 2:1/0/64 > 2.04 2:1/0/64`},
		{"FETCH repeats what it asks for", codec.FETCH, 10, 6, 0, 3, 200, codec.Content, `
			FETCH > 2.05 2:0/1/128
			FETCH 2:1/0/128 > 2.05 2:1/0/128`},
	} {
		server := newBlockServer(c.serverSZX, pattern(c.answer))
		server.success = c.success
		client := newBlockClient(t, c.method, pattern(c.body), c.szx, DownloadConfig{BlockSize: c.ask})
		s, _ := client.run(t, server.serve)
		require.Equal(t, BlockDone, s.Verdict, c.what)
		require.Equal(t, strings.Fields(strings.Join(client.log, " ")), strings.Fields(c.flow), "%s:\n%s", c.what, strings.Join(client.log, "\n"))
		require.True(t, bytes.Equal(pattern(c.body), server.got), c.what)
		require.True(t, bytes.Equal(pattern(c.answer), client.got), c.what)
		if c.method != codec.GET {
			require.Equal(t, 1, server.handled, c.what)
		}
		require.Zero(t, server.spool.Stats().Len)
		require.Zero(t, server.spool.Stats().Bytes)
	}
}

// TestCutBody: the edges of a slice, and figure 4, where a client changes the
// size on its own (late negotiation).
func TestCutBody(t *testing.T) {
	for _, c := range []struct {
		size     int64
		asked    string // empty: no option
		szx      uint8
		want     string // empty: no option
		from, to int64
		code     codec.Code
	}{
		{0, "", 6, "", 0, 0, 0},
		{0, "0/0/16", 6, "0/0/16", 0, 0, 0},
		{1024, "", 6, "", 0, 1024, 0},
		{1025, "", 6, "0/1/1024", 0, 1024, 0},
		{1025, "1/0/1024", 6, "1/0/1024", 1024, 1025, 0},
		{1024, "1/0/1024", 6, "", 0, 0, codec.BadRequest},
		{300, "2/0/64", 3, "2/1/64", 128, 192, 0},
		{300, "1/0/128", 2, "2/1/64", 128, 192, 0}, // smaller than asked for: the same byte
		{300, "4/0/64", 6, "4/0/64", 256, 300, 0},
		{300, "5/0/64", 6, "", 0, 0, codec.BadRequest},
		{300, "3/1/64", 6, "3/1/64", 192, 256, 0}, // the M bit of a request means nothing
		{1 << 40, "1048575/0/1024", 6, "1048575/1/1024", 1048575 << 10, 1 << 30, 0},
		{1 << 40, "1048575/0/1024", 0, "", 0, 0, codec.BadRequest}, // it has no number
	} {
		var asked codec.Block
		if c.asked != "" {
			var more, size int
			_, err := fmt.Sscanf(c.asked, "%d/%d/%d", &asked.Num, &more, &size)
			require.NoError(t, err)
			for asked.More = more == 1; asked.Size() < size; asked.SZX++ {
			}
		}
		got, code := CutBody(c.size, asked, c.asked != "", c.szx)
		require.Equal(t, c.code, code)
		require.Equal(t, c.want != "", got.Blockwise)
		if c.want != "" {
			require.Equal(t, c.want, got.Block.String(), "%d bytes, asked for %s", c.size, c.asked)
		}
		require.Equal(t, [2]int64{c.from, c.to}, [2]int64{got.From, got.To})
	}
}

// TestCutUnknown: a body whose end shows only when it is read.
func TestCutUnknown(t *testing.T) {
	for _, c := range []struct {
		num  uint32
		read int64 // of 65 that were tried
		want string
		to   int64
	}{
		{0, 65, "0/1/64", 64}, {0, 64, "0/0/64", 64}, {0, 0, "0/0/64", 0}, {2, 65, "2/1/64", 192}, {2, 3, "2/0/64", 131}, {2, 0, "", 0},
	} {
		got, code := CutBody(UnknownSize, codec.Block{Num: c.num, SZX: 2}, true, 6)
		require.Zero(t, code)
		ok := got.End(c.read)
		require.Equal(t, c.want != "", ok)
		if ok {
			require.Equal(t, c.want, got.Block.String())
			require.Equal(t, c.to, got.To)
		}
	}
}

// TestBlockKey: what tells transfers apart, and what does not.
func TestBlockKey(t *testing.T) {
	base := func() *codec.Message {
		return &codec.Message{Code: codec.PUT, Options: codec.Options{codec.URIPath("a"), codec.UintOption(codec.OptionContentFormat, 50), codec.RequestTag([]byte{1})}, Payload: []byte("x")}
	}
	key := MakeBlockKey(1, base())
	for what, opt := range map[string]codec.Option{
		"Block1": codec.Block1(codec.Block{Num: 3}), "Block2": codec.Block2(codec.Block{Num: 3}), "Size1": codec.Size1(5), "Size2": codec.Size2(5),
		"Observe": codec.Observe(0), "Echo": codec.Echo([]byte{1}), "No-Response": codec.NoResponse(2),
	} {
		m := base()
		m.Options = m.Options.Add(opt)
		require.Equal(t, key, MakeBlockKey(1, m), what)
	}
	m := base()
	m.Payload, m.MessageID, m.Token, m.Type = []byte("y"), 9, tok(1), codec.NON
	require.Equal(t, key, MakeBlockKey(1, m))

	require.NotEqual(t, key, MakeBlockKey(2, base()))
	for what, change := range map[string]func(*codec.Message){
		"method":         func(m *codec.Message) { m.Code = codec.POST },
		"path":           func(m *codec.Message) { m.Options = m.Options.Set(codec.URIPath("b")) },
		"longer path":    func(m *codec.Message) { m.Options = m.Options.Add(codec.URIPath("b")) },
		"Request-Tag":    func(m *codec.Message) { m.Options = m.Options.Set(codec.RequestTag([]byte{2})) },
		"no Request-Tag": func(m *codec.Message) { m.Options = m.Options.Remove(codec.OptionRequestTag) },
		"format":         func(m *codec.Message) { m.Options = m.Options.Set(codec.UintOption(codec.OptionContentFormat, 60)) },
		"If-Match":       func(m *codec.Message) { m.Options = m.Options.Add(codec.IfMatch([]byte{1})) },
	} {
		m := base()
		change(m)
		require.NotEqual(t, key, MakeBlockKey(1, m), what)
	}
	require.Zero(t, testing.AllocsPerRun(100, func() { MakeBlockKey(1, m) }))
}
