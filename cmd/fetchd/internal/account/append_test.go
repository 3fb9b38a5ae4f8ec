package account

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"fetchd/fetch/login"
	"fetchd/rcfile"
)

func TestParseAppend(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, url, proto string // "-" = appendsslproto ''
		want             string // user host port mode folder for "A/b", or a part of the error
	}{
		{"plain", "imaps://ann@imap.example.org", "", "ann imap.example.org 0 1 INBOX"},
		{"slash", "imaps://ann@imap.example.org/", "", "ann imap.example.org 0 1 INBOX"},
		{"capitals", "IMAPS://ann@imap.example.org/Old", "", "ann imap.example.org 0 1 Old"},
		{"STARTTLS", "imap://ann@h/Old", "", "ann h 0 0 Old"},
		{"clear text", "imap://ann@localhost:1143/Old", "-", "ann localhost 1143 2 Old"},
		{"an address as user", "imaps://ann@example.org@h:99/x", "", "ann@example.org h 99 1 x"},
		{"escapes", "imaps://a%3Ab%40c@h/Entw%C3%BCrfe/50%25", "", "a:b@c h 0 1 Entwürfe/50%"},
		{"UTF-8", "imaps://ann@h/Entwürfe", "", "ann h 0 1 Entwürfe"},
		{"source", "imaps://ann@h/Old/%folder/x", "", "ann h 0 1 Old/A/b/x"},
		{"UTF-7 beside the source", "imaps://ann@h/Entw&APw-rfe/%folder", "", "ann h 0 1 Entwürfe/A/b"},
		{"source alone", "imaps://ann@h/%folder", "", "ann h 0 1 A/b"},
		{"escaped source", "imaps://ann@h/%25folder", "", "ann h 0 1 %folder"},
		{"IPv6", "imaps://ann@[::1]:1143/x", "", "ann ::1 1143 1 x"},

		{"no scheme", "ann@h/x", "", "is no address"},
		{"another scheme", "http://ann@h/x", "", "is no address"},
		{"no user", "imaps://h/x", "", "no user"},
		{"no host", "imaps://ann@/x", "", "no host"},
		{"a password", "imaps://ann:sesame@h/x", "", "password in the address"},
		{"port 0", "imaps://ann@h:0/x", "", "no port"},
		{"a word as port", "imaps://ann@h:imap/x", "", "no port"},
		{"bad escape", "imaps://ann@h/50%", "", "write %25"},
		{"line break", "imaps://ann@h/a%0D%0Ab", "", "control character"},
		{"not UTF-8", "imaps://ann@h/%ff", "", "not UTF-8"},
		{"clear text elsewhere", "imap://ann@h/x", "-", "only to this machine"},
		{"clear text over TLS", "imaps://ann@localhost/x", "-", "contradict"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			u := &rcfile.User{Append: rcfile.Opt[string]{Value: tt.url, Set: true}}
			if tt.proto == "-" {
				u.AppendProto.Set = true
			}
			got, err := parseAppend(u)
			if err != nil {
				if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "sesame") {
					t.Errorf("%v, want %s", err, tt.want)
				}
				return
			}
			mode := map[login.Mode]string{login.StartTLS: "0", login.Wrapped: "1",
				login.ClearText: "2"}[got.tls]
			text := strings.Join([]string{got.user, got.host, strconv.Itoa(got.port), mode,
				got.folder("A/b")}, " ")
			if text != tt.want {
				t.Errorf("%s, want %s", text, tt.want)
			}
		})
	}
}

// TestAppendFolders: each part of a name may be in UTF-8 or in modified UTF-7, whatever the others are in.
func TestAppendFolders(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ url, source, want string }{
		{"imaps://ann@h/Ärger/%folder", "Entw&APw-rfe", "Ärger/Entwürfe"},
		{"imaps://ann@h/Entw&APw-rfe/%folder", "Ärger", "Entwürfe/Ärger"},
		{"imaps://ann@h/R&D/%folder", "Entw&APw-rfe", "R&D/Entwürfe"},
		{"imaps://ann@h/R&-D/%folder", "Q&-A", "R&D/Q&A"},
	} {
		u := &rcfile.User{Append: rcfile.Opt[string]{Value: tt.url, Set: true}}
		target, err := parseAppend(u)
		if err != nil {
			t.Fatal(err)
		}
		if got := target.folder(tt.source); got != tt.want {
			t.Errorf("%s of %s is %s, want %s", tt.url, tt.source, got, tt.want)
		}
	}
}

// TestAppendRefusals: an entry that can't be meant is refused before anything is opened.
func TestAppendRefusals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, words, says string }{
		{"two destinations", "append 'imaps://ann@n/x' maildir y", "another destination"},
		{"two destinations, smtp", "append 'imaps://ann@n/x' smtphost y", "another destination"},
		{"into itself", "append 'imaps://bob@h'", "mail back into the folder"},
		{"into itself, of the same name", "folder Work append 'imaps://bob@h/%folder'",
			"mail back into the folder"},
		{"into itself, in another encoding", "folder 'Entw&APw-rfe' append 'imaps://bob@h/Entwürfe'",
			"mail back into the folder"},
		{"into a folder of a pattern", "folderpattern '*' append 'imaps://bob@h/Old'",
			"mail back into the folder"},
		{"into one below", "folderpattern 'Work/%' append 'imaps://bob@h/Work/Old'",
			"mail back into the folder"},
		{"into one that is made below", "folderpattern '*' append 'imaps://bob@h/Old/%folder'",
			"mail back into the folder"},
		{"beside the pattern", "folderpattern 'Work/%' append 'imaps://bob@h/Work/Old/2026'", ""},
		{"not like the name", "folder 'a*' append 'imaps://bob@h/abc'", ""},
		{"several people", "is ann carol here append 'imaps://ann@n/x'", "several local names"},
		{"a pin that is none", "append 'imaps://ann@n/x' appendsslpin y", "pin"},
		{"another folder", "append 'imaps://bob@h/Old'", ""},
		{"another user", "append 'imaps://ann@h'", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			accounts, _, err := resolveText(t, "poll h proto imap user bob password x "+tt.words+"\n")
			if tt.says == "" && (err != nil || accounts[0].Deliverer.String()[:13] != `append "imaps`) ||
				tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)) {
				t.Errorf("%v, want %s", err, tt.says)
			}
		})
	}
}

// A loop is seen whatever this machine is called. A port of its own may be a tunnel.
func TestAppendIsRefusedByAnotherNameOfThisMachine(t *testing.T) {
	t.Parallel()
	own, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}

	for _, tt := range []struct {
		source, target string
		refused        bool
	}{
		{"localhost proto imap", "127.0.0.1", true},
		{"127.0.0.1 proto imap", "LOCALHOST", true},
		{"localhost proto pop3 port 110", "[::1]:993", true},
		{"mail via " + own + " proto imap", "127.0.0.1", true},
		{"localhost proto imap", own + ":143", true},
		{"localhost proto imap port 1143", "127.0.0.1:1143", true},
		{"localhost proto imap port 1143", "127.0.0.1:1144", false},
		{"127.0.0.1 proto imap port 1143", "127.0.0.1:1144", false},
		{"localhost proto imap port 1143", "localhost", false},
		{"mail.example.org proto imap port 1143", "mail.example.org", true},
		{"localhost proto imap port 1143", "127.0.0.1", false},
		{"localhost proto imap", "mail.example.org", false},
		{"mail.example.org proto imap", "127.0.0.1", false},
	} {
		t.Run(tt.source+" to "+tt.target, func(t *testing.T) {
			t.Parallel()
			_, _, err := resolveText(t,
				"poll "+tt.source+" user bob password x append 'imaps://bob@"+tt.target+"'\n")
			refused := err != nil && strings.Contains(err.Error(), "mail back into the folder")
			if refused != tt.refused {
				t.Errorf("%v", err)
			}
		})
	}
}
