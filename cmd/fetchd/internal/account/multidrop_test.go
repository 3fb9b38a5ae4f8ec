package account

import (
	"reflect"
	"slices"
	"testing"

	"fetchd/delivery"
)

// What the words of an entry make of a shared mailbox.
func TestResolveMultidrop(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		want       delivery.Multidrop
	}{
		{"all words", `set postmaster root
			poll h via 192.0.2.1 proto imap envelope 2 X-To qvirtual v- aka a b localdomains c
		user x is "Ann=Alice" ann=bob eve * here mda "y %T"`,
			delivery.Multidrop{
				Field: "X-To", Skip: 2, Prefix: "v-", Hosts: []string{"h", "192.0.2.1"},
				Aliases: []string{"a", "b"},
				Domains: []string{"c"}, Any: true, Postmaster: "root",
				Names: map[string]string{"ann=alice": "Ann=Alice", "ann": "bob", "eve": "eve"},
			}},
		{"as few as possible", `poll h proto imap no envelope user x is ann bob here smtphost localhost`,
			delivery.Multidrop{Hosts: []string{"h", "h"}, Names: map[string]string{"ann": "ann",
				"bob": "bob"}, Postmaster: "me"}},
		{"a colon", `poll h proto imap envelope "Delivered-To:" user x is * here smtphost localhost`,
			delivery.Multidrop{Field: "Delivered-To", Hosts: []string{"h", "h"}, Names: map[string]string{},
				Any: true, Postmaster: "me"}},
		{"no postmaster",
			`set postmaster "" poll h proto imap envelope X user x is a=b a=c here smtphost localhost`,
			delivery.Multidrop{Field: "X", Hosts: []string{"h", "h"}, Names: map[string]string{"a": "b"}}},
		{"a Maildir for each", `poll h proto imap envelope X user x is a b here maildir /m/%T`,
			delivery.Multidrop{Field: "X", Hosts: []string{"h", "h"},
				Names: map[string]string{"a": "a", "b": "b"}, Postmaster: "me"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			accounts, _, err := resolveText(t, tt.text+"\n")
			if err != nil || len(accounts) != 1 || accounts[0].Multidrop == nil {
				t.Fatalf("%v, %v", accounts, err)
			}
			a := accounts[0]
			got := *a.Multidrop
			if got.Takes == nil || got.Takes("a\nb") {
				t.Error("the destination takes any name")
			}
			got.Takes, got.Exists = nil, nil
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
			if notices := slices.DeleteFunc([]string{tt.want.Postmaster},
				func(s string) bool { return s == "" }); !slices.Equal(a.Recipients, notices) {
				t.Errorf("notices go to %q", a.Recipients)
			}
		})
	}
	if accounts, _, err := resolveText(t,
		"poll h proto imap envelope X user x is a=b here smtphost localhost\n"); err != nil ||
		accounts[0].Multidrop != nil || !slices.Equal(accounts[0].Recipients, []string{"b"}) {
		t.Errorf("one local name: %v, %v", accounts, err)
	}
}

// Another postmaster makes it another account, where one has an effect.
func TestSettingsKnowThePostmaster(t *testing.T) {
	t.Parallel()
	const rest = " poll h proto imap envelope X user x is a b here smtphost localhost poll i proto imap " +
		"user y is b here smtphost localhost\n"
	r := newTestResolver()
	r.env.Remember = true
	first, _, err1 := resolveWith(t, r, "set postmaster ann"+rest)
	second, _, err2 := resolveWith(t, r, "set postmaster bob"+rest)
	if err1 != nil || err2 != nil || first[0].Settings == second[0].Settings ||
		first[1].Settings != second[1].Settings {
		t.Error("the settings don't tell")
	}
}
