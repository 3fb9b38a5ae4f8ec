package delivery

import (
	"bytes"
	"io"
	"strings"
)

// HeaderRules say what to change in the headers of messages. The zero value changes nothing.
type HeaderRules struct {
	DropStatus    bool // Status and X-Mozilla-Status fields
	DropDelivered bool // Delivered-To fields

	// Rewrite is the host for addresses without one in From, To, Cc, Bcc and Reply-To; "" = they stay.
	Rewrite string
}

// HeaderEdit is a changed header. It replaces the first Skip bytes of a message's body.
type HeaderEdit struct {
	Head []byte // fields and the empty line
	Skip int64
}

// editGrowth is how much longer a header may become: an address of one byte can get a host of 255.
const editGrowth = HeaderLimit

// Edit applies the rules to what Header returns of s; nil means that nothing changes. Fields without a rule
// stay the same byte for byte, and so do address fields that are not understood. Editing an edited header
// changes nothing more. s is only read.
func (r HeaderRules) Edit(s *Spool) *HeaderEdit {
	if r == (HeaderRules{}) {
		return nil
	}

	header := s.Header()
	whole := int64(len(header)) == s.Size() || endsHeader(header)
	head, ok := r.apply(header, whole)
	if !ok { // too long with the host in each address: the other rules still apply
		r.Rewrite = ""
		head, _ = r.apply(header, whole)
	}

	if bytes.Equal(head, header) {
		return nil
	}

	return &HeaderEdit{Head: head, Skip: int64(len(header))}
}

// apply returns the changed header, and false if it would become too long. The last field of an incomplete
// header stays the same, because its end is not known.
func (r HeaderRules) apply(header []byte, whole bool) ([]byte, bool) {
	out := make([]byte, 0, len(header))
	for at := 0; at < len(header); {
		name, value, length := nextField(header[at:])
		field := header[at : at+length]
		at += length
		switch {
		// HeaderLimit has cut it: to rewrite a part of a field would damage it.
		case at == len(header) && !whole:
			out = append(out, field...)
		case r.drops(name):
		case r.Rewrite != "" && isOneOf(name, "From", "To", "Cc", "Bcc", "Reply-To"):
			out = append(out, field[:length-len(value)]...)
			out = appendQualified(out, value, r.Rewrite)
		default:
			out = append(out, field...)
		}
		// A header of many bare addresses would grow without bound, in memory and for all readers.
		if len(out) > len(header)+editGrowth {
			return nil, false
		}
	}

	return out, true
}

func (r HeaderRules) drops(name []byte) bool {
	return r.DropStatus && isOneOf(name, "Status", "X-Mozilla-Status") ||
		r.DropDelivered && isOneOf(name, "Delivered-To")
}

func isOneOf(name []byte, names ...string) bool {
	for _, n := range names {
		if len(name) == len(n) && strings.EqualFold(string(name), n) {
			return true
		}
	}
	return false
}

// endsHeader tells whether a header ends in its empty line.
func endsHeader(header []byte) bool {
	return bytes.HasSuffix(header, []byte("\n\n")) || bytes.HasSuffix(header, []byte("\n\r\n")) ||
		string(header) == "\n" || string(header) == "\r\n"
}

// BrokenHeader returns the first line in the header of s that is neither a field nor a continuation, nil if
// there is none. It reads as much as Header does. The caller must not keep the line after Release.
func BrokenHeader(s *Spool) []byte {
	header := s.Header()
	whole := int64(len(header)) == s.Size() || endsHeader(header)
	for at := 0; at < len(header); {
		_, _, length := nextField(header[at:])
		line, _, ended := bytes.Cut(header[at:at+length], []byte("\n"))
		at += length
		text := bytes.TrimSuffix(line, []byte("\r"))
		// A line that HeaderLimit has cut may have its colon further on.
		if (ended || whole) && len(text) > 0 && !isBlank(text[0]) && bytes.IndexByte(text, ':') < 0 {
			return text
		}
	}
	return nil
}

// header returns the header of m as it is handed on, and the offset in the body of what follows it. A field
// that HeaderLimit cuts in two is not part of it.
func (m *Message) header() (head []byte, rest int64) {
	if head, rest = m.edited(); head == nil {
		head = m.Body.Header()
		rest = int64(len(head))
	}

	if rest == m.Body.Size() || endsHeader(head) {
		return head, rest
	}

	// The header goes on beyond what is in memory, and its last field may be cut in the middle.
	last := 0
	for at := 0; at < len(head); at += last {
		_, _, last = nextField(head[at:])
	}
	return head[:len(head)-last], rest - int64(last)
}

// edited returns what replaces the first skip bytes of the body; nil and 0 if the body is unchanged.
func (m *Message) edited() (head []byte, skip int64) {
	if m.Edit == nil {
		return nil, 0
	}
	return m.Edit.Head, m.Edit.Skip
}

// size is the size of the message as it is handed on, without the trace.
func (m *Message) size() int64 {
	head, skip := m.edited()
	return int64(len(head)) + m.Body.Size() - skip
}

// open reads the message as it is handed on, without the trace.
func (m *Message) open() io.Reader {
	head, skip := m.edited()
	rest := io.NewSectionReader(m.Body, skip, m.Body.Size()-skip)
	if head == nil {
		return rest
	}
	return io.MultiReader(bytes.NewReader(head), rest)
}
