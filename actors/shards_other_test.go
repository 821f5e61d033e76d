//go:build !linux

package actors

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Where sockets cannot be shared by peer, shards are refused, and it is said why.
func TestShardsWhereTheSystemHasNone(t *testing.T) {
	_, err := Start(Config{Shards: 2, Listen: []string{"127.0.0.1:0"}})
	require.ErrorContains(t, err, "actors: opening the transport: udp: Config.Shards above 1 is possible on Linux only")
}
