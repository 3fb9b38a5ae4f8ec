package wire

import (
	"bytes"
	"encoding/base64"
	"slices"
)

// shortestPart is the length of the shortest part of a secret that is concealed where not all of it is there:
// tokens are long, and servers show their beginnings. Wherever such a part begins, it holds a whole block.
const (
	shortestPart = 2 * block
	block        = 6
)

// secret is one secret in the forms that are looked for, in lower case.
type secret struct {
	login, text string
	forms       [][]byte // in all readings of a text
	encoded     [][]byte // parts of every base64 text that contains the secret

	blocks map[[block]byte]int // of the first form, and where they are; nil = it has no parts that count
}

func newSecret(login, text string) *secret {
	s := &secret{login: login, text: text}

	// A secret that is too short to be looked for is still concealed in the response of PLAIN.
	for _, needle := range []string{text, login + "\x00" + text} {
		s.forms = addForm(s.forms, []byte(needle))
		if len(needle) >= shortestConcealed {
			for _, form := range encodings(needle) {
				s.encoded = addForm(s.encoded, []byte(form))
			}
		}
	}

	// What looks like an escape in the secret itself is decoded where others of its characters are escaped.
	for r, n := (reading{text: []byte(text)}), 0; n < deepestReading; n++ {
		r = r.unescaped()
		s.forms = addForm(s.forms, r.text)
	}

	if len(text) >= shortestPart {
		s.blocks = make(map[[block]byte]int)
		low := s.forms[0]
		for i := len(low) / block * block; i >= block; i -= block { // the first of equal ones counts
			s.blocks[[block]byte(low[i-block:i])] = i - block
		}
	}

	return s
}

// addForm adds a form to a list unless it is too short or there already.
func addForm(list [][]byte, form []byte) [][]byte {
	form = fold(nil, form)
	isThere := func(f []byte) bool { return bytes.Equal(f, form) }
	if len(form) < shortestConcealed || slices.ContainsFunc(list, isThere) {
		return list
	}
	return append(list, form)
}

// encodings are the parts of base64 texts that hold needle, whatever is around it. Three bytes become four
// letters, so there are three positions at which needle can begin.
func encodings(needle string) []string {
	var forms []string
	for before, skip := range []int{0, 2, 3} {
		bytes := append(make([]byte, before), needle...)
		for _, alphabet := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			forms = append(forms, alphabet.EncodeToString(bytes)[skip:len(bytes)*8/6])
		}
	}
	return forms
}

// fold appends text with the letters of ASCII in lower case, and with a blank for "+", as forms on the web
// have it. Bytes keep their places.
func fold(dst, text []byte) []byte {
	dst = append(dst, text...)
	low := dst[len(dst)-len(text):]
	for i, b := range low {
		switch {
		case b >= 'A' && b <= 'Z':
			low[i] = b + 'a' - 'A'
		// In a form of the web "+" is a blank.
		case b == '+':
			low[i] = ' '
		}
	}
	return dst
}

// eachPart calls visit with each part of a text that is a part of the secret of shortestPart bytes or more.
func (s *secret) eachPart(text []byte, visit func(from, to int)) {
	if s.blocks == nil {
		return
	}

	whole := s.forms[0]
	for i := 0; i+block <= len(text); i++ {
		k, ok := s.blocks[[block]byte(text[i:i+block])]
		if !ok {
			continue
		}
		from, to := i, i+block
		// A block only finds the place; the part is as long as text and secret agree to both sides.
		for back := k; back > 0 && from > 0 && text[from-1] == whole[back-1]; back-- {
			from--
		}
		for end := k + block; end < len(whole) && to < len(text) && text[to] == whole[end]; end++ {
			to++
		}
		if to-from >= shortestPart {
			visit(from, to)
			i = to - 1
		}
	}
}
