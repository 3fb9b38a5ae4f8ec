package wire

import (
	"bytes"
	"html"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// deepestReading is how many encodings may be around a secret, one in the other. Each costs some five times
// the text's length at most.
const deepestReading = 3

// The shortest parts of a text in base64, and of hexadecimal digits, that can hold a secret.
const (
	shortestBase64 = shortestConcealed*8/6 - 1 // the first and last letter may hold bits of others
	shortestHex    = 2 * shortestConcealed
)

// span is a part of a text.
type span struct{ from, to int }

// reading is a text as its peer may have meant it: as it came, or decoded.
type reading struct {
	text     []byte
	place    []span // where each byte of text was in what came; nil = at the same index
	inBase64 bool   // so that the letters beside a byte hold bits of it
}

// each calls visit with all that the text may mean: what is not encoded in such a way becomes nothing, or
// nonsense in which no secret is found.
func (r reading) each(depth int, visit func(reading)) {
	visit(r)
	if depth == 0 {
		return
	}

	next := func(d reading) {
		if len(d.text) >= shortestConcealed {
			d.each(depth-1, visit)
		}
	}
	if bytes.ContainsAny(r.text, `%=&\`) {
		next(r.unescaped())
	}
	if runs := r.runs(&base64Values, shortestBase64); runs != nil {
		for phase := range 4 { // a letter of base64 may be any of the four that stand for three bytes
			next(r.fromBase64(runs, phase))
		}
	}
	if runs := r.runs(&hexValues, shortestHex); runs != nil {
		for phase := range 2 {
			next(r.fromHex(runs, phase))
		}
	}
}

func (r *reading) add(p string, place span) {
	for i := range len(p) {
		r.text, r.place = append(r.text, p[i]), append(r.place, place)
	}
}

// between is the place of the bytes from i to to.
func (r reading) between(i, to int) span {
	if r.place == nil {
		return span{i, to}
	}
	return span{r.place[i].from, r.place[to-1].to}
}

// decoded is an empty reading with room for n bytes.
func decoded(n int, inBase64 bool) reading {
	return reading{make([]byte, 0, n), make([]span, 0, n), inBase64}
}

// unescaped decodes each escape of URLs, quoted-printable, HTML, and of strings in programs and JSON.
func (r reading) unescaped() reading {
	out := decoded(len(r.text), r.inBase64)
	text := string(r.text)
	for i := 0; i < len(text); {
		plain, n := unescape(text[i:])
		out.add(plain, r.between(i, i+n))
		i += n
	}
	return out
}

// unescape decodes what text begins with, one character or one escape, and returns how long that is.
func unescape(text string) (plain string, n int) {
	switch text[0] {
	case '%', '=':
		if b, ok := number(text, 1, 2, 16); ok {
			return string([]byte{byte(b)}), 3
		}
		if end := strings.TrimPrefix(text[1:], "\r"); text[0] == '=' && strings.HasPrefix(end, "\n") {
			return "", len(text) - len(end) + 1 // a soft line break
		}
	case '&':
		return entity(text)
	case '\\':
		return backslash(text)
	}
	return text[:1], 1
}

// longestEntity is the length of the longest name in HTML.
const longestEntity = len("&CounterClockwiseContourIntegral;")

func entity(text string) (plain string, n int) {
	text = text[:min(len(text), longestEntity)]
	n = strings.IndexByte(text, ';') + 1
	if n == 0 && strings.HasPrefix(text, "&#") { // the ";" may be missing
		n = len(text) - len(strings.TrimLeft(strings.TrimLeft(text[2:], "xX"), "0123456789abcdefABCDEF"))
	}
	if plain = html.UnescapeString(text[:n]); n > 0 && plain != text[:n] {
		return plain, n
	}
	return text[:1], 1
}

func backslash(text string) (plain string, n int) {
	if len(text) == 1 {
		return text, 1
	}
	if b, ok := number(text, 1, 3, 8); ok && b <= 0xff {
		return string([]byte{byte(b)}), 4
	}

	switch i := strings.IndexByte("abfnrtv0", text[1]); {
	case text[1] == 'x':
		if b, ok := number(text, 2, 2, 16); ok {
			return string([]byte{byte(b)}), 4
		}
	case text[1] == 'u':
		return utf16Escape(text)
	case text[1] == 'U':
		if c, ok := number(text, 2, 8, 16); ok {
			return string(rune(c)), 10
		}
	case i >= 0:
		return "\a\b\f\n\r\t\v\x00"[i : i+1], 2
	case strings.IndexByte("\\\"'`/", text[1]) >= 0:
		return text[1:2], 2
	}

	return text[:1], 1
}

// utf16Escape decodes \u and four digits, twice for characters beyond them.
func utf16Escape(text string) (plain string, n int) {
	c, ok := number(text, 2, 4, 16)
	if !ok {
		return text[:1], 1
	}
	// JSON writes characters beyond U+FFFF as two escapes.
	if utf16.IsSurrogate(rune(c)) && strings.HasPrefix(text[6:], `\u`) {
		low, ok := number(text, 8, 4, 16)
		if pair := utf16.DecodeRune(rune(c), rune(low)); ok && pair != utf8.RuneError {
			return string(pair), 12
		}
	}
	return string(rune(c)), 6
}

// number reads a number of so many digits.
func number(text string, from, digits, base int) (uint32, bool) {
	if len(text) < from+digits {
		return 0, false
	}
	n, err := strconv.ParseUint(text[from:from+digits], base, 32)
	return uint32(n), err == nil
}

// fromBase64 decodes runs of what may be base64. phase is how many letters of each belong to something else.
func (r reading) fromBase64(runs [][]int, phase int) reading {
	out := decoded(len(r.text), true)
	for _, run := range runs {
		run = run[phase:]
		for k := 0; k+1 < len(run); k++ {
			if k%4 == 3 {
				continue // its bits belong to the byte before
			}
			used := 2 * (k%4 + 1) // bits of the letter that belong to the byte before
			a, b := base64Values[r.text[run[k]]], base64Values[r.text[run[k+1]]]
			out.text = append(out.text, byte(int(a)<<used|int(b)>>(6-used)))
			out.place = append(out.place, r.between(run[k], run[k+1]+1))
		}
	}
	return out
}

// fromHex decodes runs of hexadecimal digits.
func (r reading) fromHex(runs [][]int, phase int) reading {
	out := decoded(len(r.text)/2, r.inBase64)
	for _, run := range runs {
		for k := phase; k+1 < len(run); k += 2 {
			a, b := hexValues[r.text[run[k]]], hexValues[r.text[run[k+1]]]
			out.text = append(out.text, byte(a<<4|b))
			out.place = append(out.place, r.between(run[k], run[k+1]+1))
		}
	}
	return out
}

// runs are the indexes of the digits in each run of them that is long enough. Blanks and the like may be
// among them, and the "0x" or "\x" of each number.
func (r reading) runs(values *[256]int8, shortest int) (runs [][]int) {
	for from := 0; from < len(r.text); from++ {
		digits, end := 0, from
		for ; end < len(r.text) && values[r.text[end]] != noDigit; end++ {
			if values[r.text[end]] >= 0 {
				digits++
			}
		}
		if digits >= shortest {
			runs = append(runs, r.digits(values, from, end, digits))
		}
		from = end
	}
	return runs
}

// digits are the indexes of the digits from one index to another, some count of them.
func (r reading) digits(values *[256]int8, from, to, count int) []int {
	run := make([]int, 0, count)
	for i := from; i < to; i++ {
		isPrefix := r.text[i] == '0' && i+1 < to && r.text[i+1]|0x20 == 'x' && values['x'] == filler
		if values[r.text[i]] >= 0 && !isPrefix {
			run = append(run, i)
		}
	}
	return run
}

// What a character is that is no digit: the end of a run, or nothing.
const (
	noDigit = -1
	filler  = -2
)

var (
	base64Values = values(" \t\r\n",
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
	hexValues = values(" \t\r\n:,;.-_xX\\", "0123456789abcdef", "0123456789ABCDEF")
)

// values are those of each character, by the alphabets that are in use.
func values(fillers string, alphabets ...string) (v [256]int8) {
	for c := range v {
		v[c] = noDigit
	}
	for _, c := range []byte(fillers) {
		v[c] = filler
	}
	for _, alphabet := range alphabets {
		for i, c := range []byte(alphabet) {
			v[c] = int8(i)
		}
	}
	return v
}
