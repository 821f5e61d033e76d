package mqtt

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/sim"
)

// lab is a World with a broker, a publisher and a subscriber.
type lab struct {
	*sim.World
	broker   *Broker
	pub, sub *Client
	got      []string
	at       []time.Duration
	frames   []string // what was sent: who, and the length of the IP packet
}

func newLab(t *testing.T, seed uint64, link sim.Link, p Profile) *lab {
	l := &lab{World: sim.New(seed)}
	t.Cleanup(l.World.Close)
	require.NoError(t, l.Link("", "", link))
	require.NoError(t, p.Validate())
	peer := func(name string) *sim.Peer {
		p, err := l.Peer(name)
		require.NoError(t, err)
		return p
	}
	l.broker = NewBroker(l.World, peer("broker"), p)
	l.pub = NewClient(l.World, peer("pub"), l.broker.Addr(), "pub", p)
	l.sub = NewClient(l.World, peer("sub"), l.broker.Addr(), "s7", p)
	l.sub.OnMessage = func(topic string, payload []byte) {
		l.got = append(l.got, topic+"="+string(payload))
		l.at = append(l.at, l.Elapsed())
	}
	return l
}

// watch notes the length of what is sent, IP header included.
func (l *lab) watch() {
	l.Watch(func(t *sim.Transit) {
		if t.Kind != sim.TransitSent {
			return
		}
		l.frames = append(l.frames, fmt.Sprintf("%s→%s %d", t.From, t.To, 28+len(t.Data)))
	})
}

func (l *lab) taken() []string {
	f := l.frames
	l.frames = nil
	return f
}

const temp = "temp"

func TestOneMessage(t *testing.T) {
	const way = 10 * time.Millisecond
	for _, x := range []struct {
		name           string
		p              Profile
		begin, message []string
	}{
		{"QoS 0", Profile{}, []string{
			"sub→broker 60", "broker→sub 60", "sub→broker 52", // SYN, SYN with ACK, ACK
			"sub→broker 68", "broker→sub 56", // CONNECT 16, CONNACK 4
			"sub→broker 63", "broker→sub 57", // SUBSCRIBE 11, SUBACK 5
			"sub→broker 52", // ACK, delayed
		}, []string{
			"pub→broker 64", "broker→sub 64", "broker→pub 52", "sub→broker 52", // PUBLISH 12, and what acknowledges it
		}},
		{"QoS 1, MQTT 5", Profile{Version: 5, QoS: 1}, []string{
			"sub→broker 60", "broker→sub 60", "sub→broker 52",
			"sub→broker 69", "broker→sub 57",
			"sub→broker 64", "broker→sub 58",
			"sub→broker 52",
		}, []string{
			"pub→broker 67", "broker→pub 56", "broker→sub 67", "sub→broker 56", "pub→broker 52", "broker→sub 52", // PUBLISH 15, PUBACK 4
		}},
		{"without timestamps", Profile{NoTimestamps: true}, []string{
			"sub→broker 44", "broker→sub 44", "sub→broker 40",
			"sub→broker 56", "broker→sub 44",
			"sub→broker 51", "broker→sub 45",
			"sub→broker 40",
		}, []string{
			"pub→broker 52", "broker→sub 52", "broker→pub 40", "sub→broker 40",
		}},
	} {
		t.Run(x.name, func(t *testing.T) {
			l := newLab(t, 1, sim.Link{Latency: way}, x.p)
			l.pub.Connect()
			require.NoError(t, l.RunFor(time.Second))
			l.watch()
			l.sub.Subscribe(temp)
			l.sub.Connect()
			require.NoError(t, l.RunFor(time.Second))
			require.Equal(t, x.begin, l.taken())
			l.pub.Publish(temp, []byte("21.5"))
			began := l.Elapsed()
			require.NoError(t, l.RunFor(time.Second))
			require.Equal(t, x.message, l.taken())
			require.Equal(t, []string{"temp=21.5"}, l.got)
			require.Equal(t, 2*way, l.at[0]-began, "by way of the broker")
			require.NoError(t, l.RunFor(time.Minute))
			require.Len(t, l.taken(), 6, "two clients ask whether the broker is there (PINGREQ, PINGRESP, ACK)")
			require.True(t, l.sub.Connected())
		})
	}
}

// TestNagle: a small segment waits for what was sent before it.
func TestNagle(t *testing.T) {
	for _, x := range []struct {
		p    Profile
		late time.Duration
	}{{Profile{}, 60 * time.Millisecond}, {Profile{NoDelay: true}, 0}} {
		l := newLab(t, 1, sim.Link{Latency: 10 * time.Millisecond}, x.p)
		l.sub.Subscribe(temp)
		l.sub.Connect()
		l.pub.Connect()
		require.NoError(t, l.RunFor(time.Second))
		l.watch()
		l.pub.Publish(temp, []byte("1"))
		l.pub.Publish(temp, []byte("2"))
		l.pub.Publish(temp, []byte("3"))
		require.NoError(t, l.RunFor(time.Second))
		require.Equal(t, []string{"temp=1", "temp=2", "temp=3"}, l.got)
		// The publisher waits for the broker's delayed acknowledgement, and sends
		// both together; they come while the subscriber's is known already.
		require.Equal(t, x.late, l.at[1]-l.at[0])
	}
}

// TestRetained: who subscribes later is told the last value.
func TestRetained(t *testing.T) {
	l := newLab(t, 1, sim.Link{Latency: time.Millisecond}, Profile{Retain: true, QoS: 1})
	l.pub.Connect()
	l.pub.Publish(temp, []byte("20"))
	l.pub.Publish(temp, []byte("21"))
	require.NoError(t, l.RunFor(time.Second))
	l.sub.Subscribe(temp)
	subscribed := ""
	l.sub.OnSubscribed = func(topic string) { subscribed = topic }
	l.sub.Connect()
	require.NoError(t, l.RunFor(time.Second))
	require.Equal(t, []string{"temp=21"}, l.got)
	require.Equal(t, temp, subscribed)
}

// TestLoss: whatever the network does, everything comes, once, and in order.
func TestLoss(t *testing.T) {
	const messages = 200
	var want []string
	for i := range messages {
		want = append(want, fmt.Sprintf("temp=%d", i))
	}
	for seed := range uint64(20) {
		for _, noDelay := range []bool{false, true} {
			l := newLab(t, seed, sim.Link{Latency: 5 * time.Millisecond, Jitter: 30 * time.Millisecond, Loss: 0.2, Duplicate: 0.1, Corrupt: 0.02}, Profile{QoS: 1, NoDelay: noDelay})
			l.sub.Subscribe(temp)
			l.sub.Connect()
			l.pub.Connect()
			require.NoError(t, l.RunFor(2*time.Minute))
			require.True(t, l.sub.Connected() && l.pub.Connected())
			for i := range messages {
				l.pub.Publish(temp, fmt.Append(nil, i))
				require.NoError(t, l.RunFor(50*time.Millisecond))
			}
			require.NoError(t, l.RunFor(3*time.Minute))
			require.Equal(t, want, l.got, "seed %d", seed)
		}
	}
}

// TestAway: a client that cannot be reached is given up, and comes back; what was
// published meanwhile waits for it.
func TestAway(t *testing.T) {
	l := newLab(t, 1, sim.Link{Latency: 5 * time.Millisecond}, Profile{QoS: 1, KeepAlive: 10 * time.Second, Queued: 5})
	l.sub.Subscribe(temp)
	l.sub.Connect()
	l.pub.Connect()
	require.NoError(t, l.RunFor(time.Second))
	_, err := l.Partition(sim.Partition{From: "sub", To: "broker"})
	require.NoError(t, err)
	require.NoError(t, l.RunFor(time.Minute))
	require.False(t, l.sub.Connected(), "the broker does not answer")
	for i := range 8 {
		l.pub.Publish(temp, fmt.Append(nil, i))
	}
	require.NoError(t, l.RunFor(time.Second))
	require.Equal(t, uint64(3), l.broker.Dropped("s7"))
	l.Heal()
	require.NoError(t, l.RunFor(5*time.Minute))
	require.Equal(t, []string{"temp=0", "temp=1", "temp=2", "temp=3", "temp=4"}, l.got)
	l.sub.Close()
	require.NoError(t, l.RunFor(time.Minute))
	require.False(t, l.sub.Connected())
}

func TestProfile(t *testing.T) {
	for _, p := range []Profile{{Version: 3}, {QoS: 2}, {KeepAlive: time.Millisecond}, {KeepAlive: 100_000 * time.Second}, {Inflight: -1}, {Queued: -1}} {
		require.Error(t, p.Validate(), "%+v", p)
	}
}
