package delivery

import (
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// maildirLetters are the flags that a name in cur can hold, by their names in IMAP.
var maildirLetters = map[string]byte{
	`\draft`: 'D', `\flagged`: 'F', "$forwarded": 'P', `\answered`: 'R', `\seen`: 'S',
}

// flagsSuffix is what a name in cur ends in for these flags, "" if there is none that counts: then the
// message is new.
func flagsSuffix(flags []string) string {
	var letters []byte
	for _, flag := range flags {
		if c := maildirLetters[strings.ToLower(flag)]; c != 0 && !slices.Contains(letters, c) {
			letters = append(letters, c)
		}
	}
	if len(letters) == 0 {
		return ""
	}
	slices.Sort(letters) // readers expect them so
	return string(flagSeparator) + "2," + string(letters)
}

// keepDate gives a file in tmp the time at which the message came to the server. When it was read is now, or
// programs that clear tmp of old files would take it for one. It is no failure of the delivery if that can't
// be.
func (g *maildirGroup) keepDate(it *maildirItem) {
	if !g.dir.keepsDate || it.m.InternalDate.IsZero() {
		return
	}
	now, _ := unix.TimeToTimespec(time.Now())
	date, err := unix.TimeToTimespec(it.m.InternalDate)
	if err == nil {
		_ = unix.UtimesNanoAt(g.tmp, it.tmp, []unix.Timespec{now, date}, unix.AT_SYMLINK_NOFOLLOW)
	}
}
