package delivery

import (
	"bytes"
	"net/mail"
	"strings"
	"testing"
	"time"
)

func TestReceived(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 2, 1, 23, 27, 0, time.UTC)

	for _, tt := range []struct {
		name string
		info ReceivedInfo
		want string
	}{
		{
			"single-drop",
			ReceivedInfo{
				Server: "mail.example.org", IP: "192.0.2.1", Host: "h.example.net", Protocol: "POP3",
				Version: "1.0", Poll: "p", Account: "ann", Folder: "f", Recipients: []string{"ann"},
				Time: at,
			},
			"Received: from mail.example.org [192.0.2.1]\n\tby h.example.net with POP3 (fetchd-1.0)\n" +
				"\tfor <ann@h.example.net> (single-drop); Mon, 02 Nov 2026 01:23:27 +0000 (UTC)\n",
		},
		{
			"tracepolls",
			ReceivedInfo{
				Server: "s", Host: "h", Protocol: "IMAP", Version: "1.0",
				Poll: "p", Account: "ann", Folder: "Work (old)",
				TracePolls: true, Recipients: []string{"a@b"}, Time: at.In(time.FixedZone("CET", 3600)),
			},
			"Received: from s\n\tby h with IMAP (fetchd-1.0 polling p account ann folder Work \\(old\\))\n" +
				"\tfor <a@b> (single-drop); Mon, 02 Nov 2026 02:23:27 +0100 (CET)\n",
		},
		{
			"multi-drop",
			ReceivedInfo{
				Server: "s", Host: "h", Protocol: "IMAP", Version: "1",
				MultiDrop: true, TracePolls: true, Poll: "p", Account: "u",
				Recipients: []string{"a", "b"}, Time: at.In(time.FixedZone("", -5400)),
			},
			"Received: from s\n\tby h with IMAP (fetchd-1 polling p account u)\n" +
				"\t(multi-drop); Sun, 01 Nov 2026 23:53:27 -0130\n",
		},
		{
			"nothing known",
			ReceivedInfo{Time: at},
			"Received: from unknown\n\tby localhost with unknown (fetchd-)\n" +
				"\t(single-drop); Mon, 02 Nov 2026 01:23:27 +0000 (UTC)\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := string(Received(tt.info)); got != tt.want {
				t.Errorf("got\n%swant\n%s", got, tt.want)
			}
		})
	}
}

func FuzzReceived(f *testing.F) {
	f.Add("mail.example.org", "192.0.2.1", "ann@example.org", "Work (old)")
	f.Add("a\r\n\r\nb", "]\nX: y", "a>\n\n<b", "x\\)\n\x00\xff\u0085(")
	f.Fuzz(func(t *testing.T, server, ip, recipient, name string) {
		got := Received(ReceivedInfo{
			Server: server, IP: ip, Host: server, Protocol: name,
			Version: name, TracePolls: true, Poll: name, Account: name,
			Folder: name, Recipients: []string{recipient}, Time: time.Unix(0, 0).In(time.FixedZone(name, 0)),
		})
		if fieldName, _, length := nextField(got); string(fieldName) != "Received" || length != len(got) {
			t.Fatalf("not one field: %q", got)
		}

		for line := range bytes.Lines(got) {
			if len(line) > 998 {
				t.Errorf("a line of %d bytes", len(line))
			}
			for _, c := range bytes.TrimPrefix(bytes.TrimSuffix(line, []byte("\n")), []byte("\t")) {
				if c < ' ' || c >= 0x7f {
					t.Fatalf("byte %#x in %q", c, line)
				}
			}
		}

		m, err := mail.ReadMessage(strings.NewReader(string(got) + "\n"))
		if err != nil || len(m.Header) != 1 {
			t.Errorf("%v, %v", m, err)
		}
	})
}
