// Command server serves one resource: a temperature that can be read and set.
package main

import (
	"context"
	"log"
	"os"
	"os/signal"
	"sync/atomic"

	"github.com/coap2/coap2/actors"
)

func main() {
	node, err := actors.Start(actors.Config{Name: "node1.local"}) // UDP port 5683, all interfaces
	if err != nil {
		log.Fatal(err)
	}
	var now atomic.Value
	now.Store(21.5)
	_, err = node.Handle("/temp", actors.Resource{
		Observable: true,
		Get:        func(context.Context, *actors.Request) (*actors.Response, error) { return actors.JSON(now.Load()) },
		Put: func(_ context.Context, r *actors.Request) (*actors.Response, error) {
			var next float64
			if err := r.JSON(&next); err != nil {
				return nil, err // 4.00 or 4.15 with the reason
			}
			now.Store(next)
			return nil, r.Route().Changed() // 2.04, and the observers are told
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	interrupted, _ := signal.NotifyContext(context.Background(), os.Interrupt)
	<-interrupted.Done()
	_ = node.Stop(context.Background())
}
