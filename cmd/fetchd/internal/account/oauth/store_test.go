package oauth

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fetchd/fetch"
	"fetchd/tlsverify/hints"
)

// The grant's file is private, and nothing is left beside it.
func TestFiles(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.consents()
	r.token()
	files, err := os.ReadDir(r.Dir)
	if err != nil || len(files) != 2 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil || info.Mode().Perm() != 0o600 || !strings.HasPrefix(f.Name(), "ann-") {
			t.Errorf("%s: %v, %v", f.Name(), info.Mode(), err)
		}
	}
	if text := fmt.Sprintf("%+v %#v", r.mustRead(), r.mustRead().Access); strings.Contains(text, "access-") {
		t.Error(text)
	}
}

// A process that was stopped while it asked must not stop the others with it.
func TestLockThatNobodyGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k, c := &Keeper{Dir: t.TempDir()}, Client{User: "ann", Provider: Microsoft, Flow: FlowDevice}
		unlock, err := k.lock(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		defer unlock()

		begun := time.Now()
		_, err = k.Token(t.Context(), c)
		if fetch.KindOf(err) != fetch.KindNetwork || !strings.Contains(fmt.Sprint(err), ".lock") {
			t.Errorf("%s: %v", fetch.KindOf(err), err)
		}
		if took := time.Since(begun); took > lockPatience+lockInterval {
			t.Errorf("it took %v", took)
		}
	})
}

// Where no answer could be kept, nothing is asked.
func TestNoPlaceForTheAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.consents()
	r.pass(2 * time.Hour)
	if err := os.MkdirAll(filepath.Join(r.Dir, r.fileName()+".new", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	r.fails(fetch.KindJournal, "no place", 0)
}

// A pair that can't be written is kept in memory until it can: the one on disk is worth nothing any more.
func TestAnswerThatCannotBeKept(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.consents()
	before, err := os.ReadFile(r.File(r.Client))
	if err != nil {
		t.Fatal(err)
	}
	r.pass(2 * time.Hour)
	r.s.Answer(func(w http.ResponseWriter, req *http.Request) {
		if err := errors.Join(os.Remove(r.File(r.Client)), os.MkdirAll(r.File(r.Client)+"/x",
			0o700)); err != nil {
			t.Error(err)
		}
		r.s.Token(w, req)
	})
	r.fails(fetch.KindJournal, "keep the new token", 1)

	r.s.Answer(nil)
	if err := errors.Join(os.RemoveAll(r.File(r.Client)), os.WriteFile(r.File(r.Client), before,
		0o600)); err != nil {
		t.Fatal(err)
	}
	r.token()
	if n := len(r.s.Requests()); n != 2 {
		t.Errorf("%d requests", n)
	}
	r.pass(2 * time.Hour)
	r.token()
}

func TestDamagedFile(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.consents()
	if err := os.WriteFile(r.File(r.Client), []byte("refresh-x"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.fails(fetch.KindGrant, "is damaged", 0)
	if err := os.Chmod(r.File(r.Client), 0o666); err != nil {
		t.Fatal(err)
	}
	r.fails(fetch.KindJournal, "others can write it", 0)
}

// Grants are shared by what they are for, and by nothing else.
func TestFileNames(t *testing.T) {
	t.Parallel()
	c := Client{Account: "ann@mail", User: "ann@example.org", Provider: Google, ID: "x",
		Scopes: []string{"mail"}, Flow: FlowBrowser}
	same := c
	same.Account, same.Flow = "ann@pop", FlowDevice
	if c.fileName() != same.fileName() {
		t.Error("not shared")
	}

	for _, change := range []func(*Client){
		func(c *Client) { c.User = "bob@example.org" }, func(c *Client) { c.Provider = Microsoft },
		func(c *Client) { c.ID = "y" }, func(c *Client) { c.Scopes = nil },
		func(c *Client) { c.Flow = FlowApp },
		func(c *Client) { c.User = "../../ann" }, func(c *Client) { c.Tenant = "t" },
	} {
		other := c
		change(&other)
		if name := other.fileName(); name == c.fileName() || strings.ContainsAny(name, "/") {
			t.Errorf("%+v: %s", other, name)
		}
	}

	if _, hint := hints.Split(c.needsLogin(errors.New("x"))); hint != "run: fetchd login ann@mail" {
		t.Error(hint)
	}
}
