package codec

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCodeText(t *testing.T) {
	for c, want := range map[Code]string{
		Empty: "0.00 Empty", GET: "0.01 GET", IPATCH: "0.07 iPATCH", Content: "2.05 Content", Continue: "2.31 Continue",
		RequestEntityIncomplete: "4.08 Request Entity Incomplete", HopLimitReached: "5.08 Hop Limit Reached",
		NewCode(2, 17): "2.17", NewCode(0, 31): "0.31", NewCode(7, 31): "7.31", NewCode(3, 0): "3.00",
	} {
		require.Equal(t, want, c.String())
	}
	for i := range 256 {
		c := Code(i)
		for _, s := range []string{c.String(), c.String()[:4], strings.ToLower(c.String())} {
			got, err := ParseCode(s)
			require.NoError(t, err)
			require.Equal(t, c, got)
		}
	}
	for _, s := range []string{"", "2", "2.5", "205", "2.32", "8.00", "2.050", "2.05 Valid", "2.05 ", "+.05", "2.+5", "2,05", " 2.05"} {
		_, err := ParseCode(s)
		require.ErrorContains(t, err, "codec: ", s)
	}
}

func TestParseMethod(t *testing.T) {
	for s, want := range map[string]Code{"GET": GET, "get": GET, "Post": POST, "put": PUT, "DELETE": DELETE, "fetch": FETCH, "patch": PATCH, "ipatch": IPATCH, "iPATCH": IPATCH, "0.02": POST, "0.31": 31} {
		got, err := ParseMethod(s)
		require.NoError(t, err, s)
		require.Equal(t, want, got, s)
	}
	for _, s := range []string{"", "Empty", "HEAD", "2.05", "0.00", "GET ", "1"} {
		_, err := ParseMethod(s)
		require.ErrorContains(t, err, "methods are GET", s)
	}
}

func TestCodeClasses(t *testing.T) {
	for i := range 256 {
		c := Code(i)
		require.Equal(t, c, NewCode(c.Class(), c.Detail()))
		require.Equal(t, i >= 1 && i < 32, c.IsRequest())
		require.Equal(t, strings.ContainsRune("245", rune('0'+c.Class())), c.IsResponse())
		require.Equal(t, c.Class() == 2, c.IsSuccess())
		require.Equal(t, c == GET || c == PUT || c == DELETE || c == FETCH, c.Idempotent())
	}
	require.Equal(t, "CON NON ACK RST Type(9)", strings.Join([]string{CON.String(), NON.String(), ACK.String(), RST.String(), Type(9).String()}, " "))
}
