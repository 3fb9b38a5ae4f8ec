package delivery_test

import (
	"regexp"
	"testing"

	"fetchd/delivery"
)

func TestHeaderPattern(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, field, pattern, header string
		want                         bool
	}{
		{"plain", "Subject", "^sale$", "Subject: sale\r\n\r\n", true},
		{"another", "Subject", "^sale$", "Subject: sales\r\n\r\n", false},
		{"case of the name", "SUBJECT", "sale", "subject: sale\n\n", true},
		{"case of the text", "Subject", "sale", "Subject: SALE\n\n", false},
		{"any case", "Subject", "(?i)sale", "Subject: SALE\n\n", true},
		{"no such field", "List-Id", ".*", "Subject: x\r\n\r\n", false},
		{"empty field", "Subject", "^$", "Subject:\r\n\r\n", true},
		{"one of several", "Received", "two", "Received: one\r\nReceived: two\r\n\r\n", true},
		{"folded", "Subject", "^a long sale$", "Subject: a long\r\n sale\r\n\r\n", true},
		{"encoded", "Subject", "^grün ist$", "Subject: =?utf-8?q?gr=C3=BCn?=\r\n =?utf-8?q?_ist?=\r\n\r\n",
			true},
		{"Latin", "Subject", "^grün$", "Subject: =?iso-8859-1?q?gr=FCn?=\r\n\r\n", true},
		{"Windows", "Subject", "^5 €$", "Subject: =?windows-1252?q?5_=80?=\r\n\r\n", true},
		{"Japanese", "Subject", "^テスト$", "Subject: =?ISO-2022-JP?B?GyRCJUYlOSVIGyhC?=\r\n\r\n", true},
		{"unknown charset", "Subject", "x-none", "Subject: =?x-none?q?a?=\r\n\r\n", true},
		{"the beginning of a name", "Sub", ".", "Subject: x\r\n\r\n", false},
		{"no header", "Subject", ".", "", false},
		{"a line that is no field", "Subject", "x", "what\r\nSubject: x\r\n\r\n", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := delivery.HeaderPattern{Field: tt.field, Pattern: regexp.MustCompile(tt.pattern)}
			if got := p.Matches([]byte(tt.header)); got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}
