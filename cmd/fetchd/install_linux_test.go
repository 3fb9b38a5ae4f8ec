package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestInstall installs the program below an empty directory, with the name fetchmail too, as "make install"
// does, and looks for what the pages and the units name. Removed again, nothing is left.
func TestInstall(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("fetchd")
	if err != nil {
		t.Fatal(err)
	}
	prefix := filepath.Join(newPlace(t), "usr")
	said := runInstall(t, prefix, program)
	if lines := strings.Count(said, "\n"); lines != 1 || !strings.Contains(said, "Next: ") {
		t.Errorf("it does not end with one line that names the next step: %q", said)
	}

	doc := filepath.Join(prefix, "share/doc/fetchd")
	pages, err := filepath.Glob(filepath.Join(doc, "docs/*.md"))
	if err != nil || len(pages) == 0 {
		t.Fatal(pages, err)
	}
	for _, page := range append(pages, filepath.Join(doc, "README.md")) {
		checkLinks(t, page)
	}
	unit, err := os.ReadFile(filepath.Join(prefix, "lib/systemd/user/fetchd-once.service"))
	if err != nil || !strings.Contains(string(unit), "ExecStart="+prefix+"/bin/fetchd ") {
		t.Errorf("the unit does not start the program: %v\n%s", err, unit)
	}

	// A process is known by the name of its file, and a link's is another.
	fetchmail := filepath.Join(prefix, "bin/fetchmail")
	file, err := os.Lstat(fetchmail)
	if err != nil || !file.Mode().IsRegular() {
		t.Fatalf("%s is no file: %v", fetchmail, err)
	}
	checkDaemonName(t, fetchmail, filepath.Dir(prefix))

	runInstall(t, prefix, program, "remove")
	err = filepath.WalkDir(prefix, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			t.Errorf("%s is left", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func runInstall(t *testing.T, prefix, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join("..", "..", "docs", "packaging", "install"),
		args...)
	cmd.Env = append(os.Environ(), "PREFIX="+prefix, "UNITDIR="+prefix+"/lib/systemd", "DESTDIR=",
		"FETCHMAIL=1", "PROGRAM="+program, "TMPDIR="+filepath.Dir(prefix),
		"PATH="+otherInstall(t)+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("install: %v\n%s", err, out)
	}
	return string(out)
}

// otherInstall is the directory of an install(1) like that of FreeBSD and macOS, where -D means something
// else.
func otherInstall(t *testing.T) string {
	t.Helper()
	real, err := exec.LookPath("install")
	if err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\n[ \"$1\" != -D ] || { echo '-D is of GNU' >&2; exit 64; }\n" +
		"exec " + real + " \"$@\"\n"

	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "install"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// checkLinks looks for the files that a page of Markdown links to.
func checkLinks(t *testing.T, page string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`).FindAllStringSubmatch(string(text),
		-1) {
		if _, err := os.Stat(filepath.Join(filepath.Dir(page), link[1])); err != nil {
			t.Errorf("%s: %v", page, err)
		}
	}
}

// checkDaemonName starts a daemon, which runs the program once more, and looks under which name the system
// knows it: that of the file which an init script looks for.
func checkDaemonName(t *testing.T, program, place string) {
	t.Helper()
	rc, pidfile := filepath.Join(place, "rc"), filepath.Join(place, "pid")
	text := "poll localhost proto imap port 1 user ann password x sslproto '' maildir " + place + "/mail\n"
	if err := os.WriteFile(rc, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), program, append(args, "-f", rc, "--pidfile", pidfile)...)
		cmd.Env = []string{"HOME=" + place, "TMPDIR=" + place}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	run("-d", "300")

	lock, err := os.ReadFile(pidfile)
	if err != nil {
		t.Fatal(err)
	}
	pid, _, _ := strings.Cut(string(lock), "\n")
	for file, want := range map[string]string{"comm": "fetchmail\n", "cmdline": "fetchmail\x00-d\x00300"} {
		got, err := os.ReadFile(filepath.Join("/proc", pid, file))
		if err != nil || !strings.HasPrefix(string(got), want) {
			t.Errorf("%s is %q, not %q: %v", file, got, want, err)
		}
	}
	if exe, err := os.Readlink(filepath.Join("/proc", pid, "exe")); err != nil || exe != program {
		t.Errorf("the daemon runs %q: %v", exe, err)
	}
	run("-q")
}
