package tlsverify

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

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
	Verified  bool      `json:"verified"` // fetchd itself, pins aside, would trust what it saw at each address that answered
	Pins      []string  `json:"pins"`     // of the servers' keys: "sha256//BASE64"
	Paste     []string  `json:"paste"`    // rc lines, comments begin with #
}

func (c *checker) report(seen []sight) *Report {
	r := &Report{Host: c.o.Host, Port: c.o.Port, Proto: c.d.name, Wrapped: c.o.Wrapped, Time: c.now}
	var perAddress [][]Item
	r.Verified = true
	for _, s := range seen {
		r.Addresses = append(r.Addresses, s.addr.String())
		perAddress = append(perAddress, c.judge(s))
		if s.state != nil && len(s.state.PeerCertificates) > 0 {
			if pin := PinOf(s.state.PeerCertificates[0]).String(); !slices.Contains(r.Pins, pin) {
				r.Pins = append(r.Pins, pin)
			}
			r.Verified = r.Verified && c.trusts(s)
		}
	}
	r.Verified = r.Verified && len(r.Pins) > 0
	r.Items = merge(r.Addresses, perAddress)
	r.compare(seen)
	slices.SortStableFunc(r.Items, func(a, b Item) int { return checkOrder(a.Check) - checkOrder(b.Check) })
	r.Paste = r.paste()
	return r
}

func checkOrder(check string) int {
	return slices.Index([]string{CheckReach, CheckSTARTTLS, CheckVersions, CheckNames, CheckAddresses, CheckChain, CheckRoot,
		CheckStrength, CheckValidity, CheckRevocation, CheckPins}, check)
}

// merge says once what is the same at all addresses.
func merge(addrs []string, per [][]Item) []Item {
	var out []Item
	for i, items := range per {
		for _, it := range items {
			everywhere := true
			for _, other := range per {
				everywhere = everywhere && slices.ContainsFunc(other, func(o Item) bool { return sameItem(o, it) })
			}
			if everywhere && i > 0 {
				continue
			}
			if !everywhere || len(addrs) == 1 && it.Check == CheckReach {
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

// compare tells whether load-balanced addresses are one and the same server to a client.
func (r *Report) compare(seen []sight) {
	if len(seen) < 2 {
		return
	}
	kinds := map[string]int{}
	var details []string
	for _, s := range seen {
		text := "no TLS"
		if s.state != nil && len(s.state.PeerCertificates) > 0 {
			text = sha256Of(s.state.PeerCertificates[0]).String()
		}
		kinds[text]++
		details = append(details, s.addr.String()+": "+text)
	}
	it := Item{Check: CheckAddresses, Text: fmt.Sprintf("%d addresses, one certificate", len(seen))}
	if len(kinds) > 1 || kinds["no TLS"] > 0 {
		it.Level, it.Details = Warn, details
		it.Text = fmt.Sprintf("%d addresses, %d different certificates: pins must cover all of them", len(seen), len(kinds))
		if kinds["no TLS"] > 0 {
			it.Level = Fail
			it.Text = fmt.Sprintf("%d of %d addresses do not come to TLS", kinds["no TLS"], len(seen))
		}
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
	return slices.ContainsFunc(r.Items, func(it Item) bool { return it.Level == Fail && slices.Contains(checks, it.Check) })
}

// paste makes rc lines that fit what was seen. A line that gives up a check is a comment, with what must be done first.
func (r *Report) paste() []string {
	if len(r.Pins) == 0 {
		return []string{"# no certificate was seen, so there is nothing to paste"}
	}
	var lines []string
	if r.Wrapped {
		lines = append(lines, "ssl")
	}
	pin := "sslpin"
	for _, p := range r.Pins {
		pin += fmt.Sprintf(" %q", p)
	}
	lines = append(lines, "sslcertck")
	switch {
	case r.fails(CheckSTARTTLS, CheckVersions, CheckRevocation, CheckStrength):
		lines = append(lines, "# The check above fails and no setting makes this server safe here; see --report. Perhaps another port is better.")
	case r.Verified:
		lines = append(lines, "# optional, survives a renewal that keeps the key:", pin)
	default:
		lines = append(lines, "# The check above fails. Only after the operator confirmed this key by another way than this connection:",
			"# no sslcertck", "# "+pin)
	}
	return lines
}

// Text writes the report for a person: one line an item, then the rc lines.
func (r *Report) Text(w io.Writer) error {
	out := &show.Lines{W: w}
	out.Printf("%s port %d, %s, %s: %s", show.Quote(r.Host), r.Port, r.Proto, r.way(), strings.Join(r.Addresses, " "))
	for _, it := range r.Items {
		out.Printf("%-4s %-9s %s", it.Level, it.Check, it.line())
		if it.Level != OK || it.Check == CheckRoot {
			for _, d := range it.Details {
				out.Printf("     %-9s   %s", "", d)
			}
		}
	}
	out.Printf("\n# for the rc file:")
	for _, l := range r.Paste {
		out.Printf("%s", l)
	}
	return out.Err
}

func (it Item) line() string {
	if it.Address == "" {
		return it.Text
	}
	return it.Address + ": " + it.Text
}

func (r *Report) way() string {
	if r.Wrapped {
		return "TLS from the first byte"
	}
	return "STARTTLS"
}

// JSON writes the report for a program, on one line.
func (r *Report) JSON(w io.Writer) error { return json.NewEncoder(w).Encode(r) }

// requirements say in one sentence what docs/server-checklist.md explains under the same anchor.
var requirements = [...]struct{ check, text string }{
	{CheckReach, "The service answers with TLS on every address of its name."},
	{CheckSTARTTLS, "STARTTLS is offered, works, and nothing from before TLS is used after it."},
	{CheckVersions, "TLS 1.2 or newer is offered, and nothing older than that."},
	{CheckNames, "The certificate presents the name that users configure, as a subjectAltName."},
	{CheckAddresses, "All addresses of the name behave alike."},
	{CheckChain, "All intermediate certificates are sent, in order, without the root."},
	{CheckRoot, "The chain ends at a root that users have, or can get and verify."},
	{CheckStrength, "Keys have at least 2048 bits (RSA) or 256 bits (ECDSA); signatures use SHA-256 or better."},
	{CheckValidity, "No certificate is out of date, and renewal comes well before the end."},
	{CheckRevocation, "No certificate is revoked; a stapled OCSP response is current."},
	{CheckPins, "Users who pinned the key were told before it changed."},
}

// OperatorMessage writes a plain-text message for the server's operator that names each requirement that is not met.
// link is put before the anchors; "" = "docs/server-checklist.md".
func (r *Report) OperatorMessage(w io.Writer, link string) error {
	if link == "" {
		link = "docs/server-checklist.md"
	}
	out := &show.Lines{W: w}
	out.Printf("Subject: TLS of %s port %d\n", show.Quote(r.Host), r.Port)
	if r.ExitStatus() == 0 {
		out.Printf("A check of %s port %d (%s, %s) on %s found nothing to complain about.", show.Quote(r.Host), r.Port, r.Proto, r.way(), show.Date(r.Time))
		return out.Err
	}
	out.Printf("A check of %s port %d (%s, %s) on %s, at %s, found what keeps mail programs from verifying the server:\n",
		show.Quote(r.Host), r.Port, r.Proto, r.way(), show.Date(r.Time), strings.Join(r.Addresses, ", "))
	n := 0
	for _, q := range requirements {
		if r.wanting(q.check) {
			n++
			r.complain(out, n, q.check, q.text, link)
		}
	}
	out.Printf("The check logs in nowhere and sends no credentials. It can be repeated with: fetchd check-tls %s", r.command())
	return out.Err
}

func (r *Report) wanting(check string) bool {
	return slices.ContainsFunc(r.Items, func(it Item) bool { return it.Check == check && it.Level != OK })
}

func (r *Report) complain(out *show.Lines, n int, check, requirement, link string) {
	out.Printf("%d. %s", n, requirement)
	for _, it := range r.Items {
		if it.Check != check || it.Level == OK {
			continue
		}
		out.Printf("   %s: %s", it.Level, it.line())
		for _, d := range it.Details {
			out.Printf("      %s", d)
		}
	}
	out.Printf("   See %s#%s\n", link, check)
}

func (r *Report) command() string {
	mode := "--starttls"
	if r.Wrapped {
		mode = "--tls"
	}
	return fmt.Sprintf("%s --proto %s %s", mode, r.Proto, net.JoinHostPort(unbracket(r.Host), strconv.Itoa(r.Port)))
}

// PinLines are the rc lines for a certificate: its public-key pin, and the fingerprint as a comment.
func PinLines(cert *x509.Certificate) []string {
	return []string{
		"# key of " + show.Quote(subject(cert)) + ", certificate valid until " + show.Date(cert.NotAfter),
		fmt.Sprintf("sslpin %q", PinOf(cert)),
		fmt.Sprintf("# or, for this certificate only: sslfingerprint %q", sha256Of(cert)),
	}
}
