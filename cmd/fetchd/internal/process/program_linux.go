package process

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// mapping is a range of addresses that shows a part of a file.
type mapping struct{ start, end uintptr }

// GiveBackProgram takes the pages of the program's own file out of this process's memory. They stay in the
// system's cache of files, and each comes back when it is used: what only the start needed does not. It
// returns without a word if that can't be done.
func GiveBackProgram() {
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	smaps, err := os.Open("/proc/self/smaps")
	if err != nil {
		return
	}
	defer smaps.Close()

	for _, m := range readUnchanged(smaps, exe) {
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, m.start, m.end-m.start, unix.MADV_DONTNEED)
	}
}

// readUnchanged returns the mappings of exe that can't be written to and hold what is in the file, out of
// smaps (proc_pid_smaps(5)).
//
// Pages that differ from the file would be lost: those of a position-independent program that were relocated
// at its start, and those where a debugger has put its breakpoints.
func readUnchanged(smaps io.Reader, exe string) []mapping {
	var found []mapping
	var current mapping
	ours, seen := false, false

	for lines := bufio.NewScanner(smaps); lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), " ")
		value = strings.TrimSpace(value)
		if !strings.HasSuffix(key, ":") {
			ours = strings.HasSuffix(value, " "+exe) && strings.HasPrefix(value, "r") && value[1] == '-'
			// All of a file's mappings stand together, and counting the pages behind them costs time.
			if seen = seen || ours; seen && !strings.HasSuffix(value, exe) {
				break
			}
			if n, err := fmt.Sscanf(key, "%x-%x", &current.start, &current.end); n != 2 || err != nil {
				ours = false
			}
			continue
		}

		changed := (key == "Anonymous:" || key == "Swap:") && value != "0 kB"
		ours = ours && !changed
		// The last line of a mapping.
		if ours && key == "VmFlags:" {
			found = append(found, current)
		}
	}
	return found
}
