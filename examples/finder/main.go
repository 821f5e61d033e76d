// Command finder looks for nodes that have a temperature, and asks one by its name.
package main

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/coap2/coap2/actors"
)

func main() {
	node, err := actors.Start(actors.Config{Listen: []string{":0"}}) // any free port
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	// As the answers come, each node once.
	for f, err := range node.Discover(ctx, actors.Has("/temp")) {
		if err != nil {
			log.Print(err) // no multicast here, say, or two nodes with one name
			break
		}
		fmt.Printf("%s at %v, after %v\n", f.Name, f.Addrs[0], f.Delay.Round(time.Millisecond))
	}

	// A name needs no server of names: the network is asked, and the answer kept.
	res, err := node.Get(ctx, "coap://node1.local/temp")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", res.Payload)
	_ = node.Stop(ctx)
}
