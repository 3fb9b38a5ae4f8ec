package rcfile

import (
	"errors"
	"testing"
)

func TestNumber(t *testing.T) {
	t.Parallel()
	tests := []struct {
		kind Kind
		text string
		want int
		err  error
	}{
		{Count, "0", 0, nil},
		{Count, "007", 7, nil},
		{Count, "2147483647", 2147483647, nil},
		{Count, "2147483648", 0, errTooLarge},
		{Count, "99999999999", 0, errTooLarge},
		{Count, "-1", 0, errNegative},
		{Count, "-0", 0, errNegative},
		{Count, "", 0, errNoNumber},
		{Count, "-", 0, errNoNumber},
		{Count, "+1", 0, errNoNumber},
		{Count, "1k", 0, errNoNumber},
		{Count, "1.5", 0, errNoNumber},
		{Codes, "-1", -1, nil},
		{Codes, "-2", 0, errNegative},
		{Codes, "571", 571, nil},
		{Seconds, "90s", 90, nil},
		{Seconds, "5m", 300, nil},
		{Seconds, "1h30m", 5400, nil},
		{Seconds, "2d", 172800, nil},
		{Seconds, "1d1h1m1s", 90061, nil},
		{Seconds, "5", 5, nil},
		{Seconds, "5m5", 0, errNoNumber},
		{Seconds, "m", 0, errNoNumber},
		{Seconds, "5M", 0, errNoNumber},
		{Seconds, "1m1m", 0, errNoNumber},
		{Seconds, "1s1m", 0, errNoNumber},
		{Seconds, "99999d", 0, errTooLarge},
		{Seconds, "24855d99999h", 0, errTooLarge},
		{Seconds, "99999999999999999999s", 0, errTooLarge},
		{Seconds, "-5m", 0, errNoNumber},
		{Days, "14", 14, nil},
		{Days, "2d", 2, nil},
		{Days, "1h", 1, nil},
		{Days, "25h", 2, nil},
		{Bytes, "10k", 10240, nil},
		{Bytes, "5M", 5 << 20, nil},
		{Bytes, "1G", 1 << 30, nil},
		{Bytes, "1g", 1 << 30, nil},
		{Bytes, "3000000000", 3000000000, nil},
		{Bytes, "9223372036854775808", 0, errTooLarge},
		{Bytes, "9999999999999G", 0, errTooLarge},
		{Bytes, "k", 0, errNoNumber},
		{Bytes, "1kb", 0, errNoNumber},
		{Bytes, "-1k", 0, errNoNumber},
	}

	for _, tt := range tests {
		if got, err := number(tt.kind, tt.text); got != tt.want && err == nil || !errors.Is(err, tt.err) {
			t.Errorf("%d %q: %d, %v", tt.kind, tt.text, got, err)
		}
	}
}

func TestEscape(t *testing.T) {
	t.Parallel()
	var all []byte
	for c := 1; c < 256; c++ {
		all = append(all, byte(c), '1')
	}
	l := lexer{reporter: &reporter{}, text: escape(string(all)), line: 1}
	if w := l.next(); w.text != string(all) || !l.next().end {
		t.Errorf("%q", w.text)
	}
}

func TestSuggest(t *testing.T) {
	t.Parallel()
	candidates := yieldWords(func(*Keyword) bool { return true })
	for text, want := range map[string]string{
		"kepe": "keep", "KEEP": "keep", "fetchal": "fetchall", "sslcertkc": "sslcertck", "xyzzy": "",
		"protocl": "protocol", "sl": "ssl", "q": "", "averyveryverylongwordthatisnokeyword": "",
	} {
		got := suggest(text, candidates)
		if want != "" {
			want = `did you mean "` + want + `"?`
		}
		if got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
}
