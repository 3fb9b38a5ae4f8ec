package main

import "fetchd/tlsverify"

// rcFiles are the files that the configuration was read from: the rc file and what it includes.
type rcFiles struct {
	paths []string
	known map[string]bool
	stamp string // of all, each from before it was read: what changes while it is read is read again
}

// note adds a file, or a directory of files, that is about to be read.
func (f *rcFiles) note(path string) {
	if f.known[path] {
		return
	}
	if f.known == nil {
		f.known = map[string]bool{}
	}
	f.known[path] = true
	f.paths = append(f.paths, path)
	f.stamp += tlsverify.Stamp(path)
}

// haveChanged tells whether a file is another than the one that was read.
func (f *rcFiles) haveChanged() bool { return tlsverify.Stamp(f.paths...) != f.stamp }
