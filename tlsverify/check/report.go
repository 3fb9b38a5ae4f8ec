package check

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"fetchd/tlsverify"
	"fetchd/tlsverify/internal/show"
)

// Report is what the check-list found.
type Report struct {
	Host      string    `json:"host"`
	Port      int       `json:"port"`
	Proto     string    `json:"proto"`
	Wrapped   bool      `json:"wrapped"`
	Time      time.Time `json:"time"`
	Addresses []string  `json:"addresses"`
	Items     []Item    `json:"items"`
	Verified  bool      `json:"verified"` // pins aside, fetchd would trust each address that answered
	Pins      []string  `json:"pins"`     // of the servers' keys: "sha256//BASE64"
	Paste     []string  `json:"paste"`    // rc lines, comments begin with #

	// Refusal is why an address that answered does not prove who it is, by chain and name or by pins that
	// stand alone; nil also if there was no certificate at all.
	Refusal error `json:"-"`
}

func (c *checker) report(seen []sight) *Report {
	r := &Report{Host: c.o.Host, Port: c.o.Port, Proto: c.d.name, Wrapped: c.o.Wrapped, Time: c.now,
		Verified: true}

	var perAddress [][]Item
	for _, s := range seen {
		r.Addresses = append(r.Addresses, s.addr.String())
		perAddress = append(perAddress, c.judge(s))
		if !s.certificate() {
			continue
		}
		if pin := tlsverify.PinOf(s.state.PeerCertificates[0]).String(); !slices.Contains(r.Pins, pin) {
			r.Pins = append(r.Pins, pin)
		}
		_, refusal := c.pinless.Judge(*s.state)
		r.Verified = r.Verified && refusal == nil
		if _, refusal = c.proof.Judge(*s.state); r.Refusal == nil {
			r.Refusal = refusal
		}
	}

	// Without any certificate nothing was verified, though nothing was refused either.
	r.Verified = r.Verified && len(r.Pins) > 0

	r.Items = merge(r.Addresses, perAddress)
	r.compareAddresses(seen)
	slices.SortStableFunc(r.Items, func(a, b Item) int { return checkOrder(a.Check) - checkOrder(b.Check) })
	r.Paste = r.paste()
	return r
}

func checkOrder(check string) int {
	return slices.Index([]string{
		Reach, STARTTLS, Versions, Names, Addresses, Chain, Root, Strength, Validity, Revocation, Pins,
	}, check)
}

// merge keeps one of the items that are the same at all addresses.
func merge(addrs []string, perAddress [][]Item) []Item {
	var out []Item
	for i, items := range perAddress {
		for _, it := range items {
			everywhere := !slices.ContainsFunc(perAddress, func(other []Item) bool {
				return !slices.ContainsFunc(other, func(o Item) bool { return sameItem(o, it) })
			})
			// Told with the first address, for all of them.
			if everywhere && i > 0 {
				continue
			}
			if !everywhere || len(addrs) == 1 && it.Check == Reach {
				it.Address = addrs[i]
			}
			out = append(out, it)
		}
	}

	return out
}

func sameItem(a, b Item) bool {
	return a.Check == b.Check && a.Level == b.Level && a.Text == b.Text && slices.Equal(a.Details, b.Details)
}

const noTLS = "no TLS"

// compareAddresses tells whether load-balanced addresses are one and the same server to a client.
func (r *Report) compareAddresses(seen []sight) {
	if len(seen) < 2 {
		return
	}

	kinds := map[string]int{}
	var details []string
	for _, s := range seen {
		kind := noTLS
		if s.certificate() {
			kind = tlsverify.FingerprintOf(s.state.PeerCertificates[0]).String()
		}
		kinds[kind]++
		details = append(details, s.addr.String()+": "+kind)
	}

	it := Item{Check: Addresses, Text: fmt.Sprintf("%d addresses, one certificate", len(seen))}
	switch {
	case kinds[noTLS] > 0:
		it.Level, it.Details = Fail, details
		it.Text = fmt.Sprintf("%d of %d addresses do not come to TLS", kinds[noTLS], len(seen))
	case len(kinds) > 1:
		it.Level, it.Details = Warn, details
		it.Text = fmt.Sprintf("%d addresses, %d different certificates: pins must cover all of them",
			len(seen), len(kinds))
	}

	r.Items = append(r.Items, it)
}

// ExitStatus is 0 if all is well, 1 with warnings, 2 with failures.
func (r *Report) ExitStatus() int {
	worst := OK
	for _, it := range r.Items {
		worst = max(worst, it.Level)
	}
	return int(worst)
}

func (r *Report) fails(checks ...string) bool {
	return slices.ContainsFunc(r.Items, func(it Item) bool {
		return it.Level == Fail && slices.Contains(checks, it.Check)
	})
}

// paste makes rc lines that fit what was seen. A line that gives up a check is a comment, with what must be
// done first.
func (r *Report) paste() []string {
	if len(r.Pins) == 0 {
		return []string{"# no certificate was seen, so there is nothing to paste"}
	}

	var lines []string
	if r.Wrapped {
		lines = append(lines, "ssl")
	}

	lines = append(lines, "sslcertck")

	pin := "sslpin"
	for _, p := range r.Pins {
		pin += fmt.Sprintf(" %q", p)
	}

	switch {
	// A pin would make these servers pass, and they would still be unsafe.
	case r.fails(STARTTLS, Versions, Revocation, Strength):
		return append(lines,
			"# The check above fails and no setting makes this server safe here; see --report. "+
				"Perhaps another port is better.")
	case r.Verified:
		return append(lines, "# optional, survives a renewal that keeps the key:", pin)
	}

	return append(lines,
		"# The check above fails. "+
			"Only after the operator confirmed this key by another way than this connection:",
		"# no sslcertck", "# "+pin)
}

// Text writes the report for a person: one line an item, then the rc lines.
func (r *Report) Text(w io.Writer) error {
	out := &show.Lines{W: w}
	out.Printf("%s port %d, %s, %s: %s", show.Quote(r.Host), r.Port, r.Proto, r.mode(),
		strings.Join(r.Addresses, " "))

	for _, it := range r.Items {
		out.Printf("%-4s %-9s %s", it.Level, it.Check, it.line())
		if it.Level != OK || it.Check == Root {
			for _, d := range it.Details {
				out.Printf("     %-9s   %s", "", d)
			}
		}
		if it.Hint != "" {
			out.Printf("     %-9s hint: %s", "", it.Hint)
		}
	}

	out.Printf("\n# for the rc file:")
	for _, l := range r.Paste {
		out.Printf("%s", l)
	}

	return out.Err
}

// mode is how TLS begins.
func (r *Report) mode() string {
	if r.Wrapped {
		return "TLS from the first byte"
	}
	return "STARTTLS"
}

// JSON writes the report for a program, on one line.
func (r *Report) JSON(w io.Writer) error { return json.NewEncoder(w).Encode(r) }
