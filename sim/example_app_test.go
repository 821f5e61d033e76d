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

// collector is an application: it adds up what sensors report. Nothing in it
// knows of the simulation.
type collector struct {
	reports int
	total   int
}

// serve adds the collector to a node, here as in production.
func (c *collector) serve(n *actors.Node) error {
	_, err := n.Handle("/reports", actors.Resource{Post: func(_ context.Context, r *actors.Request) (*actors.Response, error) {
		var litres int
		if err := r.JSON(&litres); err != nil {
			return nil, err
		}
		c.reports++
		c.total += litres
		return actors.Status(codec.Created)
	}})
	return err
}

// report is what a sensor does: it sends a reading, and tries again after a
// while if the collector was not there.
func report(ctx context.Context, n *actors.Node, litres int) error {
	for {
		_, err := n.Post(ctx, "coap://collector/reports", codec.JSON, fmt.Appendf(nil, "%d", litres))
		if err == nil {
			return nil
		}
		if err := actors.Sleep(ctx, time.Minute); err != nil {
			return err
		}
	}
}

// An application is tried out with 200 nodes and a network that loses every fifth
// datagram, in some milliseconds, and the same way every time: do the readings
// of all sensors arrive, and none of them twice?
func ExampleNew() {
	w := sim.New(7)
	defer w.Close()
	if err := w.Link("", "", sim.Link{Latency: 30 * time.Millisecond, Jitter: 50 * time.Millisecond, Loss: 0.2}); err != nil {
		log.Fatal(err)
	}
	var c collector
	if _, err := w.Node("collector", actors.Config{Setup: c.serve}); err != nil {
		log.Fatal(err)
	}
	sensors, err := w.Nodes(sim.Group{Name: "sensor%d", Count: 200})
	if err != nil {
		log.Fatal(err)
	}

	done := 0
	for i := range sensors.Len() {
		n, err := sensors.Node(i)
		if err != nil {
			log.Fatal(err)
		}
		w.Go(func(ctx context.Context) {
			if report(ctx, n, i) == nil {
				done++
			}
		})
	}
	w.RunFor(time.Hour)

	fmt.Println(done, "sensors have reported,", c.reports, "reports have arrived")
	fmt.Println("litres:", c.total, "of", 199*200/2)
	net := w.NetStats()
	fmt.Println("datagrams were lost:", net.LostTotal() > 50)
	// Output:
	// 200 sensors have reported, 200 reports have arrived
	// litres: 19900 of 19900
	// datagrams were lost: true
}
