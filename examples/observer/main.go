// Command observer prints what examples/server's temperature is, and each new one,
// until it is interrupted.
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
	for n, err := range node.Subscribe(ctx, "coap://localhost/temp", "") {
		if err != nil {
			log.Print(err) // the observation has ended; losses and restarts do not end it
			break
		}
		fmt.Printf("%s\n", n.Payload)
	}
	_ = node.Stop(context.Background())
}
