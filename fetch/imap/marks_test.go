package imap

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"fetchd/delivery"
)

// marksKept is a destination that wants to know when messages came, and their flags.
type marksKept struct{ got []string }

func (d *marksKept) String() string { return "marks" }

func (d *marksKept) KeepsMarks() bool { return true }

func (d *marksKept) Deliver(_ context.Context, m *delivery.Message) error {
	text, _ := m.Body.Bytes()
	date := "-"
	if !m.InternalDate.IsZero() {
		date = m.InternalDate.UTC().Format("2006-01-02 15:04")
	}
	d.got = append(d.got, fmt.Sprintf("%s %s %s=%s", m.UID, date, strings.Join(m.Flags, ","), text))
	return errEnough // so that nothing is acknowledged
}

var errEnough = errors.New("that is enough")

// TestMarks: a destination that keeps dates and flags gets them, whatever else a server writes in their
// place.
func TestMarks(t *testing.T) {
	t.Parallel()
	const date = `INTERNALDATE "27-Nov-2026 03:04:05 +0100"`
	for _, tt := range []struct{ name, items, want string }{
		{"as asked for", `UID 1 FLAGS (\Seen Work) ` + date + ` BODY[] {2}|ab)`,
			`2026-11-27 02:04 \Seen,Work`},
		{"behind the body", `UID 1 BODY[] {2}|ab ` + date + ` FLAGS (\Flagged))`,
			`2026-11-27 02:04 \Flagged`},
		{"none", `UID 1 BODY[] {2}|ab)`, `- `},
		{"odd flags", `UID 1 FLAGS (\Seen a]b "c" \ x%y Work) ` + date + ` BODY[] {2}|ab)`,
			`2026-11-27 02:04 \Seen,Work`},
		{"no flags", `UID 1 FLAGS () ` + date + ` BODY[] {2}|ab)`, `2026-11-27 02:04 `},
		{"a date that is none", `UID 1 FLAGS (\Seen) INTERNALDATE "yesterday" BODY[] {2}|ab)`, `- \Seen`},
		{"NIL as date", `UID 1 INTERNALDATE NIL FLAGS (\Seen) BODY[] {2}|ab)`, `- \Seen`},
		{"one digit", `UID 1 INTERNALDATE " 7-Nov-2026 03:04:05 +0000" BODY[] {2}|ab)`, `2026-11-07 03:04 `},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, d := newRig(t, nil), &marksKept{}
			r.Deliverer = d
			script := selected("", 10, "1") +
				"C: ~^T3 UID FETCH 1 .*FLAGS.*INTERNALDATE|INTERNALDATE.*FLAGS\n" +
				"S< * 1 FETCH (" + strings.ReplaceAll(strings.ReplaceAll(tt.items, `\`, `\\`), "|", `\r\n`) +
				"\\r\\n\nS: T3 OK" + bye
			if _, _, err := r.run(script); !errors.Is(err, errEnough) {
				t.Fatal(err)
			}
			if got := strings.Join(d.got, "; "); got != "1 "+tt.want+"=ab" {
				t.Errorf("got %s, want 1 %s=ab", got, tt.want)
			}
		})
	}
}
