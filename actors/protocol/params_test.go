package protocol

import (
	"math"
	"testing"
	"time"

	"github.com/coap2/coap2/netio"
	"github.com/stretchr/testify/require"
)

// t0 is the moment at which the tests begin; odd, so that nothing is aligned.
const t0 = netio.Instant(1_234_567_890_123)

// The figures of RFC 7252 §4.8.2 for the default parameters.
func TestParamsDefaults(t *testing.T) {
	p := Params{}.WithDefaults()
	require.NoError(t, p.Validate())
	require.Equal(t, Params{
		AckTimeout: 2 * time.Second, AckRandomFactor: 1.5, MaxRetransmit: 4, NStart: 1,
		DefaultLeisure: 5 * time.Second, ProbingRate: 1,
		MaxLatency: 100 * time.Second, ProcessingDelay: 2 * time.Second,
	}, p)
	require.Equal(t, p, p.WithDefaults())
	require.Equal(t, 45*time.Second, p.MaxTransmitSpan())
	require.Equal(t, 93*time.Second, p.MaxTransmitWait())
	require.Equal(t, 202*time.Second, p.MaxRTT())
	require.Equal(t, 247*time.Second, p.ExchangeLifetime())
	require.Equal(t, 145*time.Second, p.NonLifetime())
	require.Equal(t, 4, p.Retransmits())
}

func TestParamsDerived(t *testing.T) {
	for _, c := range []struct {
		name                  string
		p                     Params
		retransmits           int
		span, wait, rtt, life time.Duration
	}{
		{"never repeated", Params{MaxRetransmit: -1}, 0, 0, 3 * time.Second, 202 * time.Second, 202 * time.Second},
		{"once", Params{MaxRetransmit: 1}, 1, 3 * time.Second, 9 * time.Second, 202 * time.Second, 205 * time.Second},
		{"slow", Params{AckTimeout: 10 * time.Second, AckRandomFactor: 1}, 4, 150 * time.Second, 310 * time.Second, 210 * time.Second, 360 * time.Second},
		{"local", Params{AckTimeout: 100 * time.Millisecond, MaxLatency: time.Second, ProcessingDelay: time.Millisecond}, 4,
			2250 * time.Millisecond, 4650 * time.Millisecond, 2001 * time.Millisecond, 4251 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.NoError(t, c.p.Validate())
			p := c.p.WithDefaults()
			require.NoError(t, p.Validate())
			require.Equal(t, p, p.WithDefaults())
			require.Equal(t, c.retransmits, p.Retransmits())
			require.Equal(t, c.span, p.MaxTransmitSpan())
			require.Equal(t, c.wait, p.MaxTransmitWait())
			require.Equal(t, c.rtt, p.MaxRTT())
			require.Equal(t, c.life, p.ExchangeLifetime())
			require.Equal(t, c.span+p.MaxLatency, p.NonLifetime())
		})
	}
}

func TestParamsValidate(t *testing.T) {
	require.NoError(t, Params{}.Validate())
	require.NoError(t, Params{
		AckTimeout: maxAckTimeout, AckRandomFactor: maxRandomFactor, MaxRetransmit: maxRetransmitLimit,
		MaxLatency: maxParamDuration, ProcessingDelay: maxParamDuration,
	}.Validate())
	for field, p := range map[string]Params{
		"AckTimeout":      {AckTimeout: 2 * time.Hour},
		"DefaultLeisure":  {DefaultLeisure: 25 * time.Hour},
		"MaxLatency":      {MaxLatency: -time.Second},
		"ProcessingDelay": {ProcessingDelay: math.MaxInt64},
		"AckRandomFactor": {AckRandomFactor: 0.99},
		"MaxRetransmit":   {MaxRetransmit: 17},
		"NStart":          {NStart: -1},
		"ProbingRate":     {ProbingRate: -1},
	} {
		require.ErrorContains(t, p.Validate(), "protocol: "+field+" is ")
	}
	require.Error(t, Params{AckRandomFactor: math.NaN()}.Validate())
	require.Error(t, Params{AckRandomFactor: 11}.Validate())
	require.Error(t, Params{ProbingRate: math.NaN()}.Validate())
	require.Error(t, Params{ProbingRate: math.Inf(1)}.Validate())
}

func TestParamsExtremesStayPositive(t *testing.T) {
	p := Params{
		AckTimeout: maxAckTimeout, AckRandomFactor: maxRandomFactor, MaxRetransmit: maxRetransmitLimit,
		MaxLatency: maxParamDuration, ProcessingDelay: maxParamDuration,
	}.WithDefaults()
	require.Positive(t, p.MaxTransmitWait())
	require.Greater(t, p.ExchangeLifetime(), p.MaxTransmitSpan())
}

func TestMerge(t *testing.T) {
	over := Params{
		AckTimeout: 1, AckRandomFactor: 2, MaxRetransmit: -1, NStart: 3,
		DefaultLeisure: 4, ProbingRate: 5, MaxLatency: 6, ProcessingDelay: 7,
	}
	require.Equal(t, over, Merge(Params{}.WithDefaults(), over))
	require.Equal(t, over, Merge(over, Params{}))
	require.Equal(t, Params{NStart: 4, AckTimeout: 3}, Merge(Params{NStart: 4, AckTimeout: 2}, Params{AckTimeout: 3}))
	// The processing delay follows the timeout that has won.
	require.Equal(t, 3*time.Second, Merge(Params{AckTimeout: 2 * time.Second}, Params{AckTimeout: 3 * time.Second}).WithDefaults().ProcessingDelay)
}
