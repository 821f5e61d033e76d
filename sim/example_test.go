package sim_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/sim"
)

// A lamp that is switched by POST is tried out on a network that loses every
// fifth datagram: CoAP repeats what is lost, and the lamp is switched exactly as
// often as somebody has pressed the button.
func Example() {
	w := sim.New(2)
	defer w.Close()
	if err := w.Link("", "", sim.Link{Latency: 50 * time.Millisecond, Loss: 0.2}); err != nil {
		log.Fatal(err)
	}

	lamp, err := w.Node("lamp", actors.Config{})
	if err != nil {
		log.Fatal(err)
	}
	switched := 0
	_, err = lamp.Handle("/toggle", actors.Resource{
		Post: func(ctx context.Context, _ *actors.Request) (*actors.Response, error) {
			switched++
			return nil, actors.Sleep(ctx, 300*time.Millisecond) // relays are slow
		},
	})
	if err != nil {
		log.Fatal(err)
	}

	button, err := w.Node("button", actors.Config{})
	if err != nil {
		log.Fatal(err)
	}
	pressed := 0
	w.Go(func(ctx context.Context) {
		for range 100 {
			if _, err := button.Post(ctx, "coap://lamp/toggle", codec.TextPlain, nil); err != nil {
				fmt.Println(err)
				return
			}
			pressed++
		}
	})

	w.RunFor(time.Hour)
	fmt.Println("pressed", pressed, "times, switched", switched, "times")
	fmt.Println("something was lost:", button.Stats().Retransmissions > 0)
	// Output:
	// pressed 100 times, switched 100 times
	// something was lost: true
}
