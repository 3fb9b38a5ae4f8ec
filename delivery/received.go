package delivery

import (
	"bytes"
	"slices"
	"strings"
	"time"
)

// ReceivedInfo is what a Received: line says. All text may be foreign: characters that the line can't hold
// are replaced.
type ReceivedInfo struct {
	Server   string // the host the message came from, as the rc file names it
	IP       string // its address, "" if not known
	Host     string // this host
	Protocol string // "POP3", "IMAP"
	Version  string // of fetchd

	// Poll, Account and Folder are in the line if TracePolls is set ("set tracepolls").
	TracePolls            bool
	Poll, Account, Folder string

	// Recipients are in the line if there is exactly one; a name without a host gets Host.
	Recipients []string
	MultiDrop  bool
	Time       time.Time
}

const (
	receivedName = 100 // bytes of a name in the comment: even with backslashes the line stays below 998
	receivedHost = 255
	receivedDate = "Mon, 02 Jan 2006 15:04:05 -0700"
)

// Received returns the trace line of this hop in fetchmail's form (RFC 5321, 4.4), folded, each line ending
// in LF:
//
//	Received: from mail.example.org [192.0.2.1]
//		by host.example.net with IMAP (fetchd-1.0 polling mail.example.org account ann)
//		for <ann@host.example.net> (single-drop); Sun, 22 Nov 2026 01:23:27 +0000 (UTC)
func Received(r ReceivedInfo) []byte {
	host := hostText(r.Host, "localhost")
	b := append([]byte("Received: from "), hostText(r.Server, "unknown")...)
	if r.IP != "" {
		b = append(append(append(b, " ["...), hostText(r.IP, "")...), ']')
	}

	b = append(append(b, "\n\tby "...), host...)
	b = append(append(b, " with "...), hostText(r.Protocol, "unknown")...)
	b = append(append(b, " (fetchd-"...), commentText(r.Version)...)

	if r.TracePolls {
		b = append(append(b, " polling "...), commentText(r.Poll)...)
		b = append(append(b, " account "...), commentText(r.Account)...)
		if r.Folder != "" {
			b = append(append(b, " folder "...), commentText(r.Folder)...)
		}
	}

	b = append(b, ")\n\t"...)
	// With several, "for" would tell each of them about the others.
	if len(r.Recipients) == 1 {
		b = append(append(append(b, "for <"...), recipientText(r.Recipients[0], host)...), "> "...)
	}

	drop := "(single-drop); "
	if r.MultiDrop {
		drop = "(multi-drop); "
	}

	b = r.Time.AppendFormat(append(b, drop...), receivedDate)
	if zone, _ := r.Time.Zone(); zone != "" {
		b = append(append(append(b, " ("...), commentText(zone)...), ')')
	}

	return append(b, '\n')
}

// hostText returns s as a host name or address, and empty if s is empty.
func hostText(s, empty string) string {
	if s == "" {
		return empty
	}
	good := func(c byte) bool { return isAlnum(c) || strings.IndexByte(".-_:%", c) >= 0 }
	return replaceBytes(s, receivedHost, good)
}

// recipientText returns a recipient as an address.
func recipientText(s, host string) string {
	if !strings.Contains(s, "@") {
		s += "@" + host
	}
	good := func(c byte) bool { return c > ' ' && c < 0x7f && c != '<' && c != '>' }
	return replaceBytes(s, addressLimit, good)
}

var commentSafe = strings.NewReplacer(`\`, `\\`, "(", `\(`, ")", `\)`)

// commentText returns s as a part of a comment.
func commentText(s string) string {
	good := func(c byte) bool { return c >= ' ' && c < 0x7f }
	return commentSafe.Replace(replaceBytes(s, receivedName, good))
}

// replaceBytes returns at most limit bytes of s, with "_" for each that is not good.
func replaceBytes(s string, limit int, good func(byte) bool) string {
	b := []byte(s[:min(len(s), limit)])
	for i, c := range b {
		if !good(c) {
			b[i] = '_'
		}
	}
	return string(b)
}

// withID is a trace with an identifier in its first Received: line, where RFC 5321 section 4.4 puts it:
// behind what says who received the message by which protocol. Another trace stays as it is, and ok is false.
func withID(trace []byte, id string) (_ []byte, ok bool) {
	by := bytes.Index(trace, []byte("\n\tby "))
	if !bytes.HasPrefix(trace, []byte("Received: ")) || by < 0 {
		return trace, false
	}
	end := bytes.IndexAny(trace[by+1:], ";\n")
	if end < 0 {
		return trace, false
	}
	end += by + 1
	return slices.Concat(trace[:end], []byte("\n\tid "), []byte(id), trace[end:]), true
}
