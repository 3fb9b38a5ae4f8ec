package check

import (
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"

	"fetchd/tlsverify"
	"fetchd/tlsverify/internal/show"
)

// requirements say in one sentence what docs/server-checklist.md explains under the same anchor.
var requirements = [...]struct{ check, text string }{
	{Reach, "The service answers with TLS on every address of its name."},
	{STARTTLS, "STARTTLS is offered, works, and nothing from before TLS is used after it."},
	{Versions, "TLS 1.2 or newer is offered, and nothing older than that."},
	{Names, "The certificate presents the name that users configure, as a subjectAltName."},
	{Addresses, "All addresses of the name behave alike."},
	{Chain, "All intermediate certificates are sent, in order, without the root."},
	{Root, "The chain ends at a root that users have, or can get and verify."},
	{Strength, "Keys have at least 2048 bits (RSA) or 256 bits (ECDSA); signatures use SHA-256 or better."},
	{Validity, "No certificate is out of date, and renewal comes well before the end."},
	{Revocation, "No certificate is revoked; a stapled OCSP response is current."},
	{Pins, "Users who pinned the key were told before it changed."},
}

// OperatorMessage writes a plain-text message for the server's operator that names each requirement that is
// not met. explain gives the check-list's section on a check, which the message carries: its reader has
// nothing of ours.
func (r *Report) OperatorMessage(w io.Writer, explain func(check string) (text string, ok bool)) error {
	out := &show.Lines{W: w}
	out.Printf("Subject: TLS of %s port %d\n", show.Quote(r.Host), r.Port)
	check := fmt.Sprintf("A check of %s port %d (%s, %s) on %s",
		show.Quote(r.Host), r.Port, r.Proto, r.mode(), show.Date(r.Time))
	if r.ExitStatus() == 0 {
		out.Printf("%s found nothing to complain about.", check)
		return out.Err
	}

	out.Printf("%s, at %s, found what keeps mail programs from verifying the server:\n",
		check, strings.Join(r.Addresses, ", "))
	n := 0
	for _, q := range requirements {
		if r.lacks(q.check) {
			n++
			r.complain(out, n, q.check, q.text)
			if text, ok := explain(q.check); ok {
				printSection(out, text)
			}
		}
	}

	out.Printf("The check logs in nowhere and sends no credentials. "+
		"It can be repeated with: fetchd check-tls %s", r.command())
	return out.Err
}

func (r *Report) lacks(check string) bool {
	return slices.ContainsFunc(r.Items, func(it Item) bool { return it.Check == check && it.Level != OK })
}

func (r *Report) complain(out *show.Lines, n int, check, requirement string) {
	out.Printf("%d. %s", n, requirement)
	for _, it := range r.Items {
		if it.Check != check || it.Level == OK {
			continue
		}
		out.Printf("   %s: %s", it.Level, it.line()) // without the hint, which is for users
		for _, d := range it.Details {
			out.Printf("      %s", d)
		}
	}
	out.Printf("")
}

// printSection quotes a section of the check-list without its heading.
func printSection(out *show.Lines, text string) {
	_, text, _ = strings.Cut(text, "\n")
	for line := range strings.Lines(strings.TrimSpace(text)) {
		out.Printf("   %s", strings.TrimRight(line, "\n"))
	}
	out.Printf("")
}

// command repeats the check.
func (r *Report) command() string {
	mode := "--starttls"
	if r.Wrapped {
		mode = "--tls"
	}
	return fmt.Sprintf("%s --proto %s %s", mode, r.Proto,
		net.JoinHostPort(unbracket(r.Host), strconv.Itoa(r.Port)))
}

// PinLines are the rc lines for a certificate: its public-key pin, and the fingerprint as a comment.
func PinLines(cert *x509.Certificate) []string {
	return []string{
		"# key of " + quoteSubject(cert) + ", certificate valid until " + show.Date(cert.NotAfter),
		fmt.Sprintf("sslpin %q", tlsverify.PinOf(cert)),
		fmt.Sprintf("# or, for this certificate only: sslfingerprint %q", tlsverify.FingerprintOf(cert)),
	}
}
