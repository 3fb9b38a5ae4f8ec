package foreign

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Record says where the other program keeps which messages of a POP3 account it has retrieved.
type Record struct {
	File       string // may begin with ~/; "" = there is none that can be taken over
	User, Host string
	read       func(text []byte, user, host string) []string
}

// mpopRecord is that of mpop.
func mpopRecord(file, user, host string) Record {
	file = strings.NewReplacer("%U", user, "%H", host).Replace(cmp.Or(file, "~/.mpop_uidls/%U_at_%H"))
	return Record{File: file, User: user, Host: host, read: mpopUIDs}
}

// Write writes the UIDs that text, the contents of File, has for the account as lines of fetchmail's
// .fetchids, which fetchd takes over. It returns how many they are.
func (r Record) Write(w io.Writer, text []byte) (n int, err error) {
	out := bufio.NewWriter(w)
	for _, uid := range r.read(text, r.User, r.Host) {
		// A line that could be read as another one is none: the message comes once more.
		if uid == "" || strings.ContainsAny(uid+r.User+r.Host, " \t\r\n\x00") {
			continue
		}
		n++
		fmt.Fprintf(out, "%s@%s %s\n", r.User, r.Host, uid)
	}
	return n, out.Flush()
}

// mpopUIDs are those of one login in a file of mpop: below " NUMBER HOST USER", each with the time at which
// it was first seen in newer versions.
func mpopUIDs(text []byte, user, host string) []string {
	var uids []string
	ours, begun := false, false
	for line := range bytes.Lines(text) {
		line := strings.TrimRight(string(line), "\r\n")
		switch {
		case !begun && strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, " "):
			begun = true
			words := strings.Split(line[1:], " ")
			ours = len(words) == 3 && words[1] == host && words[2] == user
		case ours:
			uid, _, _ := strings.Cut(line, " ")
			uids = append(uids, uid)
		}
	}
	return uids
}

// getmailUIDs are those of a file of getmail, which is for one login: UID, NUL, time.
func getmailUIDs(text []byte, _, _ string) []string {
	var uids []string
	for line := range bytes.Lines(text) {
		uid, _, ok := bytes.Cut(bytes.TrimSpace(line), []byte{0})
		if ok {
			uids = append(uids, string(uid))
		}
	}
	return uids
}

// fdmUIDs are those of a file of fdm, which is for one account: on each line the length of the UID, and it.
func fdmUIDs(text []byte, _, _ string) []string {
	var uids []string
	for line := range bytes.Lines(text) {
		length, uid, _ := strings.Cut(strings.TrimRight(string(line), "\r\n"), " ")
		if n, err := strconv.Atoi(length); err == nil && n == len(uid) {
			uids = append(uids, uid)
		}
	}
	return uids
}
