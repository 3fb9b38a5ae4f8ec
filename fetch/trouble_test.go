package fetch_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"fetchd/fetch"
	"fetchd/fetch/fetchtest"
)

// A provider's quota is no fault of the messages: each pass gives a few, what came is deleted, none is set
// aside.
func TestQuotaBlamesNoMessage(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"[SYS/TEMP] Account exceeded command or bandwidth limits. (Failure)",
		"no", // nothing that a table could know
	} {
		for _, retrieveError := range []fetch.RetrieveError{fetch.Continue, fetch.MarkSeen} {
			t.Run(fmt.Sprintf("%s, retrieve-error %d", text, retrieveError), func(t *testing.T) {
				t.Parallel()
				given, asked := 0, 0
				r, e := rigOn(t, fetchtest.StartPOPServer(t, fetchtest.POPOptions{
					NoPipelining: true, // so that what is asked for can be counted
					Retr: func(string) (none fetchtest.Reaction) {
						if asked++; given == 3 {
							return fetchtest.Reaction{Refuse: text}
						}
						given++
						return none
					},
				}))
				r.a.Refusals, r.a.RetrieveError = new(fetch.Refusals), retrieveError
				messages := numbered(30)
				r.append(t, "INBOX", messages...)
				for left := 27; left > 1; left -= 3 {
					given, asked = 0, 0
					res, err := r.fails(t, fetch.KindServer)
					if res.Delivered != 3 || res.Deleted != 3 || !strings.Contains(err.Error(), "RETR") {
						t.Fatalf("%d left: %+v, %v", left, res, err)
					}
					if asked > 3+2*5 {
						t.Errorf("%d messages are asked for", asked)
					}
					r.a.Notify(t.Context(), err)
				}
				given = 0
				r.retrieve(t, 3)
				e.expect(t, "WARN "+fetch.EventSetAside, 0)
				r.wants(t, messages)
				r.holds(t, "INBOX", 0)
			})
		}
	}
}

// Bad messages in a row, more than make the server suspect, keep none from coming that is not bad.
func TestManyRefusedMessages(t *testing.T) {
	t.Parallel()
	for _, noPipelining := range []bool{true, false} {
		refuseMany := func(uidl string) (r fetchtest.Reaction) {
			var n int
			_, _ = fmt.Sscanf(uidl, "uidl-%d", &n)
			if n > 5 && n <= 25 {
				r.Refuse = "can't read it"
			}
			return r
		}
		r, _ := rigOn(t, fetchtest.StartPOPServer(t, fetchtest.POPOptions{
			NoPipelining: noPipelining, Retr: refuseMany,
		}))
		messages := numbered(40)
		r.append(t, "INBOX", messages...)
		r.fails(t, fetch.KindServer)
		r.wants(t, append(messages[:5:5], messages[25:]...))
	}
}

// Mail that is back after its deletion was confirmed is deleted again, and neither delivered again nor told
// of twice.
func TestDeletedMailIsBack(t *testing.T) {
	t.Parallel()
	for _, o := range []fetchtest.POPOptions{{}, {NoTOP: true}, {ShortTOP: true}} {
		t.Run(fmt.Sprintf("no TOP %v, short %v", o.NoTOP, o.ShortTOP), func(t *testing.T) {
			t.Parallel()
			back := 0
			o.Undeletes = func(string) bool { return back > 0 }
			s := fetchtest.StartPOPServer(t, o)
			r, e := rigOn(t, s)
			messages := numbered(5)
			r.append(t, "INBOX", messages...)
			for back = 3; back > 0; back-- {
				n := 0
				if back == 3 {
					n = 5
				}
				if res := r.retrieve(t, n); res.Deleted != 5 {
					t.Errorf("%+v", res)
				}
				r.holds(t, "INBOX", 5)
			}
			r.retrieve(t, 0)
			r.holds(t, "INBOX", 0)
			e.expect(t, "WARN "+fetch.EventBack, 1)

			// Another message under the same UIDL is one.
			s.AppendAs("uidl-1", []byte("Subject: 9\r\n\r\nmessage 9.\r\n")) // of the same size, or about
			s.AppendAs("uidl-2", []byte("Subject: long\r\n\r\nanother message\r\n"))
			r.retrieve(t, 2)
			r.holds(t, "INBOX", 0)
			tops := strings.Count(strings.Join(s.Commands(), " "), "TOP")
			if want := 3*5 + 2; !o.NoTOP && tops != want {
				t.Errorf("%d TOP, want %d", tops, want)
			}
		})
	}
}

// Kept mail that is removed in time, and is back, is removed again and not delivered.
func TestRemovedMailIsBack(t *testing.T) {
	t.Parallel()
	back := true
	s := fetchtest.StartPOPServer(t, fetchtest.POPOptions{Undeletes: func(string) bool { return back }})
	r, e := rigOn(t, s)
	now := time.Now()
	r.a.Now = func() time.Time { return now }
	r.a.Keep, r.a.KeepDays = true, 1
	r.append(t, "INBOX", numbered(3)...)

	r.retrieve(t, 3)
	for range 3 {
		now = now.Add(30 * time.Hour)
		r.retrieve(t, 0)
	}
	r.holds(t, "INBOX", 3)

	back = false
	for range 2 {
		now = now.Add(30 * time.Hour)
		r.retrieve(t, 0)
	}
	r.holds(t, "INBOX", 0)
	r.wants(t, numbered(3))
	e.expect(t, "WARN "+fetch.EventBack, 1)
}

// A server may use a UIDL again once its message is gone, and we may not have heard that it is. The next
// message under it is another one, also if it has the same size.
func TestUIDLOfPendingDeletionIsUsedAgain(t *testing.T) {
	t.Parallel()
	for _, noTOP := range []bool{false, true} {
		for _, size := range []string{"the same size", "another size, too"} {
			t.Run(fmt.Sprintf("no TOP %v, %s", noTOP, size), func(t *testing.T) {
				t.Parallel()
				lost := true
				s := fetchtest.StartPOPServer(t, fetchtest.POPOptions{NoTOP: noTOP,
					Quit: func() fetchtest.Reaction {
						return fetchtest.Reaction{Drop: lost}
					}})
				r, e := rigOn(t, s)
				first := []byte("Subject: first\r\n\r\nthe same size\r\n")
				r.append(t, "INBOX", first)
				if res, err := r.pass(t); res.Delivered != 1 || err == nil {
					t.Fatalf("%+v, %v", res, err)
				}

				lost = false
				second := []byte("Subject: other\r\n\r\n" + size + "\r\n")
				s.AppendAs("uidl-1", second)
				r.retrieve(t, 1)
				r.wants(t, [][]byte{first, second})
				r.holds(t, "INBOX", 0)
				e.expect(t, "WARN "+fetch.EventReused, 1)
			})
		}
	}
}

// GNU Mailutils writes into messages between two sessions. What was delivered and is still to be deleted is
// the same then.
func TestPendingMessageGotStatusFields(t *testing.T) {
	t.Parallel()
	for _, noTOP := range []bool{false, true} {
		lost := true
		s := fetchtest.StartPOPServer(t, fetchtest.POPOptions{NoTOP: noTOP,
			Quit: func() fetchtest.Reaction { return fetchtest.Reaction{Drop: lost} }})
		r, e := rigOn(t, s)
		r.append(t, "INBOX", []byte("Subject: x\r\n\r\ntext\r\n"))
		if res, err := r.pass(t); res.Delivered != 1 || err == nil {
			t.Fatalf("%+v, %v", res, err)
		}

		lost = false
		s.AppendAs("uidl-1", []byte("Status: O\r\nX-UIDL: uidl-1\r\nSubject: x\r\n\r\ntext\r\n"))
		r.retrieve(t, 0)
		r.holds(t, "INBOX", 0)
		e.expect(t, "WARN "+fetch.EventReused, 0)
	}
}

// What a session has left undeleted is deleted by the next one, which makes sure that it is the same, and
// tells nobody that it is back.
func TestPendingDeletion(t *testing.T) {
	t.Parallel()
	for _, noTOP := range []bool{false, true} {
		refused := true
		s := fetchtest.StartPOPServer(t, fetchtest.POPOptions{NoTOP: noTOP,
			Quit: func() (none fetchtest.Reaction) {
				if refused {
					return fetchtest.Reaction{Refuse: "not now"}
				}
				return none
			}})
		r, e := rigOn(t, s)
		messages := numbered(4)
		r.append(t, "INBOX", messages[:3]...)
		r.fails(t, fetch.KindServer)
		r.fails(t, fetch.KindServer)
		refused = false
		r.append(t, "INBOX", messages[3])
		r.a.FetchLimit = 1 // new mail comes first
		r.retrieve(t, 1)
		r.wants(t, messages)
		for range 3 {
			r.retrieve(t, 0)
		}
		r.holds(t, "INBOX", 0)
		e.expect(t, "WARN "+fetch.EventBack, 0)
		e.expect(t, "WARN "+fetch.EventReused, 0)
	}
}

// Exchange's stand-in for a message is delivered once and said once, whatever is asked for; the original
// stays.
func TestStandIn(t *testing.T) {
	t.Parallel()
	r, e := rigOn(t, fetchtest.StartPOPServer(t, fetchtest.POPOptions{}))
	standIn := []byte("Subject: x\r\n\r\nThe message could not be retrieved.\r\nIt has not been deleted.\r\n")
	messages := append(numbered(2), standIn)
	r.append(t, "INBOX", messages...)
	r.retrieve(t, 3)
	r.retrieve(t, 0)
	r.a.FetchAll, r.a.Flush = true, true
	r.retrieve(t, 0)
	r.wants(t, messages)
	r.holds(t, "INBOX", 1)
	e.expect(t, "WARN "+fetch.EventStandIn, 1)
}

// A daemon tells of it again when a month has gone.
func TestDeletedMailIsBackForLong(t *testing.T) {
	t.Parallel()
	r, e := rigOn(t, fetchtest.StartPOPServer(t, fetchtest.POPOptions{
		Undeletes: func(string) bool { return true },
	}))
	now := time.Now()
	r.a.Now = func() time.Time { return now }
	r.append(t, "INBOX", numbered(1)...)
	r.retrieve(t, 1)
	for range 3 {
		r.retrieve(t, 0)
		now = now.Add(20 * 24 * time.Hour)
	}
	e.expect(t, "WARN "+fetch.EventBack, 2)
}

// Where dots are not stuffed, a line of one dot ends the message for us. What came is not delivered, nor
// deleted, and the other messages come.
func TestServerThatStuffsNoDots(t *testing.T) {
	t.Parallel()
	for at := range 3 {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			t.Parallel()
			r, e := rigOn(t, fetchtest.StartPOPServer(t, fetchtest.POPOptions{NoStuffing: true}))
			messages := numbered(3)
			dotted := []byte("Subject: dots\r\n\r\nbefore\r\n.\r\nafter\r\n.\r\nlast\r\n")
			r.append(t, "INBOX", messages[:at]...)
			r.append(t, "INBOX", dotted)
			r.append(t, "INBOX", messages[at:]...)
			_, err := r.fails(t, fetch.KindProtocol)
			if !strings.Contains(err.Error(), "no answer") || !strings.Contains(err.Error(), "single dot") {
				t.Error(err)
			}
			note, err := r.a.Journal.Obstacles(t.Context(), r.a.Key)
			if err != nil || !strings.Contains(note, `"deaths":1`) {
				t.Errorf("the pipelined session counts: %s, %v", note, err)
			}
			for range 4 {
				_, _ = r.pass(t)
			}
			r.wants(t, messages)
			r.holds(t, "INBOX", 1)
			e.expect(t, "WARN "+fetch.EventObstacle, 1)
		})
	}
}
