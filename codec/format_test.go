package codec

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFormatRegistry(t *testing.T) {
	seen := map[string]bool{}
	for i, d := range formatDefs {
		if i > 0 {
			require.Less(t, formatDefs[i-1].number, d.number)
		}
		s := d.number.String()
		require.False(t, seen[s], s)
		seen[s] = true
		require.NotContains(t, s, " ")
		require.Less(t, len(s), maxFormatName)
		for _, text := range []string{s, strings.ToUpper(s), strings.ReplaceAll(s, ";", "; ")} {
			f, err := ParseFormat(text)
			require.NoError(t, err, text)
			require.Equal(t, d.number, f, text)
		}
		mediaType, coding, ok := d.number.MediaType()
		require.True(t, ok)
		require.Equal(t, d.mediaType+d.coding, mediaType+coding)
	}
	_, _, ok := Format(65000).MediaType()
	require.False(t, ok)
}

func TestParseFormat(t *testing.T) {
	for s, want := range map[string]Format{
		"json": JSON, "JSON": JSON, "cbor": CBOR, "text": TextPlain, "plain": TextPlain, "text/plain": TextPlain, "link": LinkFormat,
		"link-format": LinkFormat, "xml": XML, "octets": OctetStream, "octet-stream": OctetStream, "binary": OctetStream, "exi": EXI,
		"senml+json": 110, "senml+cbor": 112, "cwt": 61, "lwm2m+tlv": 11542, "lwm2m+json": 11543, "td+json": 432,
		"application/json": JSON, "text/plain; charset=UTF-8": TextPlain, "application/json;coding=deflate": 11050, "json;coding=zstd": 12050,
		"application/cose;cose-type=cose-sign1": 18, "pkcs7-mime;smime-type=certs-only": 281, "yang-data+cbor": 340,
		"0": 0, "50": 50, "65535": 65535, "1": 1,
	} {
		f, err := ParseFormat(s)
		require.NoError(t, err, s)
		require.Equal(t, want, f, s)
	}
	for s, want := range map[string]string{
		"": "unknown", "jsonx": "unknown", "65536": "unknown", "-1": "unknown", "application/": "unknown", "/json": "unknown", ";": "unknown",
		"application/cose": "several numbers", "cose": "several numbers", "pkcs7-mime": "several numbers",
		strings.Repeat("x", 1<<16): "unknown",
	} {
		_, err := ParseFormat(s)
		require.ErrorIs(t, err, ErrFormatName, "%.20s", s)
		require.ErrorContains(t, err, want)
		require.Less(t, len(err.Error()), 400)
	}
}

func TestFormatKinds(t *testing.T) {
	for f, want := range map[Format]string{
		TextPlain: "text", LinkFormat: "text", XML: "text", JSON: "text json", CBOR: "cbor", OctetStream: "", EXI: "", 22: "",
		110: "text json", 112: "cbor", 113: "cbor", 310: "text", 320: "text json", 63: "cbor", 64: "cbor", 18: "cbor", 61: "cbor", 62: "cbor", 101: "cbor",
		257: "cbor", 263: "cbor", 264: "text", 276: "text", 278: "cbor", 10001: "", 10002: "text", 11050: "", 11060: "", 12000: "", 11542: "", 11543: "text json", 11544: "cbor",
		20000: "text", 30000: "text", 65000: "", 1: "",
	} {
		var got []string
		if f.IsText() {
			got = append(got, "text")
		}
		if f.IsJSON() {
			got = append(got, "json")
		}
		if f.IsCBOR() {
			got = append(got, "cbor")
		}
		require.Equal(t, want, strings.Join(got, " "), f.String())
	}
}
