package delivery_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"fetchd/delivery"
	"fetchd/delivery/deliverytest"
	"fetchd/tlsverify/hints"
)

// A destination says which messages it has by what they are, wherever a reader has put them.
func TestHolds(t *testing.T) {
	t.Parallel()
	maildir := func(t *testing.T, name string) (*delivery.Maildir, string) {
		dir := filepath.Join(t.TempDir(), name)
		return delivery.NewMaildir(delivery.MaildirOptions{Dir: dir}), dir
	}
	one, dir := maildir(t, "one")
	two, _ := maildir(t, "two")
	missing, _ := maildir(t, "missing")
	folders := delivery.NewMaildirFolders(delivery.MaildirOptions{Dir: dir})
	home := t.TempDir()
	if err := os.WriteFile(home+"/file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	broken := delivery.NewMaildir(delivery.MaildirOptions{Dir: home + "/file"})
	each := delivery.NewPerUser(home+"/%T", func(path string) delivery.Deliverer {
		return delivery.NewMaildir(delivery.MaildirOptions{Dir: path})
	})
	both := delivery.NewSeveral([]delivery.Destination{{Deliverer: one, Key: "1"},
		{Deliverer: two, Key: "2"}})
	message := func(uid, account string) *delivery.Message {
		m := deliverytest.NewMessage(t, uid, []byte("Subject: x\n\nx\n"))
		m.Account, m.Recipients = account, []string{"ann", "bob"}
		return m
	}
	deliver := func(d delivery.Deliverer, m *delivery.Message) {
		t.Helper()
		if err := d.Deliver(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	for _, uid := range []string{"1", "2", "3"} {
		deliver(one, message(uid, "a"))
	}
	deliver(two, message("2", "a"))
	deliver(each, message("3", "a"))
	ann := message("1", "a")
	ann.Recipients = []string{"ann"}
	deliver(each, ann)
	names, err := filepath.Glob(dir + "/new/U0000000002*")
	if err == nil {
		err = os.Rename(names[0], filepath.Join(dir, "cur", filepath.Base(names[0])+":2,RS"))
	}
	if err != nil {
		t.Fatal(err)
	}

	for _, tt := range []struct {
		name    string
		to      delivery.Deliverer
		account string
		want    []bool
	}{
		{"Maildir", one, "a", []bool{true, true, true, false}},
		{"folders", folders, "a", []bool{true, true, true, false}},
		{"another account", one, "b", []bool{false, false, false, false}},
		{"missing", missing, "a", []bool{false, false, false, false}},
		{"both", both, "a", []bool{false, true, false, false}},
		{"both, of which one can't be used", delivery.NewSeveral([]delivery.Destination{
			{Deliverer: broken, Key: "1"}, {Deliverer: one, Key: "2"}}), "a",
			[]bool{false, false, false, false}},
		{"each recipient", each, "a", []bool{false, false, true, false}},
		{"another kind", delivery.NewMbox("x"), "a", []bool{false, false, false, false}},
	} {
		var uids []string
		for i := range tt.want {
			uids = append(uids, fmt.Sprint(i+1))
		}
		got, err := delivery.Holds(t.Context(), tt.to, *message("", tt.account), uids)
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, %v; want %v", tt.name, got, err, tt.want)
		}
	}

	held, err := delivery.Holds(t.Context(), broken, *message("", "a"), []string{"1"})
	if held != nil || delivery.ClassOf(err) != delivery.Unusable || hints.Of(err) == "" {
		t.Errorf("what can't be used holds %v, %v", held, err)
	}
}
