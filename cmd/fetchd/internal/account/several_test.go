package account

import (
	"strings"
	"testing"

	"fetchd/delivery"
	"fetchd/rcfile"
)

// Each kind can stand in deliver, and is then what its keyword alone would be.
func TestEveryKindCanBeListed(t *testing.T) {
	t.Parallel()
	values := map[string]string{
		"append": "imaps://ann@mail.example.org/Old", "bsmtp": "/b", "mbox": "/m", "maildir": "/d",
		"mda":  "cat",
		"smtp": "localhost/25", "lmtp": "/run/lmtp",
	}
	for _, d := range destinations {
		value := values[d.kind]
		accounts, _, err := resolveText(t,
			`poll h proto imap user x is me here deliver "`+d.kind+":"+value+"\" \"mda:tee\"\n")
		if value == "" || err != nil || len(accounts) != 1 || !delivery.IsSeveral(accounts[0].Deliverer) {
			t.Errorf("%s: %v, %v", d.kind, accounts, err)
			continue
		}
		alone, _, err := resolveText(t,
			`poll h proto imap user x is me here deliver "`+d.kind+":"+value+"\"\n")
		if err != nil || delivery.IsSeveral(alone[0].Deliverer) ||
			!strings.HasPrefix(accounts[0].Deliverer.String(), alone[0].Deliverer.String()+" and ") {
			t.Errorf("%s: %v, %v", d.kind, alone, err)
		}
		u := &rcfile.User{}
		if d.set(u, rcfile.Some(value)); !d.isNamed(u) {
			t.Errorf("%s is not what it sets", d.kind)
		}
		if ForgetDestinations(u); d.isNamed(u) {
			t.Errorf("%s is not forgotten", d.kind)
		}
	}
}

// Mail on the standard output is known of, also in a list.
func TestPrintsMail(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]bool{
		`bsmtp "-"`: true, `deliver "maildir:/x" "bsmtp:-"`: true, `folderdeliver F "bsmtp:-"`: true,
		`deliver "bsmtp:/x"`: false,
	} {
		cfg, err := rcfile.Parse("rc", []byte("poll h user x "+words+"\n"), rcfile.Fetchmailrc)
		if err != nil || PrintsMail(Selected(cfg, nil)) != want {
			t.Errorf("%s: %v, want %v", words, err, want)
		}
	}
}
