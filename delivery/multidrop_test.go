package delivery

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// the rc file of most cases: poll mail.example.org via 192.0.2.1 aka example.net localdomains example.com
func sharedMailbox() *Multidrop {
	return &Multidrop{
		Field: "X-Env", Hosts: []string{"mail.example.org", "192.0.2.1"}, Aliases: []string{"example.net"},
		Domains: []string{"example.com"},
		Names: map[string]string{"ann": "ann", "bob": "robert", "eve@else.example": "eve",
			"joe doe": "joe"},
		Postmaster: "pm",
	}
}

func anyName(d *Multidrop)   { d.Any = true }
func virtual(d *Multidrop)   { d.Prefix = "pre-" }
func received(d *Multidrop)  { d.Field = "Received" }
func guess(d *Multidrop)     { d.Field = "" }
func second(d *Multidrop)    { d.Skip = 1 }
func discards(d *Multidrop)  { d.Postmaster = "" }
func takesNone(d *Multidrop) { d.Any, d.Takes = true, func(string) bool { return false } }

const missing = "(missing)"

// TestMultidrop has what fetchmail 6.4.37 answered, and otherwise says why.
func TestMultidrop(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 3000)
	for _, tt := range []struct {
		name   string
		set    func(*Multidrop)
		header string // whole lines, or the value of X-Env
		want   string
	}{
		{"declared", nil, "ann@mail.example.org", "ann"},
		{"mapped", nil, "bob@mail.example.org", "robert"},
		{"a mapping is not read backwards", nil, "robert@mail.example.org", "pm"},
		{"in brackets", nil, "<ann@mail.example.org>", "ann"},
		{"in capitals", nil, "ANN@MAIL.Example.ORG", "ann"},
		{"via", nil, "ann@192.0.2.1", "ann"},
		{"an address literal", nil, "ann@[192.0.2.1]", "pm"},
		{"this machine is not the server", nil, "ann@localhost", "pm"},
		{"below the server", nil, "ann@sub.mail.example.org", "pm"},
		{"aka", nil, "ann@example.net", "ann"},
		{"below aka", nil, "ann@mx.example.net", "ann"},
		{"aka without its dot", nil, "ann@xexample.net", "pm"},
		{"another host", nil, "ann@other.example", "pm"},
		{"nobody here", nil, "zoe@mail.example.org", "pm"},
		{"anybody", anyName, "zoe@mail.example.org", "zoe"},
		{"anybody, in his case", anyName, "Zoe@mail.example.org", "Zoe"},
		{"anybody elsewhere", anyName, "zoe@other.example", "pm"},
		{"anybody, mapped", anyName, "bob@mail.example.org", "robert"},
		{"anybody, the mapping's other side", anyName, "robert@mail.example.org", "robert"},
		{"extension", nil, "ann+list@mail.example.org", "pm"},
		{"extension of anybody", anyName, "ann+list@mail.example.org", "ann+list"},
		{"percent", anyName, "ann%x.example@mail.example.org", "ann%x.example"},
		{"bang", anyName, "x!ann@mail.example.org", "x!ann"},
		{"whole address", nil, "eve@else.example", "eve"},
		{"whole address in capitals", nil, "Eve@ELSE.example", "eve"},
		{"local domain", nil, "zoe@example.com", "zoe@example.com"},
		{"local domain, not mapped", nil, "bob@example.com", "bob@example.com"},
		{"below the local domain, as written", nil, "Zoe@Sub.Example.com", "Zoe@Sub.Example.com"},
		{"local domain without its dot", nil, "zoe@xexample.com", "pm"},
		{"local domain, quoted", nil, `"a b"@example.com`, `"a b"@example.com`},
		{"local domain that is the server's", func(d *Multidrop) { d.Domains = d.Hosts },
			"bob@mail.example.org",
			"bob@mail.example.org"},
		{"whole address in a local domain", func(d *Multidrop) { d.Names["ann@example.com"] = "x" },
			"ann@example.com", "x"},

		{"two", nil, "ann@mail.example.org, bob@mail.example.org", "ann robert"},
		{"twice", nil, "ann@mail.example.org, <ann@example.net>", "ann"}, // fetchmail: twice
		{"twice in other case", anyName, "Zoe@mail.example.org, zoe@mail.example.org", "Zoe"},
		{"two that are one", func(d *Multidrop) { d.Names["bob"] = "ann" },
			"ann@mail.example.org, bob@mail.example.org", "ann"},
		{"one of two is nobody", nil, "zoe@mail.example.org, ann@mail.example.org", "ann"},
		{"both are nobody", nil, "zoe@mail.example.org, joe@mail.example.org", "pm"},
		{"brackets without a comma", nil, "<ann@mail.example.org> <bob@mail.example.org>", "ann robert"},
		{"a host behind brackets", nil, "<ann@mail.example.org>@else.example", "pm"},
		{"a word behind brackets", nil, "<ann@mail.example.org> SIZE=1, bob@mail.example.org", "robert"},
		{"a name between brackets", nil, "<ann@mail.example.org> Bob <bob@mail.example.org>", "ann robert"},
		{"no comma", nil, "ann@mail.example.org bob@mail.example.org", "pm"},
		{"commas alone", nil, ", ,ann@mail.example.org,,", "ann"},

		{"a name before it", nil, "Bob <ann@mail.example.org>", "ann"},
		{"an address as its name", nil, `"bob@mail.example.org" <ann@mail.example.org>`, "ann"},
		{"a comma in its name", nil, `"x, bob@mail.example.org" <ann@mail.example.org>`, "ann"},
		{"a comment behind it", nil, "ann@mail.example.org (bob@mail.example.org)", "ann"},
		{"a comment before it", nil, "(bob@mail.example.org, \\) (x)) ann@mail.example.org", "ann"},
		{"a comment in it", nil, "ann (c) @ mail.example.org", "ann"},
		{"an encoded word before it", nil,
			"=?utf-8?q?Bob_=3Cbob=40mail.example.org=3E?= <ann@mail.example.org>", "ann"},
		{"an encoded word in it", anyName, "=?utf-8?q?ann?=@mail.example.org", "=?utf-8?q?ann?="},
		{"an encoded word in it, of a declared name", nil, "=?utf-8?q?ann?=@mail.example.org", "pm"},
		{"an encoded word is no list", nil, "=?utf-8?q?x=2C_ann?=@mail.example.org", "pm"},
		{"quoted", nil, `"ann"@mail.example.org`, "ann"},              // fetchmail: nobody
		{"quoted, with a blank", nil, `"joe doe"@example.net`, "joe"}, // likewise
		{"quoted, with a blank, anybody", anyName, `"john doe"@mail.example.org`, "john doe"},
		{"quoted, with an escape", anyName, `"a\nn"@mail.example.org`, "pm"},
		{"quoted, with a host", anyName, `"a@b"@mail.example.org`, "pm"},
		{"quoted, and more", anyName, `"ann"x@mail.example.org`, "pm"},
		{"quoted, without an end", anyName, `"ann@mail.example.org`, "pm"},
		{"folded", nil, "\n ann@mail.example.org,\n\tbob@mail.example.org", "ann robert"},
		{"folded with CR", nil, "\r\n ann@mail.example.org,\r\n\tbob@mail.example.org\r", "ann robert"},

		// fetchmail: the one in the middle
		{"group", nil, "team: ann@mail.example.org, bob@mail.example.org, ann@example.net;", "pm"},
		{"behind a group", nil, "team: ann@mail.example.org;, bob@mail.example.org", "robert"},
		{"empty group", nil, "undisclosed-recipients:;", "pm"},
		{"semicolon", nil, "ann@mail.example.org; bob@mail.example.org", "pm"},
		{"source route", nil, "<@relay.example:ann@mail.example.org>", "pm"},
		// fetchmail: as it is
		{"source route to a local domain", nil, "<@relay.example:zoe@example.com>", "pm"},
		{"dot at the end", nil, "ann@mail.example.org.", "pm"},
		{"empty label below aka", nil, "ann@.example.net", "pm"},
		{"bare name", nil, "ann", "pm"},
		{"null", nil, "<>", "pm"},
		{"empty", nil, "", "pm"},
		{"no local part", anyName, "@mail.example.org", "pm"}, // fetchmail: RCPT TO:<@host>
		{"no local part, quoted", anyName, `""@mail.example.org`, "pm"},
		{"no host", anyName, "ann@", "pm"},
		{"two at signs", anyName, "ann@@mail.example.org", "pm"},
		{"two hosts", anyName, "ann@x@mail.example.org", "pm"},
		{"too long", anyName, long + "@mail.example.org", "pm"}, // fetchmail: cut
		{"too long beside another", anyName, long + "@mail.example.org, ann@mail.example.org", "ann"},
		// fetchmail: both
		{"bracket without an end", nil, "ann@mail.example.org, <bob@mail.example.org", "ann"},
		{"bracket without a beginning", nil, "ann@mail.example.org>", "pm"},
		{"junk in the local part", anyName, "a\\nn@mail.example.org", "pm"},
		{"control in the local part", anyName, "a\x01n@mail.example.org", "pm"},
		{"not UTF-8", anyName, "a\xffn@mail.example.org", "pm"},
		{"UTF-8", anyName, "änn@mail.example.org", "änn"},
		{"junk in the host", anyName, "ann@x!y.example.net", "pm"},

		{"prefix", virtual, "pre-ann@mail.example.org", "ann"},
		{"prefix in capitals", virtual, "PRE-ann@mail.example.org", "ann"},
		{"prefix missing", virtual, "ann@mail.example.org", "ann"},
		{"prefix twice", virtual, "pre-pre-ann@mail.example.org", "pm"},
		{"prefix alone", func(d *Multidrop) { d.Any, d.Prefix = true, "pre-" }, "pre-@mail.example.org",
			"pm"},
		{"prefix in a local domain", virtual, "pre-zoe@example.com", "zoe@example.com"},
		{"prefix before a whole address", virtual, "pre-eve@else.example", "eve"},

		{"field in other case", nil, "x-ENV: ann@mail.example.org\n", "ann"},
		{"field with a blank before the colon", nil, "X-Env : ann@mail.example.org\n", "ann"},
		{"field that begins alike", nil, "X-Env-Also: bob@mail.example.org\n" +
			"X-Env: ann@mail.example.org\n", "ann"}, // fetchmail: bob
		{"the first of two", nil, "X-Env: ann@mail.example.org\nX-Env: bob@mail.example.org\n", "ann"},
		{"the first is nobody's", nil, "X-Env: zoe@mail.example.org\nX-Env: bob@mail.example.org\n", "pm"},
		{"the second", second, "X-Env: ann@mail.example.org\nX-Env: bob@mail.example.org\n", "robert"},
		{"the second of one", second, "X-Env: ann@mail.example.org\n", missing}, // fetchmail: To
		{"missing", nil, "To: ann@mail.example.org\n", missing},                 // fetchmail: To
		{"in the body", nil, "To: x@y\n\nX-Env: ann@mail.example.org\n", missing},
		{"no header", nil, "\nX-Env: ann@mail.example.org\n", missing},
		{"To says nothing", nil, "To: bob@mail.example.org\nX-Env: ann@mail.example.org\n", "ann"},
		{"To does not help", nil, "To: bob@mail.example.org\nX-Env: zoe@mail.example.org\n", "pm"},
		{"cut by the limit", nil, "X-Pad: " + strings.Repeat("x", HeaderLimit-20) +
			"\nX-Env: ann@mail.example.org, bob@mail.example.org\n", missing},

		{"Received", received, "Received: from x by mail.example.org with ESMTP id 1 for " +
			"<ann@mail.example.org>; Thu\n", "ann"},
		{"Received without brackets", received,
			"Received: from x by mail.example.org\n for ann@mail.example.org; Thu\n", "ann"},
		{"Received by another", received, "Received: by other.example for <bob@mail.example.org>; Thu\n" +
			"Received: by mail.example.org for <ann@mail.example.org>; Thu\n", "ann"},
		{"Received without for", received,
			"Received: by mail.example.org; Thu\nReceived: by mail.example.org for " +
				"<ann@mail.example.org>; Thu\n", "ann"},
		{"Received, the second", func(d *Multidrop) { d.Field, d.Skip = "Received", 1 },
			"Received: by mail.example.org for <bob@mail.example.org>; Thu\n" +
				"Received: by mail.example.org for <ann@mail.example.org>; Thu\n", "ann"},
		{"Received with it all in a comment", received,
			"Received: from x (by mail.example.org for <bob@mail.example.org>) by y; Thu\n", missing},
		{"Received with for behind the date", received,
			"Received: by mail.example.org; Thu for <bob@mail.example.org>\n", missing},
		{"Received says nothing", received, "Received: by mail.example.org\nTo: ann@mail.example.org\n",
			missing},

		{"guessed", guess, "Cc: bob@mail.example.org\nTo: ann@mail.example.org\n", "robert ann"},
		{"guessed, sent again", guess, "To: bob@mail.example.org\nResent-To: ann@mail.example.org\n", "ann"},
		{"guessed, from several fields", guess,
			"To: ann@mail.example.org\nTo: bob@mail.example.org, ann@example.net\n", "ann robert"},
		{"guessed, nothing there", guess, "From: x@y\n", missing},

		{"discarded", discards, "zoe@mail.example.org", ""},
		{"the destination takes none", takesNone, "zoe@mail.example.org", "pm"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := sharedMailbox()
			if tt.set != nil {
				tt.set(d)
			}
			header := tt.header
			if !strings.HasSuffix(header, "\n") {
				header = "X-Env: " + header + "\nFrom: x@y.example\n"
			}
			if got := namesOf(t, d, header); got != tt.want {
				t.Errorf("for %q, want %q", got, tt.want)
			}
		})
	}
}

func namesOf(t *testing.T, d *Multidrop, header string) string {
	t.Helper()
	a, err := d.Addressees(spoolOf(t, header+"\nbody\n"))
	if err != nil {
		if ClassOf(err) != Permanent || len(a.Names) > 0 {
			t.Errorf("%v with %q", err, a.Names)
		}
		return missing
	}
	if isNobodys := len(a.Names) == 0 || slices.Equal(a.Names,
		[]string{"pm"}); isNobodys != (a.Warning != nil) {
		t.Errorf("for %q with the warning %q", a.Names, a.Warning)
	}
	return strings.Join(a.Names, " ")
}

func TestMultidropWarning(t *testing.T) {
	t.Parallel()
	const general = "X-Fetchmail-Warning: no recipient addresses matched declared local names\n"
	for name, tt := range map[string]struct{ value, want string }{
		"of another host": {"ann@x.example",
			"X-Fetchmail-Warning: recipient address ann@x.example didn't match any local name\n"},
		"of two hosts":     {"ann@x.example, bob@x.example", general},
		"of no local user": {"zoe@mail.example.org", general},
		"none":             {"", general},
		"a bare name":      {"zoe", general},
		"beside bare ones": {"zoe, ann@x.example, bob",
			"X-Fetchmail-Warning: recipient address ann@x.example didn't match any local name\n"},
		"with a blank": {`"a b"@x.example`,
			"X-Fetchmail-Warning: recipient address \"a b\"@x.example didn't match any local name\n"},
		"foreign text": {"\x1b[31m <\xff\n x>",
			"X-Fetchmail-Warning: recipient address __x> didn't match any local name\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, err := sharedMailbox().Addressees(spoolOf(t, "X-Env: "+tt.value+"\n\nbody\n"))
			if err != nil || (string(a.Warning) != tt.want && name != "foreign text") {
				t.Errorf("warning %q, %v; want %q", a.Warning, err, tt.want)
			}
			if text := strings.TrimSuffix(string(a.Warning), "\n"); strings.ContainsFunc(text,
				func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("warning %q", a.Warning)
			}
		})
	}
}

// A header can't make a message for thousands, of whom a server would refuse some.
func TestMultidropIsBounded(t *testing.T) {
	t.Parallel()
	d := sharedMailbox()
	d.Any = true
	var list strings.Builder
	for i := range multidropMost + 1 {
		fmt.Fprintf(&list, "u%d@mail.example.org,", i)
	}
	if got := namesOf(t, d, "X-Env: "+list.String()+"\n"); got != missing {
		t.Errorf("for %d names", len(strings.Fields(got)))
	}
}

func FuzzMultidrop(f *testing.F) {
	for _, value := range []string{
		"ann@mail.example.org", `"joe doe"@example.net, <bob@mail.example.org>`, "team: a@example.net;",
		"<@x:y@mail.example.org>", `"a\"b"@example.com`, "a (b (c) d) @ example.net",
		"\n =?x?q?y?=@example.net",
		"pre-ann@example.com,ANN@example.net", "<a@example.com> <b@example.com>", `"`, "(", "<", "@", ",;:",
	} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		d := sharedMailbox()
		d.Any, d.Prefix = true, "pre-"
		header := "X-Env: " + value + "\n"
		a, err := d.Addressees(spoolOf(t, header+"\n"))
		if err != nil {
			return
		}
		declared := map[string]bool{"ann": true, "robert": true, "eve": true, "joe": true, "pm": true}
		seen := map[string]bool{}
		for _, name := range a.Names {
			local, host := splitLast(name)
			switch {
			case name == "" || len(name) > addressLimit || seen[strings.ToLower(name)]:
				t.Errorf("name %q in %q", name, a.Names)
			case !declared[name] && (!strings.Contains(header, local) || !strings.Contains(header, host)):
				t.Errorf("name %q is not in %q", name, header)
			case host != "" && !isBelow(host, d.Domains):
				t.Errorf("name %q has a host that is not ours", name)
			case strings.ContainsAny(name, "\r\n\x00<>"):
				t.Errorf("name %q has controls in it", name)
			}
			seen[strings.ToLower(name)] = true
		}
		if len(a.Names) == 0 || len(a.Names) > multidropMost {
			t.Errorf("%d names", len(a.Names))
		}
	})
}
