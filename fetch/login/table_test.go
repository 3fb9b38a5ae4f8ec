package login

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"fetchd/fetch/sasl"
)

// TestMechanismTable prints which mechanisms are chosen for which word and channel, and what may follow a
// refusal, and compares that with the table in docs/standards.md.
func TestMechanismTable(t *testing.T) {
	t.Parallel()
	bound := boundState(t)
	everything := strings.Fields("SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 " +
		"PLAIN LOGIN EXTERNAL OAUTHBEARER XOAUTH2")
	noPlus, old := everything[2:], everything[4:]
	verified, anybody, none := cred, cred, cred
	verified.TLS, anybody.TLS = bound, bound

	var b strings.Builder
	b.WriteString("| `auth` | the server offers | verified TLS | TLS, and nobody vouches | clear text |\n" +
		"|---|---|---|---|---|\n")
	for _, row := range []struct {
		auth    string
		what    string
		offered []string
	}{
		{"any", "all", everything}, {"any", "all but -PLUS", noPlus}, {"any", "no SCRAM", old},
		{"any", "LOGIN", []string{"LOGIN"}},
		{"any", "nothing", nil}, {"password", "all", everything}, {"plain", "all", everything},
		{"login", "all", everything},
		{"cram-md5", "all", everything}, {"scram-sha-1", "all", everything},
		{"scram-sha-1", "all but -PLUS", noPlus},
		{"scram-sha-256", "all", everything}, {"scram-sha-256", "all but -PLUS", noPlus},
		{"scram-sha-256-plus", "all", everything},
		{"scram-sha-256-plus", "all but -PLUS", noPlus}, {"apop", "all", everything},
		{"external", "all", everything},
		{"oauthbearer", "all", everything}, {"xoauth2", "all", everything},
	} {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", row.auth, row.what,
			cell(row.auth, row.offered, verified, true),
			cell(row.auth, row.offered, anybody, false), cell(row.auth, row.offered, none, false))
	}

	text, err := os.ReadFile("../../docs/standards.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "\n"+b.String()+"\n") {
		t.Errorf("docs/standards.md lacks this table:\n%s", b.String())
	}
}

// cell is what is tried: the first, and what follows its refusal without a code.
func cell(auth string, offered []string, c sasl.Credentials, proven bool) string {
	ms, err := sasl.Choose(auth, offered, c, proven)
	if err != nil {
		return "refused"
	}
	var tried []string
	var last *try
	tries := 0
	for _, m := range ms {
		if tries == maxTries || last != nil && !mayFollow(m, last, proven) {
			continue
		}
		if last == nil || !isSameTry(m, last.mechanism) {
			tries++
		}
		last = &try{mechanism: m, refused: true, gaveAway: m.ClearText()}
		tried = append(tried, called(m))
	}
	return strings.Join(tried, ", then ")
}

func called(m sasl.Mechanism) string {
	if own, ok := m.(sasl.ProtocolLogin); ok {
		if own.Digest {
			return "APOP"
		}
		return "own"
	}
	name, first, err := m.Start()
	if err != nil {
		return err.Error()
	}
	if kind, ok := strings.CutPrefix(string(first), "p=tls-"); ok {
		kind, _, _ = strings.Cut(kind, ",")
		return name + " (" + kind + ")"
	}
	return name
}
