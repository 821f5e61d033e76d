// Command client asks the node of examples/server for its temperature, twice.
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

	// Ask and wait.
	res, err := node.Get(ctx, "coap://localhost/temp")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%v: %s\n", res.Code, res.Payload)

	// Ask and go on; the answer comes to the callback.
	done := make(chan struct{})
	node.Go(actors.Request{URI: "coap://localhost/temp"}, func(res *actors.Response, err error) {
		defer close(done)
		if err == nil {
			fmt.Printf("%v: %s\n", res.Code, res.Payload)
		}
	})
	<-done
	_ = node.Stop(ctx)
}
