package main

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMain lets the test be the server, as the command is.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == serveCommand {
		exit(serve(os.Args[2] == "true"))
		return
	}
	os.Exit(m.Run())
}

// TestMeasure: everything arrives that is to, with either protocol; how fast is
// not looked at.
func TestMeasure(t *testing.T) {
	if _, err := findMosquitto(); err != nil {
		if os.Getenv("COAP2_REQUIRE_PEERS") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	s := settings{subscribers: 50, duration: time.Second, rate: 20, window: 4, rounds: 1, server: -1}
	var out bytes.Buffer
	require.NoError(t, run(s, true, &out))
	var r report
	require.NoError(t, json.Unmarshal(out.Bytes(), &r))
	require.Len(t, r.Cases, 8)
	for _, c := range r.Cases {
		require.NotZero(t, c.Notifications, "%+v", c)
		require.True(t, c.Bytes > c.Packets && c.P99 >= c.P50, "%+v", c)
	}
	require.NoError(t, r.print(&out))
}

// TestMeter: what is wrong is found.
func TestMeter(t *testing.T) {
	for _, x := range []struct {
		name string
		got  []string
		want string
	}{
		{"in order", []string{sample(0), sample(1), sample(2)}, ""},
		{"a gap", []string{sample(0), sample(2)}, `was told "102.000002" and not "101.000001"`},
		{"twice", []string{sample(0), sample(0)}, "again, or late"},
		{"not published yet", []string{sample(3)}, "nobody has published"},
		{"damaged", []string{"100.000001"}, "nobody has published"},
		{"anything", []string{"x"}, "nobody has published"},
	} {
		m := newMeter(settings{subscribers: 1}, result{QoS: 1, Wanted: 1})
		for range 3 {
			m.next()
		}
		for _, p := range x.got {
			m.got(0, []byte(p))
		}
		if err := m.wrong.Load(); x.want == "" {
			require.Nil(t, err, x.name)
			require.Zero(t, m.missing())
		} else {
			require.NotNil(t, err, x.name)
			require.ErrorContains(t, *err, x.want, x.name)
		}
	}
	m := newMeter(settings{subscribers: 2}, result{QoS: 1, Wanted: classes})
	for range classes + 2 {
		m.next()
	}
	m.got(1, []byte(sample(1)))
	m.got(1, []byte(sample(2))) // not wanted
	require.Equal(t, uint64(3), m.missing())
}
