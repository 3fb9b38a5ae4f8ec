package fetch_test

import (
	"bytes"
	"fmt"
	"testing"

	"fetchd/fetch"
	"fetchd/fetch/fetchtest"
)

// BenchmarkRetrieve retrieves 5,000 messages of 4 KB over TLS from Dovecot into a new Maildir, keeping them.
// For a profile: go test ./fetch -run '^$' -bench Retrieve/IMAP -benchtime 20x -cpuprofile cpu.out
func BenchmarkRetrieve(b *testing.B) {
	const count = 5000
	d := fetchtest.StartDovecot(b, "mail_save_crlf = yes",
		"pop3_fast_size_lookups = yes", "pop3_no_flag_updates = yes")
	user := d.User()
	messages := make([][]byte, count)
	for i := range messages {
		head := fmt.Sprintf("From: Sender <sender@example.net>\r\n"+
			"To: ann@example.org\r\nSubject: message %d\r\n\r\n", i)
		messages[i] = append([]byte(head),
			bytes.Repeat([]byte("A line of text that is as long as most of them are.\r\n"), 75)...)
	}

	d.Append(b, user, "INBOX", messages)
	for _, p := range []fetch.Protocol{fetch.IMAP, fetch.POP3} {
		b.Run(p.String(), func(b *testing.B) {
			b.SetBytes(int64(count * len(messages[0])))
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				a := accountOn(b, d, p, user,
					map[fetch.Protocol]int{fetch.IMAP: d.IMAPS, fetch.POP3: d.POP3S}[p])
				b.StartTimer()
				if res, err := fetch.Retrieve(b.Context(), a); err != nil || res.Delivered != count {
					b.Fatalf("%+v, %v", res, err)
				}
			}
		})
	}
}

// BenchmarkPoll looks for new mail, of which there is none, in a mailbox of 100,000 messages.
func BenchmarkPoll(b *testing.B) {
	const count = 100000
	d := fetchtest.StartDovecot(b, "mail_save_crlf = yes",
		"pop3_fast_size_lookups = yes", "pop3_no_flag_updates = yes")
	user := d.User()
	messages := make([][]byte, count)
	for i := range messages {
		messages[i] = fmt.Appendf(nil,
			"From: Sender <sender@example.net>\r\nSubject: message %d\r\n\r\nhello\r\n", i)
	}

	d.Append(b, user, "INBOX", messages, `\Seen`)
	for _, p := range []fetch.Protocol{fetch.IMAP, fetch.POP3} {
		b.Run(p.String(), func(b *testing.B) {
			a := accountOn(b, d, p, user, map[fetch.Protocol]int{fetch.IMAP: d.IMAPS, fetch.POP3: d.POP3S}[p])
			if _, err := fetch.Retrieve(b.Context(), a); err != nil {
				b.Fatal(err)
			}

			b.ReportAllocs()
			for b.Loop() {
				res, err := fetch.Retrieve(b.Context(), a)
				if err != nil || res.New != 0 || res.Messages != count {
					b.Fatalf("%+v, %v", res, err)
				}
			}
		})
	}
}
