package fetch_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"fetchd/delivery"
	"fetchd/fetch"
	"fetchd/fetch/fetchtest"
)

// excludeRig is an account that leaves mail with these subjects on the server.
func excludeRig(t *testing.T, protocol fetch.Protocol, patterns ...string) (*rig, *events) {
	t.Helper()
	r, p, e := pickyRig(t, protocol)
	r.a.Deliverer = p.Deliverer
	r.exclude(patterns...)
	return r, e
}

func (r *rig) exclude(patterns ...string) {
	r.a.Exclude = nil
	for _, p := range patterns {
		r.a.Exclude = append(r.a.Exclude, delivery.HeaderPattern{
			Field: "Subject", Pattern: regexp.MustCompile(p)})
	}
}

// headersAsked is how often headers were asked for.
func (r *rig) headersAsked() int {
	return strings.Count(r.heard(), "> TOP ") + strings.Count(r.heard(), ".PEEK[HEADER.FIELDS (")
}

var bothProtocols = []fetch.Protocol{fetch.IMAP, fetch.POP3}

// TestExclude: what matches is neither delivered nor deleted, and its header is asked for once.
func TestExclude(t *testing.T) {
	t.Parallel()
	for _, protocol := range bothProtocols {
		for _, keep := range []bool{true, false} {
			t.Run(fmt.Sprintf("%v, keep %v", protocol, keep), func(t *testing.T) {
				t.Parallel()
				r, e := excludeRig(t, protocol, "^[13]$", "^7$")
				r.a.Keep, r.a.Flush = keep, keep
				messages := numbered(10)
				messages[3] = []byte("Subject: =?utf-8?q?3?=\r\n\r\nencoded\r\n")
				messages[4] = []byte("To: ann\r\n\r\nno subject\r\n")
				r.append(t, "INBOX", messages...)

				res := r.retrieve(t, 7)
				if res.Excluded != 3 || res.New != 7 || res.Messages != 10 {
					t.Errorf("%+v", res)
				}
				var want [][]byte
				for i, m := range messages {
					if i != 1 && i != 3 && i != 7 {
						want = append(want, m)
					}
				}
				r.wants(t, want)
				e.expect(t, "INFO "+fetch.EventExcluded, 1)

				asked := r.headersAsked()
				if asked == 0 {
					t.Error("no header was asked for")
				}
				for range 2 { // what was delivered and kept is flushed
					if res = r.retrieve(t, 0); res.Excluded != 3 {
						t.Errorf("%+v", res)
					}
				}
				r.holds(t, "INBOX", 3)
				if n := r.headersAsked(); n != asked {
					t.Errorf("%d headers were asked for again", n-asked)
				}
				e.expect(t, "INFO "+fetch.EventExcluded, 1)

				// Under another list they are judged again.
				r.exclude("^7$")
				r.retrieve(t, 2)
				r.exclude()
				r.retrieve(t, 1)
				r.wants(t, messages)
			})
		}
	}
}

// checkExclude is TestExclude with a server of any kind.
func checkExclude(t *testing.T, r *rig) {
	messages := numbered(6)
	r.exclude("^[135]$")
	r.append(t, "INBOX", messages...)
	if res := r.retrieve(t, 3); res.Excluded != 3 {
		t.Errorf("%+v", res)
	}
	asked := r.headersAsked()
	r.retrieve(t, 0)
	if n := r.headersAsked(); asked == 0 || n != asked {
		t.Errorf("%d headers were asked for, and then %d", asked, n-asked)
	}
	r.exclude()
	r.retrieve(t, 3)
	r.wants(t, messages)
}

// TestExcludedLetNobodyPass: messages that failed wait for others that may be delivered, not for excluded
// ones.
func TestExcludedLetNobodyPass(t *testing.T) {
	t.Parallel()
	for _, protocol := range bothProtocols {
		t.Run(protocol.String(), func(t *testing.T) {
			t.Parallel()
			r, p, _ := limitedRig(t, protocol, 3, 2, 4)
			r.exclude("^[23]$")
			if res, err := fetch.Retrieve(t.Context(), r.a); res.Failed != 2 {
				t.Errorf("%+v: %v", res, err)
			}
			clear(p.refuse)
			if res := r.retrieve(t, 2); res.LimitHit {
				t.Error("the limit was reached")
			}
		})
	}
}

// TestExcludeOversized: limitflush deletes nothing that is excluded.
func TestExcludeOversized(t *testing.T) {
	t.Parallel()
	for _, protocol := range bothProtocols {
		t.Run(protocol.String(), func(t *testing.T) {
			t.Parallel()
			r, _ := excludeRig(t, protocol, "^keep")
			r.a.Limit, r.a.LimitFlush = 500, true
			large := strings.Repeat("of some size\r\n", 100)
			r.append(t, "INBOX", []byte("Subject: keep this\r\n\r\n"+large),
				[]byte("Subject: flush this\r\n\r\n"+large), []byte("Subject: keep\r\n\r\nsmall\r\n"),
				[]byte("Subject: get\r\n\r\nsmall\r\n"))
			for _, n := range []int{1, 0, 0} {
				r.retrieve(t, n)
				r.holds(t, "INBOX", 2)
			}
		})
	}
}

// TestExcludeWithoutTOP: a server that gives no header keeps no message from being delivered, and none is
// deleted unread. One that says so is named as such.
func TestExcludeWithoutTOP(t *testing.T) {
	t.Parallel()
	r, _ := rigOn(t, fetchtest.StartPOPServer(t, fetchtest.POPOptions{NoTOP: true}))
	r.exclude(".")
	r.append(t, "INBOX", numbered(3)...)
	if _, err := r.fails(t, fetch.KindConfig); !strings.Contains(err.Error(), "exclude needs TOP") {
		t.Error(err)
	}
	r.exclude()
	r.retrieve(t, 3)

	r, _ = rigOn(t, fetchtest.StartPOPServer(t, fetchtest.POPOptions{NoTOP: true, NoCAPA: true}))
	r.exclude(".")
	r.a.Limit, r.a.LimitFlush = 500, true
	large := []byte("Subject: large\r\n\r\n" + strings.Repeat("of some size\r\n", 100))
	r.append(t, "INBOX", append(numbered(3), large)...)
	r.retrieve(t, 3)
	r.holds(t, "INBOX", 1)
	if n := r.headersAsked(); n != 3 { // the first refusals may be of messages that are gone
		t.Errorf("%d headers were asked for", n)
	}
}

// TestExcludeManyHeaders: headers are asked for in batches.
func TestExcludeManyHeaders(t *testing.T) {
	t.Parallel()
	for protocol, most := range map[fetch.Protocol]int{fetch.IMAP: 3, fetch.POP3: 1200} {
		t.Run(protocol.String(), func(t *testing.T) {
			t.Parallel()
			r, _ := excludeRig(t, protocol, "[^9]$")
			r.append(t, "INBOX", numbered(1200)...)
			if res := r.retrieve(t, 120); res.Excluded != 1080 {
				t.Errorf("%+v", res)
			}
			if n := r.headersAsked(); n != most {
				t.Errorf("asked %d times, want %d", n, most)
			}
		})
	}
}
