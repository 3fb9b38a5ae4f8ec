package imapline

import "testing"

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "*", "* OK", "+", "+ x", "A1 OK [CODE a b] text", "* OK [", "* OK []",
		"A1 NO [x", "* CAPABILITY a b", "A1  OK", "* \x00 [\xff] \r"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		r := Parse(line)
		if n := len(r.Tag) + len(r.Word) + len(r.Code) + len(r.Args) + len(r.Text); n > 4*len(line)+1 {
			t.Errorf("%q gives %d bytes", line, n)
		}
		d := new(Dialogue)
		d.note(r)
		if o := d.reply(r).Offer; o != nil && len(o.Mechanisms) > len(o.Words) {
			t.Errorf("%q offers %q", line, o.Mechanisms)
		}
	})
}

func TestNames(t *testing.T) {
	t.Parallel()
	for name, wire := range map[string]string{
		"": "", "Archive/2024": "Archive/2024", "Entwürfe": "Entw&APw-rfe", "R&D": "R&-D",
		"台北 x": "&U,BTFw- x",
		"😀":    "&2D3eAA-",
	} {
		if got := EncodeName(name); got != wire || DecodeName(wire) != name {
			t.Errorf("%q is encoded as %q, want %q, which means %q", name, got, wire, DecodeName(wire))
		}
	}
}
