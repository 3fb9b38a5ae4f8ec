package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestCheckMaildir: for a Maildir that exists, nothing is written beside it. As root everything may be written.
func TestCheckMaildir(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	whole, bare := filepath.Join(top, "whole"), filepath.Join(top, "bare")
	for _, dir := range []string{filepath.Join(whole, "tmp"), bare} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{whole, top} {
		if err := os.Chmod(dir, 0o500); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	}
	root := os.Geteuid() == 0
	for dir, want := range map[string]bool{whole: true, bare: true, filepath.Join(top, "none"): root, filepath.Join(top, "none", "none"): false} {
		if err := checkMaildir(dir); err == nil != want {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

func TestCheckCommand(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]bool{
		"sh -c x": true, `"sh" -c x`: true, "'/no/such agent' %T": true, "A=b nosuch": true, `/no/such\ agent`: true, "if x; then y; fi": true,
		"/no/such/agent": false, "'/no/such/agent' %T": false, " ": false,
	} {
		if err := checkCommand("mda", command); err == nil != want {
			t.Errorf("%s: %v", command, err)
		}
	}
}
