package rcfile

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// A password whose keyword is missing or misspelt, or that lacks its quotes, is a word like any other for the
// grammar, and must not get into a log or a mail of cron.
func TestMistakesShowNoSecret(t *testing.T) {
	t.Parallel()
	const grammar = "poll h proto imap %s\n"
	const table = "[[poll]]\nname = \"h\"\n[[poll.user]]\nuser = \"ann\"\n%s\n"
	for _, tt := range []struct {
		name, frame, text string
	}{
		{"no keyword", grammar, "user ann hunter2"},
		{"no keyword, quoted", grammar, `user ann "hunter2" ssl`},
		{"no keyword, for two", grammar, "user ann hunter2 user bob hunter2x"},
		{"near the keyword", grammar, "user ann passw0rd"},
		{"near an alias", grammar, "user ann pas"},
		{"behind a colon", grammar, "user ann:hunter2"},
		{"digits behind a colon", grammar, "user ann ssl:20061127"},
		{"behind an option", grammar, "user ann ssl hunter2"},
		{"behind an option, quoted", grammar, `user ann ssl "hunter2"`},
		{"digits among local names", grammar, "user ann is ann 20061127"},
		{"near the keyword among local names", grammar, "user ann is ann bob passw0rd"},
		{"misspelt keyword", grammar, "user ann passwrt hunter2"},
		{"no keyword, for the second", grammar, "user ann password x user bob ssl hunter2"},
		{"is", grammar, "user ann password is hunter2"},
		{"two words", grammar, "user ann password correct hunter2"},
		{"comma", grammar, "user ann password a,hunter2"},
		{"equals sign", grammar, "user ann password a=hunter2"},
		{"equals sign before", grammar, "user ann password=hunter2"},
		{"hash before", grammar, "user ann password #hunter2\nkeep hunter2"},
		{"no second quote mark", grammar, `user ann password "hunter2`},
		{"quote mark inside", grammar, `user ann password 'it's hunter2'`},
		{"backslash", grammar, `user ann password "\hunter2\0"`},
		{"control character", grammar, "user ann password hunter2\x01"},
		{"invisible character", grammar, "user ann hunter2\u200b"},

		{"toml: no quotes", table, "password = hunter2"},
		{"toml: number", table, "password = 20061127"},
		{"toml: list", table, `password = ["hunter2"]`},
		{"toml: table", table, `password = {is = "hunter2"}`},
		{"toml: misspelt keyword", table, `passwrt = "hunter2"`},
		{"toml: twice", table, "password = \"hunter2\"\npassword = \"hunter2\""},
		{"toml: no second quote mark", table, `password = "hunter2`},
		{"toml: no equals sign", table, `password "hunter2"`},
		{"toml: backslash", table, `password = "hunter2\q"`},
		{"toml: two words", table, `password = "a" hunter2`},

		{"netrc: no keyword", "machine h login ann %s", "hunter2"},
		{"netrc: misspelt keyword", "machine h login ann %s", "passwrt hunter2"},
		{"netrc: two words", "machine h login ann %s", "password a hunter2"},
		{"netrc: no second quote mark", "machine h login ann %s", `password "hunter2`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			text := mistakes(t, tt.name, fmt.Sprintf(tt.frame, tt.text))
			if text == "" {
				t.Error("nobody speaks up")
			}
			for _, secret := range []string{"hunter2", "passw0rd", "20061127", `"pas"`} {
				if strings.Contains(text, secret) {
					t.Errorf("shows %s: %s", secret, text)
				}
			}
		})
	}
}

// mistakes is all that is said of a text, of the kind that the name of its test begins with.
func mistakes(t *testing.T, name, text string) string {
	t.Helper()
	if strings.HasPrefix(name, "netrc") {
		_, warnings, err := parseNetrc("n", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(warnings)
	}

	c, err := Parse("f", []byte(text), Auto)
	if err != nil {
		return err.Error()
	}
	var all []error
	for _, w := range c.Warnings() {
		all = append(all, w)
	}
	for i := range c.Polls {
		for j := range c.Polls[i].Users {
			for _, e := range c.Polls[i].Refusals(&c.Polls[i].Users[j]) {
				all = append(all, e)
			}
		}
	}
	return fmt.Sprint(errors.Join(all...))
}

// What is nearly a keyword is shown, and so is what stands behind the password.
func TestSlipsAreShown(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"poll h user ann keepp":    `"keepp" after a user's name is not an option; hint: did you mean`,
		"poll h user ann ssl flsh": `unknown word "flsh"; hint: did you mean "flush"?`,
		"poll h protocoll imap":    `unknown word "protocoll"; hint: did you mean "protocol"?`,

		`poll h user ann sslproto "tls12"`: `"tls12"; hint: did you mean "tls1.2"?`,
		`poll h user ann sslproto "tls13"`: `"tls13"; hint: did you mean "tls1.3"?`,
		`poll h auth cram-md4 user ann`:    `"cram-md4"; hint: did you mean "cram-md5"?`,

		"poll h frobnicate user ann": `unknown word "frobnicate"`,

		"poll h user ann password x keep frob":         `unknown word "frob"; hint: write an option`,
		"poll h user ann password x keep appendpaswrd": `unknown word "appendpaswrd"; hint: did you mean`,
	} {
		if said := mistakes(t, "", text); !strings.Contains(said, want) {
			t.Errorf("%s: %s", text, said)
		}
	}
}

// A quote mark too many, or a character too few, shows no secret that stands behind it.
func TestDamageHidesSecrets(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct{ name, text string }{
		{"a quote mark before an option", "poll h user a \"keep\nuser b pass tokAB is \"b\" here"},
		{"a quote mark before a number", "poll h user a limit \"5\nuser b pass tokAB is \"b\" here"},
		{"a quote mark before a protocol", "poll h proto \"pop3 user a pass tokAB\npoll i user \"b\" pass x"},
		{"a quote mark for a blank", "poll h esmtpname u esmtppassword\"tokAB"},
		{"no blank behind the keyword", "poll h esmtpname u esmtppasswordtokAB"},
		{"no blank before the keyword", "poll h esmtpname uesmtppassword tokAB"},
		{"a comma in the keyword of a key", "poll h user a pass x sslkey k sslkey,ass tokAB"},
		{"a comma in the keyword of a client", "poll h user a pass x oauthclient c oauth,ecret tokAB"},
		{"a blank in a keyword", `poll h user a pass x append "imaps://a@h" append password tokAB`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, err := Parse("x", []byte(tt.text), Fetchmailrc); err == nil {
				t.Error("no mistake")
			} else if strings.Contains(err.Error(), "tok") {
				t.Errorf("shown: %v", err)
			}
		})
	}
}
