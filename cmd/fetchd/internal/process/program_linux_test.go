package process

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// entry is one mapping in the format of /proc/PID/smaps.
func entry(start, end int, perms, name string, anonymous, swap int) string {
	return fmt.Sprintf("%x-%x %s 00000000 fe:00 247278      %s\nSize:       8 kB\nRss:        8 kB\n"+
		"Anonymous:  %d kB\nSwap:       %d kB\nVmFlags: rd mr mw me \n",
		start, end, perms, name, anonymous, swap)
}

func TestReadUnchanged(t *testing.T) {
	t.Parallel()
	const exe = "/usr/bin/fetchd"
	code := entry(0x1000, 0x2000, "r-xp", exe, 0, 0)
	heap := entry(0xc000, 0xd000, "rw-p", "", 4, 0)

	for _, tt := range []struct {
		name, smaps string
		want        []mapping
	}{
		{"nothing", "", nil},
		{"code", code, []mapping{{0x1000, 0x2000}}},
		{"constants", code + entry(0x2000, 0x3000, "r--p", exe, 0, 0) + heap,
			[]mapping{{0x1000, 0x2000}, {0x2000, 0x3000}}},
		{"variables", code + entry(0x2000, 0x3000, "rw-p", exe, 0, 0), []mapping{{0x1000, 0x2000}}},
		{"relocated", code + entry(0x2000, 0x3000, "r--p", exe, 4, 0), []mapping{{0x1000, 0x2000}}},
		{"relocated, and on the swap disk", code + entry(0x2000, 0x3000, "r--p", exe, 0, 8),
			[]mapping{{0x1000, 0x2000}}},
		{"with a breakpoint", entry(0x1000, 0x2000, "r-xp", exe, 4, 0), nil},
		{"the heap stands before", heap + code, []mapping{{0x1000, 0x2000}}},
		{"a library", entry(0x1000, 0x2000, "r-xp", "/lib/libc.so.6", 0, 0), nil},
		{"a name that ends alike", entry(0x1000, 0x2000, "r-xp", "/chroot"+exe, 0, 0), nil},
		{"no line is whole", code[:len(code)/2], nil},
		{"no addresses", "x-y r-xp 0 fe:00 1 " + exe + "\nVmFlags: rd\n", nil},
	} {
		if got := readUnchanged(strings.NewReader(tt.smaps), exe); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %x, want %x", tt.name, got, tt.want)
		}
	}
}

// The process goes on, and has less of its file in memory. It isn't parallel: others would bring pages back.
func TestGiveBackProgram(t *testing.T) {
	before := fileMemory(t)
	GiveBackProgram()
	if after := fileMemory(t); after > before*3/4 {
		t.Errorf("%d kB of files are in memory, %d before", after, before)
	}
}

// fileMemory is how much of this process's memory are files, in kB.
func fileMemory(t *testing.T) (kB int) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "RssFile:")
	if _, err := fmt.Sscan(rest, &kB); err != nil {
		t.Fatal(err)
	}
	return kB
}
