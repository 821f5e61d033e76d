package main

import (
	"fmt"
	"math"
	"slices"

	"github.com/coap2/coap2/cmd/internal/cli"
)

// compareReport is what bench --compare --json prints.
type compareReport struct {
	Path        string `json:"path"`
	Method      string `json:"method"`
	Confirmable bool   `json:"confirmable"`
	Outstanding int    `json:"outstanding"`
	Endpoints   int    `json:"endpoints"`
	// ServerCPU and LoadCPU are the processors that they ran on; null = any.
	ServerCPU *int           `json:"server_cpu"`
	LoadCPU   *int           `json:"load_cpu"`
	Servers   []medianReport `json:"servers"`
	Rounds    []pairReport   `json:"rounds"`
}

// pairReport is a server and the raw responder, measured one after the other.
type pairReport struct {
	Round     int          `json:"round"`
	Server    string       `json:"server"`
	Ratio     float64      `json:"ratio"` // of the rates
	Measured  *benchReport `json:"measured"`
	Reference *benchReport `json:"reference"`
}

// medianReport has the medians of a server's rounds. Times are in microseconds;
// what is not known is 0.
type medianReport struct {
	Name          string   `json:"name"`
	Command       []string `json:"command"`
	Ratio         float64  `json:"ratio"`     // median of the rounds' ratios
	CPURatio      float64  `json:"cpu_ratio"` // the same, of processor time per response
	Rate          float64  `json:"responses_per_s"`
	ReferenceRate float64  `json:"reference_responses_per_s"`
	CPU           float64  `json:"cpu_us_per_response"`
	ReferenceCPU  float64  `json:"reference_cpu_us_per_response"`
	P50           float64  `json:"p50_us"`
	ReferenceP50  float64  `json:"reference_p50_us"`
	P99           float64  `json:"p99_us"`
	Resident      uint64   `json:"resident_bytes"` // the most of all rounds
	Errors        uint64   `json:"errors"`         // of all rounds
	RefErrors     uint64   `json:"reference_errors"`
	// LoadCPUs is how much of its processor the load has used beside the raw
	// responder: where that is all, the responder could have answered more, and
	// the ratio is flattering.
	LoadCPUs float64 `json:"load_cpus"`
}

func newCompareReport(c *comparison) *compareReport {
	f := c.f
	r := &compareReport{
		Path: f.path, Method: f.method.code.Name(), Confirmable: !f.non, Outstanding: f.outstanding, Endpoints: f.peers,
		Servers: []medianReport{}, Rounds: []pairReport{},
	}
	if r.Endpoints == 0 {
		r.Endpoints = f.outstanding
	}
	if c.server >= 0 {
		r.ServerCPU, r.LoadCPU = &c.server, &c.client
	}
	for _, s := range f.contenders {
		r.Servers = append(r.Servers, medianReport{Name: s.name, Command: s.argv})
	}
	return r
}

func (r *compareReport) add(p pairReport) {
	if p.Reference.Rate > 0 {
		p.Ratio = cli.Rounded(p.Measured.Rate/p.Reference.Rate, 3)
	}
	r.Rounds = append(r.Rounds, p)
	for i := range r.Servers {
		if r.Servers[i].Name == p.Server {
			r.Servers[i].update(r.Rounds)
		}
	}
}

// update computes the medians anew.
func (m *medianReport) update(rounds []pairReport) {
	m.Resident, m.Errors, m.RefErrors = 0, 0, 0
	var mine []pairReport
	for _, p := range rounds {
		if p.Server != m.Name {
			continue
		}
		mine = append(mine, p)
		m.Errors += p.Measured.Errors.Total
		m.RefErrors += p.Reference.Errors.Total
		if p.Measured.Server != nil {
			m.Resident = max(m.Resident, p.Measured.Server.ResidentBytes)
		}
	}
	of := func(value func(p *pairReport) float64) float64 {
		var vs []float64
		for i := range mine {
			vs = append(vs, value(&mine[i]))
		}
		return cli.Rounded(median(vs), 3)
	}
	m.Ratio = of(func(p *pairReport) float64 { return p.Ratio })
	m.Rate = of(func(p *pairReport) float64 { return p.Measured.Rate })
	m.ReferenceRate = of(func(p *pairReport) float64 { return p.Reference.Rate })
	m.CPU = of(func(p *pairReport) float64 { return p.Measured.cpu() })
	m.ReferenceCPU = of(func(p *pairReport) float64 { return p.Reference.cpu() })
	m.CPURatio = of(func(p *pairReport) float64 {
		if p.Reference.cpu() == 0 {
			return 0
		}
		return p.Measured.cpu() / p.Reference.cpu()
	})
	m.P50 = of(func(p *pairReport) float64 { return p.Measured.p50() })
	m.ReferenceP50 = of(func(p *pairReport) float64 { return p.Reference.p50() })
	m.P99 = of(func(p *pairReport) float64 {
		if p.Measured.Latency == nil {
			return 0
		}
		return p.Measured.Latency.P99
	})
	m.LoadCPUs = of(func(p *pairReport) float64 {
		if p.Reference.Client == nil {
			return 0
		}
		return *p.Reference.Client
	})
}

// median returns the value in the middle, or the mean of the two there.
func median(vs []float64) float64 {
	if len(vs) == 0 {
		return 0
	}
	slices.Sort(vs)
	half := len(vs) / 2
	if len(vs)%2 == 1 {
		return vs[half]
	}
	return (vs[half-1] + vs[half]) / 2
}

// cpu returns the processor time of the server for a response in microseconds;
// 0 if it is not known.
func (r *benchReport) cpu() float64 {
	if r.Server == nil {
		return 0
	}
	return r.Server.PerResponse
}

func (r *benchReport) p50() float64 {
	if r.Latency == nil {
		return 0
	}
	return r.Latency.P50
}

// failed reports whether any response was wrong or missing, the raw responder's
// included: a ratio to one that stumbles says nothing.
func (r *compareReport) failed() bool {
	return slices.ContainsFunc(r.Servers, func(m medianReport) bool { return m.Errors+m.RefErrors > 0 })
}

const compareRow = "%-6s %-16s %6s %12s %12s %15s %15s %8s %7s\n"

func (r *compareReport) printHead(a *app) {
	kind := ""
	if !r.Confirmable {
		kind = "NON "
	}
	where := "on any processor"
	if r.ServerCPU != nil {
		where = fmt.Sprintf("the server on CPU %d, the load on CPU %d", *r.ServerCPU, *r.LoadCPU)
	}
	fmt.Fprintf(a.Out, "%s%s %s: %s outstanding, from %s; %s\n", kind, r.Method, r.Path, cli.Thousands(uint64(r.Outstanding)), cli.Plural(uint64(r.Endpoints), "endpoint"), where)
	fmt.Fprintf(a.Out, compareRow, "round", "server", "ratio", "responses/s", "(raw)", "CPU µs (raw)", "p50 µs (raw)", "MiB", "errors")
}

func (r *compareReport) printPair(a *app, p *pairReport) {
	resident := uint64(0)
	if p.Measured.Server != nil {
		resident = p.Measured.Server.ResidentBytes
	}
	printRow(a, fmt.Sprint(p.Round), p.Server, p.Ratio, p.Measured.Rate, p.Reference.Rate, p.Measured.cpu(), p.Reference.cpu(),
		p.Measured.p50(), p.Reference.p50(), resident, p.Measured.Errors.Total+p.Reference.Errors.Total)
	for _, b := range []*benchReport{p.Reference, p.Measured} {
		if b.Errors.Total > 0 {
			fmt.Fprintf(a.Err, "coap2: %s: %s\n", b.URI, b.Errors.appendText(nil))
		}
	}
}

func printRow(a *app, round, name string, ratio, rate, rawRate, cpu, rawCPU, p50, rawP50 float64, resident, errs uint64) {
	fmt.Fprintf(a.Out, compareRow, round, name, fmt.Sprintf("%.2f", ratio), cli.Thousands(uint64(math.Round(rate))), cli.Thousands(uint64(math.Round(rawRate))),
		fmt.Sprintf("%.2f (%.2f)", cpu, rawCPU), fmt.Sprintf("%.0f (%.0f)", p50, rawP50), fmt.Sprintf("%.1f", mib(resident)), cli.Thousands(errs))
}

// busy is how much of a processor the load must have used to be taken for what
// has held up the raw responder.
const busy = 0.95

// print prints the medians, or all of it as JSON. early says that the comparison
// has not come to its end; without any round there is then nothing to say.
func (r *compareReport) print(a *app, asJSON, early bool) error {
	if asJSON {
		if early && len(r.Rounds) == 0 {
			return nil
		}
		_, err := a.Out.Write(cli.EncodeJSON(r, a.Terminal))
		return err
	}
	for i := range r.Servers {
		m := &r.Servers[i]
		if m.ReferenceRate == 0 {
			continue
		}
		printRow(a, "median", m.Name, m.Ratio, m.Rate, m.ReferenceRate, m.CPU, m.ReferenceCPU, m.P50, m.ReferenceP50, m.Resident, m.Errors+m.RefErrors)
		if m.LoadCPUs >= busy && m.CPURatio > 0 {
			fmt.Fprintf(a.Err, "coap2: beside the raw responder the load was busy for %.0f %% of the time: the responder can answer more, and the ratio flatters %s; by CPU time it is %.2f\n",
				100*m.LoadCPUs, m.Name, 1/m.CPURatio)
		}
	}
	return nil
}
