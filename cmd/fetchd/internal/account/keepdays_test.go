package account

import "testing"

// keepdays keeps, unless the file says otherwise.
func TestKeepDays(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]struct {
		days int
		keep bool
	}{
		"keepdays 5": {5, true}, "keep 5 days": {5, true}, "keepdays 5 no keep": {5, false},
		"keep":       {0, true},
		"keepdays 0": {0, false},
	} {
		accounts, _, err := resolveText(t, "poll h proto imap user x is me here "+words+"\n")
		if err != nil || accounts[0].KeepDays != want.days || accounts[0].Keep != want.keep ||
			accounts[0].RemoveMany {
			t.Errorf("%s: %+v, %v", words, accounts[0].Disposal, err)
		}
	}
}
