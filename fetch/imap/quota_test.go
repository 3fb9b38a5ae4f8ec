package imap

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
)

// A provider's quota ends the retrieval, and is no message's fault.
func TestQuota(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.Keep, r.MarkSeen = true, false
		const no = "NO [OVERQUOTA] Account exceeded command or bandwidth limits."
		refused := found("1 2 3 4", "1:4") + fetched(1, "ab") + "S: T3 " + no + bye
		expect(t, r, pass{refused, "1=ab",
			`NO [OVERQUOTA] "Account exceeded command or bandwidth limits."; hint: this is temporary`})
	})
}

// Where a server refuses many in a row, the others are asked for from the other end; where it refuses these
// too, no more.
func TestRefusedInARow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.Keep, r.MarkSeen = true, false
		var script strings.Builder
		script.WriteString(
			strings.Replace(esearch("(TAG \"T2\") UID ALL 1:200"), "UIDNEXT 10", "UIDNEXT 201", 1))
		script.WriteString("C*\nS: T3 NO\nC*\nS: * ESEARCH (TAG \"T4\") UID ALL 1:200\nS: T4 OK\n")
		for i, uid := range []int{1, 2, 3, 4, 5, 200, 199, 198, 197, 196} {
			fmt.Fprintf(&script, "C: ~^T%[1]d UID FETCH %[2]d \nS: T%[1]d NO not now\n", i+5, uid)
		}
		expect(t, r, pass{script.String() + bye, "",
			"no more messages for now, they stay there: fetch: NO \"not now\""})
	})
}
