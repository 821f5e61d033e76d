package actors

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTaskContextEndsItsChildrenInOrderAndAtOnce(t *testing.T) {
	c := &taskContext{env: SystemEnv()}
	require.NoError(t, c.Err())
	child, cancel := context.WithCancel(c)
	defer cancel()
	var order []int
	stop1 := c.AfterFunc(func() { order = append(order, 1) })
	c.AfterFunc(func() { order = append(order, 2) })
	OnEnd(child, func() { order = append(order, 3) })
	require.True(t, stop1())
	require.False(t, stop1())
	done := c.Done()
	c.end(errPeerGone)
	c.end(ErrStopped)
	// No goroutine was needed: everything has happened already.
	require.Equal(t, []int{2, 3}, order)
	require.ErrorIs(t, child.Err(), context.Canceled)
	<-done
	<-c.Done()
	ran := false
	require.False(t, OnEnd(child, func() { ran = true })())
	require.True(t, ran, "an ended context calls at once")
}

func TestSleepEndsWithItsContext(t *testing.T) {
	c := &taskContext{env: SystemEnv()}
	c.end(errPeerGone)
	require.ErrorIs(t, Sleep(c, time.Hour), context.Canceled)
	require.NoError(t, Sleep(context.Background(), 0))
	require.ErrorIs(t, Sleep(&taskContext{env: SystemEnv(), inline: true}, 0), ErrInline)
}

func TestOnEndOfAForeignContextDoesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	stop := OnEnd(ctx, func() { t.Error("called") })
	cancel()
	require.False(t, stop())
}
