package delivery_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fetchd/delivery"
	"fetchd/delivery/deliverytest"
)

func maildirAt(dir string) delivery.Deliverer {
	return delivery.NewMaildir(delivery.MaildirOptions{Dir: dir})
}

// homes makes a home for each of the users and returns the pattern of their Maildirs.
func homes(t *testing.T, users ...string) (pattern string) {
	t.Helper()
	dir := t.TempDir()
	for _, user := range users {
		if err := os.Mkdir(filepath.Join(dir, user), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, delivery.UserPlace, "Maildir")
}

// takeAway renames a directory until the function it returns is called.
func takeAway(t *testing.T, dir string) (repair func()) {
	t.Helper()
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Rename(dir+".away", dir); err != nil {
			t.Error(err)
		}
	}
}

func TestPerUserContract(t *testing.T) {
	t.Parallel()
	deliverytest.Run(t, "maildirs", func(t *testing.T) deliverytest.Target {
		pattern := homes(t, "ann", "bob")
		d := delivery.NewPerUser(pattern, maildirAt)
		return deliverytest.Target{
			Deliverer: d,
			Delivered: func(t *testing.T) [][]byte {
				return slices.Concat(filesIn(t, filepath.Join(d.Path("ann"), "new")),
					filesIn(t, filepath.Join(d.Path("bob"), "new")))
			},
			OneCopy: true,
			Break: map[delivery.Class]func(t *testing.T) func(){
				delivery.Temporary: func(t *testing.T) func() { return replaceByFile(t, d.Path("ann")) },
			},
			RefuseOne: func(t *testing.T) func() { return takeAway(t, filepath.Dir(d.Path("bob"))) },
		}
	})
}

// A name stays within the pattern, and nobody gets a home by being written to.
func TestPerUserNames(t *testing.T) {
	t.Parallel()
	d := delivery.NewPerUser(homes(t, "ann"), maildirAt)
	for name, want := range map[string]struct{ takes, exists bool }{
		"ann": {true, true}, "bob": {true, false}, "": {}, ".": {}, "..": {}, ".ann": {}, "../ann": {},
		"ann/x": {},
		"/etc":  {}, "a\x00b": {}, "a\nb": {}, strings.Repeat("a", 256): {}, "ann@example.org": {true, false},
	} {
		if d.Takes(name) != want.takes || d.Exists(name) != want.exists {
			t.Errorf("%.20q: taken %v, there %v", name, d.Takes(name), d.Exists(name))
		}
	}
	m := deliverytest.NewMessage(t, "1", []byte("x: y\n\n"))
	m.Recipients = []string{"../ann", "ann"}
	err := d.Deliver(t.Context(), m)
	partial, ok := errors.AsType[*delivery.PartialError](err)
	if !ok || !slices.Equal(partial.Delivered, []string{"ann"}) ||
		delivery.ClassOf(err) != delivery.Permanent {
		t.Errorf("%v", err)
	}
}

// Each recipient gets all of a group, and what one can't have fails nobody else.
func TestPerUserGroup(t *testing.T) {
	t.Parallel()
	d := delivery.NewPerUser(homes(t, "ann", "bob"), maildirAt)
	ms := []*delivery.Message{
		deliverytest.NewMessage(t, "1", []byte("x: 1\n\n")),
		deliverytest.NewMessage(t, "2", []byte("x: 2\n\n")),
		deliverytest.NewMessage(t, "3", []byte("x: 3\n\n")),
	}
	ms[0].Recipients, ms[1].Recipients, ms[2].Recipients = []string{"ann",
		"bob"}, []string{"bob"}, []string{"nobody", "ann"}
	errs := d.DeliverGroup(t.Context(), ms)
	if errs[0] != nil || errs[1] != nil || delivery.ClassOf(errs[2]) != delivery.Temporary {
		t.Errorf("%v", errs)
	}
	for user, want := range map[string]int{"ann": 2, "bob": 2} {
		if got := len(filesIn(t, filepath.Join(d.Path(user), "new"))); got != want {
			t.Errorf("%s has %d messages, want %d", user, got, want)
		}
	}
}
