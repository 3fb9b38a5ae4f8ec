package delivery

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

const annsUID, annsGID = 54321, 54322

// passable is a directory that others may walk through.
func passable(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := errors.Join(os.Chmod(dir, 0o755), os.Chmod(filepath.Dir(dir), 0o755)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// homeOf makes a home that belongs to somebody else, if that can be.
func homeOf(t *testing.T, uid, gid int) string {
	t.Helper()
	home := filepath.Join(passable(t), "home")
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(home, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	return home
}

// ownersBelow lists who owns the files below dir, without those in except.
func ownersBelow(t *testing.T, dir string) map[string]int {
	t.Helper()
	owners := make(map[string]int)
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		var st unix.Stat_t
		if err == nil {
			err = unix.Lstat(path, &st)
		}
		owners[path] = int(st.Uid)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return owners
}

// Root writes into somebody's Maildir as that user; everybody else as themselves.
func TestMaildirIsWrittenAsItsOwner(t *testing.T) {
	t.Parallel()
	for _, how := range []syncHow{syncEach, syncWhole, syncNothing} {
		home := homeOf(t, annsUID, annsGID)
		d := NewMaildir(MaildirOptions{Dir: filepath.Join(home, "Maildir")})
		d.sys.plan = func(int, int) syncHow { return how }
		ms := threeMails(t)
		for range 2 { // the second time there are earlier copies
			if err := errors.Join(d.DeliverGroup(t.Context(), ms)...); err != nil {
				t.Fatal(err)
			}
			for _, m := range ms {
				m.Repeat = true
			}
		}
		want := os.Geteuid()
		if want == 0 {
			want = annsUID
		}
		owners := ownersBelow(t, home)
		if len(owners) != 5+len(ms) {
			t.Errorf("%d files and directories: %v", len(owners), owners)
		}
		for path, uid := range owners {
			if uid != want {
				t.Errorf("%s belongs to %d, not %d", path, uid, want)
			}
		}
	}
	checkThreads(t)
}

// checkThreads looks for threads of this process, other than those that are about to end, with others'
// rights.
func checkThreads(t *testing.T) {
	t.Helper()
	for range 100 {
		runtime.LockOSThread()
		uid, _ := unix.SetfsuidRetUid(-1)
		gid, _ := unix.SetfsgidRetGid(-1)
		runtime.UnlockOSThread()
		if uid != os.Geteuid() || gid != os.Getegid() {
			t.Fatalf("a thread runs as %d, %d", uid, gid)
		}
		runtime.Gosched()
	}
	status, err := os.ReadFile("/proc/self/status") // of the main thread, which would never end
	me := fmt.Sprintf("Uid:\t%d\t%[1]d\t%[1]d\t%[1]d\n", os.Geteuid())
	if err != nil || !strings.Contains(string(status), me) {
		t.Errorf("the main thread is not %q: %v\n%.300s", me, err, status)
	}
}

// What the user made of the way to the Maildir leads to no place that is root's alone.
func TestRootFollowsNobodysLinks(t *testing.T) {
	t.Parallel()
	for _, sub := range []string{"", "tmp", "new", "cur"} {
		t.Run("link for "+sub, func(t *testing.T) {
			t.Parallel()
			home, target := homeOf(t, annsUID, annsGID), filepath.Join(passable(t), "target")
			d := NewMaildir(MaildirOptions{Dir: filepath.Join(home, "Maildir")})
			deliver(t, d, mailFrom(t, "1", "text\n"))
			if err := os.Rename(filepath.Join(d.dir, sub), target); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(target, filepath.Join(d.dir, sub)); err != nil {
				t.Fatal(err)
			}
			mode := os.FileMode(0o700)
			if os.Geteuid() == 0 {
				for path := range ownersBelow(t, target) {
					if err := os.Lchown(path, 0, 0); err != nil {
						t.Fatal(err)
					}
				}
			} else {
				mode = 0o500 // what is somebody else's for root
			}
			if err := os.Chmod(target, mode); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.Chmod(target, 0o700) })
			before := len(ownersBelow(t, target))
			err := d.Deliver(t.Context(), mailFrom(t, "2", "text\n"))
			if ClassOf(err) != Unusable && (os.Geteuid() == 0 || sub == "tmp" || sub == "new") {
				t.Errorf("got %v", err)
			}
			if after := len(ownersBelow(t, target)); os.Geteuid() == 0 && after != before {
				t.Errorf("%d files there, %d before", after, before)
			}
		})
	}
}

func TestRunAsOwner(t *testing.T) {
	t.Parallel()
	o := &owner{uid: annsUID, gid: annsGID, groups: []int{60001, 60002}, name: "ann", owns: "/home/ann"}
	if os.Geteuid() != 0 {
		if err := o.run(func() error { return nil }); !errors.Is(err, errRights) {
			t.Errorf("without root: %v", err)
		}
		return
	}
	secret := filepath.Join(passable(t), "secret")
	if err := os.WriteFile(secret, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 50 { // also where the main thread is met
		err := o.run(func() error {
			groups, err := unix.Getgroups()
			if err != nil || !slices.Equal(groups, o.groups) {
				return fmt.Errorf("groups %v, %w", groups, err)
			}
			if _, err := os.ReadFile(secret); !errors.Is(err, os.ErrPermission) {
				return fmt.Errorf("root's file: %w", err)
			}
			if unix.Gettid() == unix.Getpid() {
				return errors.New("this is the main thread")
			}
			return o.verify()
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	checkThreads(t)
}

// Many at once need every thread that there is, so that one of them meets the main thread, which never ends.
func TestRunAsOwnerOnManyThreads(t *testing.T) {
	t.Parallel()
	for range 30 {
		runOnManyThreads(t, 32)
	}
	checkThreads(t)
}

func runOnManyThreads(t *testing.T, most int) {
	t.Helper()
	o := &owner{uid: annsUID, gid: annsGID, name: "ann"}
	var started, ended sync.WaitGroup
	started.Add(most)
	for range most {
		ended.Go(func() {
			arrived := sync.OnceFunc(started.Done)
			defer arrived() // where it does not run
			err := o.run(func() error {
				arrived()
				started.Wait()
				if unix.Gettid() == unix.Getpid() {
					return errors.New("this is the main thread")
				}
				return nil
			})
			if (err == nil) != (os.Geteuid() == 0) {
				t.Error(err)
			}
		})
	}
	ended.Wait()
}

// A user that can't be taken on is noticed, though the system calls say nothing.
func TestRunAsNobodyKnown(t *testing.T) {
	t.Parallel()
	for _, o := range []*owner{{uid: -1, gid: annsGID, name: "ann"}, {uid: annsUID, gid: -1, name: "ann"}} {
		err := o.run(func() error { t.Error("it ran"); return nil })
		if !errors.Is(err, errRights) {
			t.Errorf("got %v", err)
		}
	}
}

// Each of the three directories counts: what belongs to somebody else is not written with root's rights.
func TestMaildirWithSomebodysDirectory(t *testing.T) {
	t.Parallel()
	for _, sub := range maildirSubs {
		d := NewMaildir(MaildirOptions{Dir: filepath.Join(passable(t), "Maildir")})
		deliver(t, d, mailFrom(t, "1", "text\n"))
		if os.Geteuid() == 0 {
			if err := os.Chown(filepath.Join(d.dir, sub), annsUID, annsGID); err != nil {
				t.Fatal(err)
			}
		}
		err := d.Deliver(t.Context(), mailFrom(t, "2", "text\n"))
		if os.Geteuid() != 0 {
			if err != nil {
				t.Error(err)
			}
		} else if ClassOf(err) != Unusable || !strings.Contains(err.Error(), "who owns "+d.dir+"/"+sub) {
			t.Errorf("%s: %v", sub, err)
		}
	}
}

// verify finds each right that is not the owner's.
func TestVerifyOwner(t *testing.T) {
	t.Parallel()
	me := &owner{uid: os.Geteuid(), gid: os.Getegid(), name: "me"}
	for _, tt := range []struct {
		name string
		o    *owner
		says string // "" = nothing is wrong
	}{
		{"user", &owner{uid: me.uid + 1, gid: me.gid}, "this is user"},
		{"group", &owner{uid: me.uid, gid: me.gid + 1}, "this is user"},
		{"capabilities", me, map[bool]string{true: "capabilities"}[os.Geteuid() == 0]},
	} {
		err := tt.o.verify()
		if tt.says == "" && err != nil || tt.says != "" && !strings.Contains(fmt.Sprint(err), tt.says) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// A fault in what runs with other rights comes to whoever asked for it, and an early end is no success.
func TestRunAsOwnerEndsEarly(t *testing.T) {
	t.Parallel()
	o := &owner{uid: os.Geteuid(), gid: os.Getegid(), name: "me"}
	if os.Geteuid() == 0 {
		o.uid, o.gid = annsUID, annsGID
	}
	defer func() {
		if got := recover(); os.Geteuid() == 0 && got != "fault" {
			t.Errorf("recovered %v", got)
		}
	}()
	if err := o.run(func() error { runtime.Goexit(); return nil }); err == nil {
		t.Error("an early end counts")
	}
	_ = o.run(func() error { panic("fault") })
}
