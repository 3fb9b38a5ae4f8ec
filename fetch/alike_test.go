package fetch_test

import (
	"errors"
	"fmt"
	"testing"

	"fetchd/delivery"
	"fetchd/fetch"
)

// Of many messages that fail alike the first ones are named, and the others counted, in a single pass and in
// a daemon.
func TestManyRefusalsAreSummedUp(t *testing.T) {
	t.Parallel()
	for _, protocol := range []fetch.Protocol{fetch.IMAP, fetch.POP3} {
		for _, tt := range []struct {
			name        string
			memory      bool
			class       delivery.Class
			reasons     int
			named, more int
		}{
			{"single pass", false, delivery.Temporary, 1, 5, 1},
			{"daemon", true, delivery.Temporary, 1, 5, 1},
			{"for good", true, delivery.Permanent, 1, 5, 1},
			{"several reasons", false, delivery.Temporary, 3, 15, 1},
			{"many reasons", false, delivery.Temporary, 30, 40, 1},
		} {
			t.Run(protocol.String()+" "+tt.name, func(t *testing.T) {
				t.Parallel()
				r, p, e := pickyRig(t, protocol)
				if tt.memory {
					r.a.Refusals = new(fetch.Refusals)
				}

				const n = 60
				for i := range n {
					reason := string(rune('a'+i%tt.reasons%26)) + string(rune('a'+i%tt.reasons/26))
					p.refuse[fmt.Sprintf("message %d.", i)] = &delivery.Error{
						Class: tt.class, Err: errors.New(reason),
					}
				}

				r.append(t, "INBOX", numbered(n)...)
				res, _ := fetch.Retrieve(t.Context(), r.a)
				if res.Failed != n {
					t.Errorf("%d failed, want %d", res.Failed, n)
				}

				e.expect(t, "ERROR "+fetch.EventFailed, tt.named)
				e.expect(t, "DEBUG "+fetch.EventFailed, n-tt.named)
				e.expect(t, "ERROR "+fetch.EventFailedMore, tt.more)
			})
		}
	}
}

// As many as are named need no other line.
func TestFewRefusalsAreAllNamed(t *testing.T) {
	t.Parallel()
	r, p, e := pickyRig(t, fetch.POP3)
	p.refuse["message"] = errors.New("no")
	r.append(t, "INBOX", numbered(5)...)
	_, _ = fetch.Retrieve(t.Context(), r.a)
	e.expect(t, "ERROR "+fetch.EventFailed, 5)
	e.expect(t, "ERROR "+fetch.EventFailedMore, 0)
}
