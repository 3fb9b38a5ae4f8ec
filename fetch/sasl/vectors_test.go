package sasl

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/xdg-go/scram"
)

var ann = Credentials{User: "ann", Password: "s3cret", Host: "mail.example.org", Port: 993}

func TestExchanges(t *testing.T) {
	t.Parallel()
	pencil := Credentials{User: "user", Password: "pencil"}
	tests := []struct {
		name  string
		mech  Mechanism
		want  string // mechanism name
		ir    string // "-" = none
		steps []string
		clear bool
	}{
		{"PLAIN", NewPlain(ann), "PLAIN", "\x00ann\x00s3cret", nil, true},
		{"LOGIN", NewLogin(ann), "LOGIN", "-", []string{"Username:", "ann", "Password:", "s3cret"}, true},
		{"LOGIN with other words", NewLogin(ann), "LOGIN",
			"-", []string{"", "ann", "\xff\x00", "s3cret"}, true},
		{"EXTERNAL", NewExternal(ann), "EXTERNAL", "ann", nil, false},
		{"EXTERNAL without a name", NewExternal(Credentials{}), "EXTERNAL", "", nil, false},
		{"RFC 2195 section 2",
			NewCRAMMD5(Credentials{User: "tim", Password: "tanstaaftanstaaf"}), "CRAM-MD5", "-",
			[]string{"<1896.697170952@postoffice.reston.mci.net>",
				"tim b913a602c7eda7a495b4e6e7334d3890"}, false},
		{"RFC 5802 section 5",
			newSCRAM("SCRAM-SHA-1", scram.SHA1, pencil, func() string { return "fyko+d2lbbFgONRv9qkxdawL" }),
			"SCRAM-SHA-1", "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL", []string{
				"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
				"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
				"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=", ""}, false},
		{"RFC 7677 section 3",
			newSCRAM("SCRAM-SHA-256", scram.SHA256, pencil, func() string { return "rOprNGfwEbeRWgbNEkqO" }),
			"SCRAM-SHA-256", "n,,n=user,r=rOprNGfwEbeRWgbNEkqO", []string{
				"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
				"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0," +
					"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
				"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", ""}, false},
		{"XOAUTH2", NewXOAuth2(ann), "XOAUTH2", "user=ann\x01auth=Bearer s3cret\x01\x01", nil, true},
		{"OAUTHBEARER", NewOAuthBearer(ann), "OAUTHBEARER",
			"n,a=ann,\x01host=mail.example.org\x01port=993\x01auth=Bearer s3cret\x01\x01", nil, true},
		{"OAUTHBEARER escapes", NewOAuthBearer(Credentials{User: "a=b,c", Password: "t"}), "OAUTHBEARER",
			"n,a=a=3Db=2Cc,\x01auth=Bearer t\x01\x01", nil, true},
	}

	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			name, ir, err := tt.mech.Start()
			if err != nil || name != tt.want ||
				(ir == nil) != (tt.ir == "-") || ir != nil && string(ir) != tt.ir {
				t.Fatalf("Start = %q, %q, %v; want %q, %q", name, ir, err, tt.want, tt.ir)
			}

			for i := 0; i < len(tt.steps); i += 2 {
				got, err := tt.mech.Next([]byte(tt.steps[i]))
				if err != nil || string(got) != tt.steps[i+1] {
					t.Fatalf("Next(%q) = %q, %v; want %q", tt.steps[i], got, err, tt.steps[i+1])
				}
			}

			if err := tt.mech.Finish(); err != nil {
				t.Errorf("Finish = %v", err)
			}
			if got := tt.mech.ClearText(); got != tt.clear {
				t.Errorf("ClearText = %v, want %v", got, tt.clear)
			}
			if _, err := tt.mech.Next([]byte("more")); err == nil {
				t.Error("a challenge after the end was answered")
			}
		})
	}
}

func TestSCRAMRefuses(t *testing.T) {
	t.Parallel()
	const nonce = "rOprNGfwEbeRWgbNEkqO"
	good := "r=" + nonce + "xyz,s=W22ZaJ0SNY7soEsUEjb6gQ==,i="
	tests := []struct {
		name  string
		steps []string // the last one must fail; none: Finish must
	}{
		{"success without a word", nil},
		{"success without the signature", []string{good + "4096", ""}},
		{"wrong signature", []string{good + "4096", "v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}},
		{"server error", []string{good + "4096", "e=invalid-proof,x=1"}},
		{"too few rounds", []string{good + "4095"}},
		{"too many rounds", []string{good + "1000001"}},
		{"rounds beyond an int", []string{good + "99999999999999999999999"}},
		{"negative rounds", []string{good + "-1"}},
		{"rounds named twice", []string{good + "4096,i=2000000000"}},
		{"another nonce", []string{"r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"}},
		{"mandatory extension", []string{"m=x," + good + "4096"}},
		{"empty", []string{""}},
		{"commas", []string{strings.Repeat(",", maxChallenge)}},
		{"a megabyte", []string{good + "4096," + strings.Repeat("x", 1<<20)}},
		{"bytes", []string{"\x00\xff\xfe"}},
	}

	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := newSCRAM("SCRAM-SHA-256", scram.SHA256, ann, func() string { return nonce })
			if _, _, err := m.Start(); err != nil {
				t.Fatal(err)
			}

			var err error
			for i, s := range tt.steps {
				if _, err = m.Next([]byte(s)); err != nil && i < len(tt.steps)-1 {
					t.Fatalf("step %d: %v", i, err)
				}
			}
			if len(tt.steps) > 0 && err == nil {
				t.Error("accepted")
			}
			if err != nil && (len(err.Error()) > 1000 || strings.Contains(err.Error(), ann.Password)) {
				t.Errorf("error text: %.2000s", err)
			}

			refused, ok := errors.AsType[*RefusedError](err)
			if ok != (tt.name == "server error") || ok && refused.Reason != "invalid-proof" {
				t.Errorf("refused by the server: %v", refused)
			}
			if errors.Is(err, ErrWrongProof) != (tt.name == "wrong signature") {
				t.Errorf("error %v", err)
			}
			if m.Finish() == nil {
				t.Error("Finish accepts a server that proved nothing")
			}
		})
	}
}

func TestSCRAMTakesWhatSASLprepDoesNot(t *testing.T) {
	t.Parallel()
	m := NewSCRAMSHA256(Credentials{User: "ann", Password: "caf\u00e9 \U0001F600"})
	name, ir, err := m.Start()
	if err != nil || name != "SCRAM-SHA-256" || !strings.HasPrefix(string(ir), "n,,n=ann,r=") {
		t.Errorf("Start = %q, %q, %v", name, ir, err)
	}
}

func TestTokenError(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, challenge, status, scope string }{
		{"RFC 7628",
			`{"status":"invalid_token","scope":"example_scope","openid-configuration":"https://example.com"}`,
			"invalid_token", "example_scope"},
		{"XOAUTH2", `{"status":"401","schemes":"Bearer","scope":"https://mail.google.com/"}`,
			"401", "https://mail.google.com/"},
		{"number", `{"status":400}`, "400", ""},
		{"no JSON", "go away\r\n", "go away\r\n", ""},
		{"empty", "", "", ""},
		{"long", `{"status":"` + strings.Repeat("x", 5000) + `"}`, strings.Repeat("x", 200), ""},
		{"a megabyte", strings.Repeat("x", 1<<20), "", ""},
	}

	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, m := range []Mechanism{NewOAuthBearer(ann), NewXOAuth2(ann)} {
				_, err := m.Next([]byte(tt.challenge))
				var e *TokenError
				if !errors.As(err, &e) || e.Status != tt.status || e.Scope != tt.scope {
					t.Errorf("%#v", err)
				}
				if strings.ContainsAny(err.Error(), "\r\n") || len(err.Error()) > 1000 {
					t.Errorf("error text %q", err)
				}
			}
		})
	}
}

func TestNothingPrintsThePassword(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		text := fmt.Sprintf(verb, ann)
		if strings.Contains(text, "s3cret") || !strings.Contains(text, "***") {
			t.Errorf("%s gives %s", verb, text)
		}
	}
}
