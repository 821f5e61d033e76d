// Command subscriber prints what examples/server's temperature is, and then each one
// that is half a degree from the one printed last, or an hour later.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"

	"github.com/coap2/coap2/actors"
)

func main() {
	node, err := actors.Start(actors.Config{Listen: []string{":0"}}) // any free port
	if err != nil {
		log.Fatal(err)
	}
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt)
	for n, err := range node.Subscribe(ctx, "coap://localhost/temp", "delta >= 0.5; pmax=1h") {
		if err != nil {
			log.Print(err) // it has ended; losses and restarts do not end it
			break
		}
		fmt.Printf("%s (%v, chosen by the %v)\n", n.Payload, n.Reason, n.FiltersAt)
	}
	_ = node.Stop(context.Background())
}
