package delivery_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"fetchd/delivery"
	"fetchd/delivery/deliverytest"
	"fetchd/fetch/fetchtest"
	"fetchd/fetch/login"
)

// loggedIn is a login to a server with these capabilities.
func loggedIn(caps string) string {
	return "S: * OK [CAPABILITY IMAP4rev1] h\nC: A1 LOGIN \"ann\" \"sesame\"\n" +
		"S: A1 OK [CAPABILITY IMAP4rev1 " + caps + "] in\n"
}

// Messages have no trace here, so no key either. appended is the 20 octets of newMail with its command.
const (
	appended = "C: A1 APPEND \"INBOX\" {20+}\nC: Subject: x\nC:\x20\nC: body\nC:\x20\n"
	logout   = "C: ~^A\\d+ LOGOUT$\nS: * BYE so long\n"
)

// appendTo is a deliverer to a dialogue.
func appendTo(t *testing.T, dialogue string, change func(*delivery.AppendOptions)) *delivery.Append {
	t.Helper()
	addr := fetchtest.NewPeer(t, dialogue, nil).Listen()
	o := delivery.AppendOptions{
		Host: "localhost", Port: addr.Port, User: "ann", Password: secretOf("sesame"),
		Timeout: patience(dialogue),
	}
	if change != nil {
		change(&o)
	}
	return newAppend(t, o)
}

// TestAppendDialogues: only the tagged OK to a message that was sent whole counts.
func TestAppendDialogues(t *testing.T) {
	t.Parallel()
	const (
		temporary = delivery.Temporary
		permanent = delivery.Permanent
		unusable  = delivery.Unusable
	)
	plus := loggedIn("LITERAL+") + appended
	asked := loggedIn("") + "C: A1 APPEND \"INBOX\" {20}\n"
	const isThere = "C: A2 LIST \"\" \"INBOX\"\nS: * LIST () \"/\" INBOX\nS: A2 OK\n"
	text := strings.TrimPrefix(appended, "C: A1 APPEND \"INBOX\" {20+}\n")
	for _, tt := range []struct {
		name, dialogue string
		class          delivery.Class
		says           string // "" = it is delivered
		unclear        bool
	}{
		{"LITERAL+", plus + "S: A1 OK [APPENDUID 1 2] done\n" + logout, 0, "", false},
		{"LITERAL-", loggedIn("LITERAL-") + appended + "S: A1 OK done\n" + logout, 0, "", false},
		{"IMAP4rev2", loggedIn("IMAP4rev2") + appended + "S: A1 OK done\n" + logout, 0, "", false},
		{"a literal that is asked for", asked + "S: + go\n" + text + "S: A1 OK done\n" + logout, 0, "",
			false},
		{"news in between", plus + "S: * 5 EXISTS\nS: * OK [ALERT] {5}\nS: * LIST () \"/\" {1}\nS: x\n" +
			"S: A1 OK done\n" + logout, 0, "", false},

		{"NO", plus + "S: A1 NO not now\n" + isThere + logout, temporary, `refused with NO "not now"`, false},
		{"NO, and LIST too", plus + "S: A1 NO not now\nC: A2 LIST \"\" \"INBOX\"\nS: A2 NO\n" + logout,
			temporary, "not now", false},
		{"NO before the literal", asked + "S: A1 NO not now\n" + isThere + logout, temporary, "not now",
			false},
		{"no folder, without a code", plus + "S: A1 NO what?\nC: A2 LIST \"\" \"INBOX\"\nS: A2 OK\n" + logout,
			unusable, "what?\": the folder is not there; hint: make it there", false},
		{"no folder", plus + "S: A1 NO [TRYCREATE] what?\n" + logout, unusable, "appendcreate", false},
		{"nonexistent folder", plus + "S: A1 NO [NONEXISTENT] what?\n" + logout, unusable, "appendcreate",
			false},
		{"over quota", plus + "S: A1 NO [OVERQUOTA] full\n" + logout, unusable, "room", false},
		{"limit", plus + "S: A1 NO [LIMIT] slowly\n" + logout, unusable, "slowly", false},
		{"unavailable", plus + "S: A1 NO [UNAVAILABLE] down\n" + logout, unusable, "down", false},
		{"about the message or the folder", plus + "S: A1 NO [CANNOT] no\n" + logout, temporary, "[CANNOT]",
			false},
		{"a mistake of the server", plus + "S: A1 NO [SERVERBUG] no\n" + logout, temporary, "[SERVERBUG]",
			false},
		{"no right", plus + "S: A1 NO [NOPERM] not yours\n" + logout, unusable, "may not write", false},
		{"too big", plus + "S: A1 NO [TOOBIG] no\n" + logout, permanent, "no", false},
		{"too big by APPENDLIMIT", loggedIn("APPENDLIMIT=18") + logout, permanent, "takes 18 at most", false},
		{"too big by STATUS", loggedIn("APPENDLIMIT") +
			"C: A1 STATUS \"INBOX\" (APPENDLIMIT)\nS: * STATUS INBOX (APPENDLIMIT 18)\nS: A1 OK\n" + logout,
			permanent, "takes 18 at most", false},
		{"within APPENDLIMIT", loggedIn("LITERAL+ APPENDLIMIT=20") + appended + "S: A1 OK done\n" + logout, 0,
			"", false},
		{"no APPENDLIMIT by STATUS", loggedIn("LITERAL+ APPENDLIMIT") +
			"C: A1 STATUS \"INBOX\" (APPENDLIMIT)\nS: * STATUS INBOX (APPENDLIMIT NIL)\nS: A1 OK\n" +
			strings.Replace(appended, "A1", "A2", 1) + "S: A2 OK done\n" + logout, 0, "", false},
		{"control characters", plus + "S< A1 NO \\x1b[2J\\x00\\r\\n\n" + isThere + logout, temporary,
			`\x1b[2J\x00`, false},

		{"BAD", plus + "S: A1 BAD what?\n", temporary, `refused with BAD "what?"`, false},
		{"BYE", plus + "S: * BYE down\n", temporary, "BYE \"down\"", true},
		{"BYE with a code", plus + "S: * BYE [OVERQUOTA] down\n", temporary, "BYE [OVERQUOTA] \"down\"",
			true},
		{"BYE before the literal", asked + "S: * BYE down\n", temporary, "down", false},
		{"closed", plus + "CLOSE", temporary, "ended the connection", true},
		{"closed before the literal", asked + "CLOSE", temporary, "ended the connection", false},
		{"no answer", plus + "STALL", temporary, "no answer", true},
		{"no answer to the command", asked + "STALL", temporary, "no answer", false},
		{"OK before the literal", asked + "S: A1 OK done\n", temporary, "no answer here", false},
		{"OK to another command", plus + "S: A2 OK done\n", temporary, "no answer here", true},
		{"untagged OK", plus + "S: * OK done\nCLOSE", temporary, "ended the connection", true},
		{"+ for nothing", plus + "S: + go\n", temporary, "no answer here", true},
		{"+ twice", asked + "S< + go\\r\\n+ go\\r\\n\n" + text, temporary, "no answer here", true},
		{"noise", plus + "S: hello\n", temporary, "no answer here", true},
		{"PREAUTH", plus + "S: A1 PREAUTH\n", temporary, "no answer here", true},
		{"endless line", plus + "ENDLESS * OK\n", temporary, "more than 65536 bytes", true},
		{"endless news", plus + "ENDLESS * 5 EXISTS\\r\\n\n", temporary, "that answer nothing", true},
		{"a large literal", plus + "S: * LIST () \"/\" {99999}\n", temporary, "nobody asked for", true},

		{"wrong password", "S: * OK [CAPABILITY IMAP4rev1] h\nC*\nS: A1 NO [AUTHENTICATIONFAILED] wrong\n",
			unusable, "wrong", false},
		{"BYE as greeting", "S: * BYE busy\n", unusable, "busy", false},
		{"POP3", "S: +OK hello\n", unusable, "not an IMAP greeting", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := appendTo(t, tt.dialogue, nil)
			err := d.Deliver(t.Context(), newMail(t, "1"))
			_ = d.Close()
			switch {
			case tt.says == "" && err != nil:
				t.Error(err)
			case tt.says == "":
			case err == nil || !strings.Contains(err.Error(), tt.says) || delivery.ClassOf(err) != tt.class:
				t.Errorf("class %d: %v, want class %d: %s", delivery.ClassOf(err), err, tt.class, tt.says)
			case isUnclear(err) != tt.unclear:
				t.Errorf("unclear %v: %v", isUnclear(err), err)
			case strings.Contains(err.Error(), "sesame") || strings.Count(err.Error(), "; hint: ") > 1:
				t.Errorf("text of the error: %v", err)
			case tt.class != permanent && login.KindOf(err) != login.KindDelivery:
				t.Errorf("kind %v of %v", login.KindOf(err), err)
			}
		})
	}
}

// TestAppendGroup: messages follow one another without a wait once the folder is proven; each has its own
// answer, in whatever order these come.
func TestAppendGroup(t *testing.T) {
	t.Parallel()
	one := func(n int, says string) string {
		return fmt.Sprintf("C: A%d APPEND \"INBOX\" {20+}\nC: Subject: x\nC:\x20\nC: body\nC:\x20\n%s", n,
			says)
	}
	const message = "C: Subject: x\nC:\x20\nC: body\n"
	both := func(n int, says string) string {
		return fmt.Sprintf("C: A%d APPEND \"INBOX\" {20+}\n%sC: ~^ \\{20\\+\\}$\n%sC:\x20\n%s", n, message,
			message, says)
	}
	const look = "C: A3 EXAMINE \"INBOX\"\nS: * 0 EXISTS\nS: A3 OK\nC: A4 CLOSE\nS: A4 OK\n"

	for _, tt := range []struct{ name, dialogue, want string }{
		{"several in one", loggedIn("LITERAL+ MULTIAPPEND") + one(1, "S: A1 OK\n") +
			both(2, "S: A2 OK [APPENDUID 1 2:3]\n") + logout, "ok ok ok"},
		{"several refused", loggedIn("LITERAL+ MULTIAPPEND") + one(1, "S: A1 OK\n") +
			both(2, "S: A2 NO x\n"+look) +
			one(5, "") + one(6, "") + "S: A5 OK\nS: A6 NO x\n" + logout, "ok ok no"},
		{"several, and full", loggedIn("LITERAL+ MULTIAPPEND") + one(1, "S: A1 OK\n") +
			both(2, "S: A2 NO [OVERQUOTA] x\n"+look) +
			one(5, "") + one(6, "") + "S: A5 OK\nS: A6 NO [OVERQUOTA] x\n" + logout, "ok ok no"},
		{"several lost", loggedIn("LITERAL+ MULTIAPPEND") + one(1, "S: A1 OK\n") + both(2, "CLOSE"),
			"ok unclear unclear"},
		{"each to be asked for", loggedIn("MULTIAPPEND") +
			strings.ReplaceAll(one(1, "S: A1 OK\n")+one(2, "S: A2 OK\n")+one(3, "S: A3 OK\n"), "20+}\n",
				"20}\nS: + go\n") + logout, "ok ok ok"},
		{"pipelined", loggedIn("LITERAL+") + one(1, "S: A1 OK\n") + one(2, "") + one(3, "") +
			"S: A2 OK\nS: A3 OK\n" + logout, "ok ok ok"},
		{"another order", loggedIn("LITERAL+") + one(1, "S: A1 OK\n") + one(2, "") + one(3, "") +
			"S: A3 NO x\nS: A2 OK\n" + logout, "ok ok no"},
		{"one refused", loggedIn("LITERAL+") + one(1,
			"S: A1 NO x\nC: A2 LIST \"\" \"INBOX\"\nS: * LIST () \"/\" INBOX\nS: A2 OK\n") +
			one(3, "S: A3 OK\n") + one(4, "S: A4 OK\n") + logout, "no ok ok"},
		{"one not understood", loggedIn("LITERAL+") + one(1, "S: A1 OK\n") + one(2, "") + one(3, "") +
			"S: A2 BAD x\n", "ok no unclear"},
		{"full", loggedIn("LITERAL+") + one(1, "S: A1 OK\n") + one(2, "") + one(3, "") +
			"S: A2 NO [OVERQUOTA] x\nS: A3 NO [OVERQUOTA] x\n" + logout, "ok no no"},
		{"full at once", loggedIn("LITERAL+") + one(1, "S: A1 NO [OVERQUOTA] x\n") + logout, "no no no"},
		{"lost", loggedIn("LITERAL+") + one(1, "S: A1 OK\n") + one(2, "") + one(3, "") + "S: A3 OK\nCLOSE",
			"ok unclear ok"},
		{"made when it is missing", loggedIn("LITERAL+") + one(1,
			"S: A1 NO [TRYCREATE] x\nC: A2 CREATE \"INBOX\"\nS: A2 OK\nC: A3 SUBSCRIBE \"INBOX\"\n"+
				"S: A3 NO\n") +
			one(4, "S: A4 OK\n") + one(5, "") + one(6, "") + "S: A5 OK\nS: A6 OK\n" + logout, "ok ok ok"},
		{"made although the server does not say that it is missing", loggedIn("LITERAL+") + one(1,
			"S: A1 NO x\nC: A2 LIST \"\" \"INBOX\"\nS: A2 OK\nC: A3 CREATE \"INBOX\"\nS: A3 OK\n"+
				"C: A4 SUBSCRIBE \"INBOX\"\nS: A4 OK\n") +
			one(5, "S: A5 OK\n") + one(6, "") + one(7, "") + "S: A6 OK\nS: A7 OK\n" + logout, "ok ok ok"},
		{"can't be made", loggedIn("LITERAL+") + one(1,
			"S: A1 NO [TRYCREATE] x\nC: A2 CREATE \"INBOX\"\nS: A2 NO never\n") + logout, "no no no"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := appendTo(t, tt.dialogue, func(o *delivery.AppendOptions) { o.Create = true })
			var got []string
			var twice error // names the destination more than once

			for _, err := range d.DeliverGroup(t.Context(), newMails(t, "1", "2", "3")) {
				if strings.Count(fmt.Sprint(err), "append to") > 1 {
					twice = err
				}
				switch {
				case err == nil:
					got = append(got, "ok")
				case isUnclear(err):
					got = append(got, "unclear")
				default:
					got = append(got, "no")
				}
			}

			_ = d.Close()
			if text := strings.Join(got, " "); text != tt.want || twice != nil {
				t.Errorf("%s, %v, want %s", text, twice, tt.want)
			}
		})
	}
}

// TestAppendCommands: what a message's command says of it, and which folder it goes to.
func TestAppendCommands(t *testing.T) {
	t.Parallel()
	date := time.Date(2026, 11, 7, 3, 4, 5, 0, time.FixedZone("", 3600))
	for _, tt := range []struct {
		name, folder, before, command string
		change                        func(*delivery.AppendOptions, *delivery.Message)
	}{
		{"flags and date", "INBOX", "", `"INBOX" (\Seen \Flagged) " 7-Nov-2026 03:04:05 +0100"`,
			func(_ *delivery.AppendOptions, m *delivery.Message) {
				m.InternalDate, m.Flags = date, []string{`\Seen`, `\Recent`, `\Deleted`, "Work", `\Flagged`}
			}},
		{"keywords", "inbox", "", `"INBOX" (\Draft Work)`, func(o *delivery.AppendOptions,
			m *delivery.Message) {
			o.Keywords, m.Flags = true, []string{`\Draft`, "Work", "a b", "x)", `\Deleted`, ""}
		}},
		{"UTF-8", "Entwürfe & mehr", "", `"Entw&APw-rfe &- mehr"`, nil},
		{"UTF-7", "Entw&APw-rfe", "", `"Entw&APw-rfe"`, nil},
		{"the source's levels", "Old/%folder", "C: A1 LIST \"\" \"\"\nS: * LIST () \"/\" \"\"\nS: A1 OK\n",
			`"Old/Work/2026"`, func(o *delivery.AppendOptions, m *delivery.Message) {
				m.Mailbox, m.Separator = "Work.2026", "."
				o.Folder = func(source string) string { return "Old/" + source }
			}},
		{"quotes", `a"b\c`, "", `"a\"b\\c"`, nil},
		{"levels", "Old/Work", "C: A1 LIST \"\" \"\"\nS: * LIST (\\Noselect) \"/\" \"\"\nS: A1 OK\n",
			`"Old/Work"`, nil},
		{"other levels", "Old/Work", "C: A1 LIST \"\" \"\"\nS: * LIST (\\Noselect) \".\" \"\"\nS: A1 OK\n",
			`"Old.Work"`, nil},
		{"backslash as separator", "Old/Work",
			"C: A1 LIST \"\" \"\"\nS: * LIST (\\Noselect) \"\\\\\" \"\"\nS: A1 OK\n", `"Old\\Work"`, nil},
		{"no levels", "Old/Work", "C: A1 LIST \"\" \"\"\nS: * LIST (\\Noselect) NIL \"\"\nS: A1 OK\n",
			`"Old/Work"`, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := newMail(t, "1")
			tag := 1 + strings.Count(tt.before, "C: ")
			text := strings.Replace(appended, `A1 APPEND "INBOX"`,
				fmt.Sprintf("A%d APPEND %s", tag, tt.command), 1)
			d := appendTo(t, loggedIn("LITERAL+")+tt.before+text+fmt.Sprintf("S: A%d OK\n", tag)+logout,
				func(o *delivery.AppendOptions) {
					o.Folder = func(string) string { return tt.folder }
					if tt.change != nil {
						tt.change(o, m)
					}
				})
			if err := d.Deliver(t.Context(), m); err != nil {
				t.Error(err)
			}
			_ = d.Close()
		})
	}
}

// TestAppendHold: the lease is asked before the last octet, and then nothing arrives.
func TestAppendHold(t *testing.T) {
	t.Parallel()
	lost := errors.New("somebody else has the account")
	asked := 0
	m := deliverytest.NewMessage(t, "1", []byte("Subject: x\n\n"+strings.Repeat("x", 100_000)+"END"))
	m.Trace = nil
	m.Lease = func() error {
		if asked++; asked == 2 {
			return lost
		}
		return nil
	}
	port, heard := hearAll(t)
	d := newAppend(t, delivery.AppendOptions{Host: "localhost", Port: port, User: "ann",
		Password: secretOf("sesame")})
	if err := d.Deliver(t.Context(), m); !errors.Is(err, lost) || isUnclear(err) {
		t.Error(err)
	}
	if text := <-heard; !strings.Contains(text, "{100017+}") || strings.Contains(text, "xEND") {
		t.Errorf("the message was sent whole, or not begun: %.100q", text)
	}
}

// TestAppendSeveralUnknown: a server that offers to take several with one command and does not know how gets
// them one by one, over a connection of their own.
func TestAppendSeveralUnknown(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { _ = ln.Close() })
	served := make(chan int, 1)
	go func() {
		n := 0
		for {
			conn, err := ln.Accept()
			if err != nil {
				break
			}
			n++
			_, _ = io.WriteString(conn, "* OK [CAPABILITY IMAP4rev1] h\r\n")
			serveSingly(conn)
		}
		served <- n
	}()

	d := newAppend(t, delivery.AppendOptions{Host: "localhost", Port: ln.Addr().(*net.TCPAddr).Port,
		User: "ann", Password: secretOf("sesame")})
	ms := newMails(t, "1", "2", "3", "4")
	for range 2 {
		if err := errors.Join(d.DeliverGroup(t.Context(), ms)...); err != nil {
			t.Error(err)
		}
	}

	_ = d.Close()
	_ = ln.Close()
	if n := <-served; n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
}

// serveSingly takes one message a command, and calls more of them BAD.
func serveSingly(conn net.Conn) {
	defer conn.Close()
	lines := bufio.NewScanner(conn)
	tag, several := "", false
	for lines.Scan() {
		line := lines.Text()
		words := strings.Fields(line + " . .")
		switch {
		case words[1] == "LOGIN":
			fmt.Fprintf(conn, "%s OK [CAPABILITY IMAP4rev1 LITERAL+ MULTIAPPEND] in\r\n", words[0])
		case words[1] == "APPEND":
			tag, several = words[0], false
		case words[1] == "EXAMINE" || words[1] == "CLOSE":
			fmt.Fprintf(conn, "%s OK\r\n", words[0])
		case words[1] == "LOGOUT":
			return
		case strings.HasPrefix(line, " {"):
			several = true
		case line == "body" && several:
			fmt.Fprintf(conn, "%s BAD what?\r\n", tag)
		}
		if line == "body" && !several {
			if !lines.Scan() || lines.Text() != "" {
				several = true
				continue
			}
			fmt.Fprintf(conn, "%s OK done\r\n", tag)
		}
	}
}

// hearAll lets a client log in, and says what else it sends until it leaves.
func hearAll(t *testing.T) (port int, heard <-chan string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	all := make(chan string, 1)
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "* OK [CAPABILITY IMAP4rev1] h\r\n"+
			"A1 OK [CAPABILITY IMAP4rev1 LITERAL+] in\r\n")
		text, _ := io.ReadAll(conn)
		all <- string(text)
	}()
	return ln.Addr().(*net.TCPAddr).Port, all
}

// TestAppendNUL: IMAP can't carry a NUL; the message is refused and no other is kept from its way.
func TestAppendNUL(t *testing.T) {
	t.Parallel()
	d := appendTo(t, loggedIn("LITERAL+")+appended+"S: A1 OK\n"+logout, nil)
	bad := deliverytest.NewMessage(t, "1", []byte("Subject: x\n\na\x00b\n"))
	errs := d.DeliverGroup(t.Context(), []*delivery.Message{bad, newMail(t, "2")})
	_ = d.Close()
	if delivery.ClassOf(errs[0]) != delivery.Permanent || !strings.Contains(errs[0].Error(), "NUL") ||
		errs[1] != nil {
		t.Error(errs)
	}
}

// TestAppendOverQuota: a large message that the mailbox has no room for, or that is over a limit for each (as
// Dovecot says it), is not in the way of a small one.
func TestAppendOverQuota(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"OVERQUOTA", "LIMIT"} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			d := appendTo(t, loggedIn("LITERAL+")+"C: A1 APPEND \"INBOX\" {50014+}\nC<50014\nC:\x20\n"+
				"S: A1 NO ["+code+"] full\n"+strings.Replace(appended, "A1", "A2", 1)+"S: A2 OK\n"+
				logout, nil)
			large := deliverytest.NewMessage(t, "1", []byte("Subject: x\n\n"+strings.Repeat("xyz\n", 10_000)))
			large.Trace = nil

			errs := d.DeliverGroup(t.Context(), []*delivery.Message{large, newMail(t, "2")})
			_ = d.Close()
			if delivery.ClassOf(errs[0]) != delivery.Temporary || errs[1] != nil ||
				delivery.LacksRoom(errs[0]) != (code == "OVERQUOTA") {
				t.Error(errs)
			}
		})
	}
}
