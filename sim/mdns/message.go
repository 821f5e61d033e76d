package mdns

import (
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// Port is that of multicast DNS, and Group the one to which questions are sent
// (RFC 6762 §3).
const Port = 5353

// Group returns the group to which questions are sent.
func Group() netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{224, 0, 0, 251}), Port)
}

// service is the type of what is looked for (RFC 6763 §7).
const service = "_coap._udp.local."

// flush is the bit of the class of a record by which it replaces all others of
// its name (RFC 6762 §10.2), and of the class of a question by which the response
// is wanted by unicast (§5.4).
const flush = dnsmessage.Class(1 << 15)

// Question is what a querier looks for.
type Question struct {
	// Host is the name of a host without ".local"; "" = a service.
	Host string
	// Subtype is that of the service, such as "hum"; "" = any.
	Subtype string
}

// name returns the name that is asked for, and its type.
func (q *Question) name() (string, dnsmessage.Type) {
	switch {
	case q.Host != "":
		return q.Host + ".local.", dnsmessage.TypeA
	case q.Subtype != "":
		return "_" + q.Subtype + "._sub." + service, dnsmessage.TypePTR
	}
	return service, dnsmessage.TypePTR
}

// Instance is a service of a host.
type Instance struct {
	// Name is that of the host, and of the instance: one label, without
	// ".local".
	Name string
	// Subtypes are those of the service; TXT is what is said of it. An empty TXT is
	// one empty string (RFC 6763 §6.1).
	Subtypes, TXT []string
	// Addr are the addresses of the host.
	Addr []netip.Addr
	// Service is the port of the service.
	Service uint16
}

func (i *Instance) has(subtype string) bool {
	for _, s := range i.Subtypes {
		if s == subtype {
			return true
		}
	}
	return false
}

func header(name string, class dnsmessage.Class, ttl uint32) (dnsmessage.ResourceHeader, error) {
	n, err := dnsmessage.NewName(name)
	if ttl == 0 {
		ttl = 120
	}
	return dnsmessage.ResourceHeader{Name: n, Class: class, TTL: ttl}, err
}

// question returns a message with a question and as many of the known answers
// as have room; done is how many these are. Where it is not the first message of a
// question there is no question in it.
func question(p *Profile, q *Question, first bool, known []string) (msg []byte, done int, err error) {
	name, kind := q.name()
	n, err := dnsmessage.NewName(name)
	if err != nil {
		return nil, 0, fmt.Errorf("mdns: %q: %w", name, err)
	}
	// A known answer is a pointer to the name, ten bytes, and the label of the
	// instance with a pointer.
	size, names := 12, 0
	if first {
		size += len(name) + 1 + 4
		names = len(name) + 1
	}
	for done < len(known) {
		more := 2 + 10 + 1 + len(known[done]) + 2
		if names == 0 {
			more += len(name) - 1
			names = len(name) + 1
		}
		if size+more > p.message() && size > 12 {
			break
		}
		size += more
		done++
	}
	b := dnsmessage.NewBuilder(make([]byte, 0, size), dnsmessage.Header{Truncated: done < len(known)})
	b.EnableCompression()
	if first {
		class := dnsmessage.ClassINET
		if p.Unicast {
			class |= flush
		}
		if err := b.StartQuestions(); err != nil {
			return nil, 0, err
		}
		if err := b.Question(dnsmessage.Question{Name: n, Type: kind, Class: class}); err != nil {
			return nil, 0, err
		}
	}
	if err := b.StartAnswers(); err != nil {
		return nil, 0, err
	}
	for _, k := range known[:done] {
		if err := pointer(&b, name, k, p.TTL); err != nil {
			return nil, 0, err
		}
	}
	msg, err = b.Finish()
	return msg, done, err
}

// pointer adds a PTR record from a name to an instance.
func pointer(b *dnsmessage.Builder, name, instance string, ttl uint32) error {
	h, err := header(name, dnsmessage.ClassINET, ttl)
	if err != nil {
		return err
	}
	to, err := dnsmessage.NewName(instance + "." + service)
	if err != nil {
		return err
	}
	return b.PTRResource(h, dnsmessage.PTRResource{PTR: to})
}

// response returns the answer to a question: the record that was asked for, and
// with it those that the querier will need next (RFC 6763 §12), PTR, SRV, TXT, A
// and AAAA in one message.
func (i *Instance) response(p *Profile, q *Question) ([]byte, error) {
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{Response: true, Authoritative: true})
	b.EnableCompression()
	if err := b.StartAnswers(); err != nil {
		return nil, err
	}
	if q.Host == "" {
		name, _ := q.name()
		if err := pointer(&b, name, i.Name, p.TTL); err != nil {
			return nil, err
		}
		if p.Selective { // the others are additional records there, and answers in the other profile
			if err := b.StartAdditionals(); err != nil {
				return nil, err
			}
		}
		if err := i.describe(&b, p); err != nil {
			return nil, err
		}
	}
	if err := i.addresses(&b, p); err != nil {
		return nil, err
	}
	return b.Finish()
}

// describe adds the SRV and TXT records.
func (i *Instance) describe(b *dnsmessage.Builder, p *Profile) error {
	h, err := header(i.Name+"."+service, dnsmessage.ClassINET|flush, p.TTL)
	if err != nil {
		return err
	}
	host, err := dnsmessage.NewName(i.Name + ".local.")
	if err != nil {
		return err
	}
	if err := b.SRVResource(h, dnsmessage.SRVResource{Port: i.Service, Target: host}); err != nil {
		return err
	}
	txt := i.TXT
	if len(txt) == 0 {
		txt = []string{""}
	}
	return b.TXTResource(h, dnsmessage.TXTResource{TXT: txt})
}

func (i *Instance) addresses(b *dnsmessage.Builder, p *Profile) error {
	h, err := header(i.Name+".local.", dnsmessage.ClassINET|flush, p.HostTTL)
	for _, a := range i.Addr {
		switch {
		case err != nil:
		case a.Is4():
			err = b.AResource(h, dnsmessage.AResource{A: a.As4()})
		default:
			err = b.AAAAResource(h, dnsmessage.AAAAResource{AAAA: a.As16()})
		}
	}
	return err
}

// heard is what is in a message, as far as anybody here wants to know.
type heard struct {
	response  bool
	question  Question
	asks      bool // there is a question that is understood
	instances []string
	known     map[string]bool // the instances, once somebody asks
}

// parse reads a message.
func parse(data []byte) (h heard, err error) {
	var m dnsmessage.Parser
	head, err := m.Start(data)
	if err != nil {
		return h, fmt.Errorf("mdns: %w", err)
	}
	h.response = head.Response
	questions, err := m.AllQuestions()
	if err != nil {
		return h, fmt.Errorf("mdns: %w", err)
	}
	for _, q := range questions {
		name := q.Name.String()
		switch {
		case q.Type == dnsmessage.TypePTR && name == service:
			h.asks = true
		case q.Type == dnsmessage.TypePTR && strings.HasSuffix(name, "._sub."+service):
			h.asks = true
			h.question.Subtype = strings.TrimPrefix(strings.TrimSuffix(name, "._sub."+service), "_")
		case q.Type == dnsmessage.TypeA:
			h.question.Host, h.asks = strings.CutSuffix(name, ".local.")
		}
	}
	for {
		r, err := m.Answer()
		if err == dnsmessage.ErrSectionDone {
			return h, nil
		}
		if err != nil {
			return h, fmt.Errorf("mdns: %w", err)
		}
		switch body := r.Body.(type) {
		case *dnsmessage.PTRResource:
			if name, ok := strings.CutSuffix(body.PTR.String(), "."+service); ok {
				h.instances = append(h.instances, name)
			}
		case *dnsmessage.AResource:
			if name, ok := strings.CutSuffix(r.Header.Name.String(), ".local."); ok && len(h.instances) == 0 {
				h.instances = append(h.instances, name)
			}
		}
	}
}

func (h *heard) knows(name string) bool {
	if h.known == nil {
		h.known = make(map[string]bool, len(h.instances))
		for _, i := range h.instances {
			h.known[i] = true
		}
	}
	return h.known[name]
}
