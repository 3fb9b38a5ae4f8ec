package sasl

import (
	"errors"
	"strings"
	"testing"
)

// names of the mechanisms as one text; "own" is the protocol's.
func names(t *testing.T, ms []Mechanism) string {
	t.Helper()
	var out []string
	for _, m := range ms {
		if own, ok := m.(ProtocolLogin); ok {
			out = append(out, map[bool]string{false: "own", true: "APOP"}[own.Digest])
			continue
		}
		name, _, err := m.Start()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, name)
	}
	return strings.Join(out, " ")
}

func TestChoose(t *testing.T) {
	t.Parallel()
	all := strings.Fields("plain LOGIN CRAM-MD5 scram-sha-1 SCRAM-SHA-256 " +
		"SCRAM-SHA-256-PLUS EXTERNAL XOAUTH2 OAUTHBEARER NTLM DIGEST-MD5")
	tests := []struct {
		name, auth string
		offered    []string
		verified   bool
		want       string
	}{
		{"any", "any", all, true, "SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN own"},
		{"unsaid", "", all, true, "SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN own"},
		{"any in clear text", "any", all, false, "SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN own"},
		{"any, nothing offered", "any", nil, true, "own"},
		{"any, tokens only", "any", []string{"XOAUTH2", "OAUTHBEARER", "EXTERNAL"}, true, "own"},
		{"password", "password", all, true, "own PLAIN LOGIN"},
		{"token", "oauthbearer", all, true, "OAUTHBEARER XOAUTH2"},
		{"token, old server", "oauthbearer", []string{"XOAUTH2"}, true, "XOAUTH2"},
		{"xoauth2", "xoauth2", all, true, "XOAUTH2"},
		{"cram", "cram-md5", all, true, "CRAM-MD5"},
		{"upper case", "PLAIN", all, true, "PLAIN"},
		{"login", "login", all, true, "LOGIN"},
		{"external", "external", all, true, "EXTERNAL"},
		{"scram-1", "scram-sha-1", all, true, "SCRAM-SHA-1"},
		{"apop", "apop", all, true, "APOP"},
	}

	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ms, err := Choose(tt.auth, tt.offered, ann, tt.verified)
			if err != nil {
				t.Fatal(err)
			}
			if got := names(t, ms); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestChooseRefuses(t *testing.T) {
	t.Parallel()
	var notOffered *NotOfferedError
	for _, offered := range [][]string{nil, {"PLAIN", "LOGIN"}, {"CRAM-MD5X"}} {
		if _, err := Choose("cram-md5", offered, ann, true); !errors.As(err, &notOffered) {
			t.Errorf("offered %q: %v", offered, err)
		}
	}

	if _, err := Choose("ntlm", []string{"NTLM"}, ann, true); err == nil ||
		!strings.Contains(err.Error(), "hint:") {
		t.Errorf("ntlm: %v", err)
	}

	for _, bad := range []string{"\r", "\n", "\x00", "x\r\nDELE 1"} {
		for _, c := range []Credentials{
			{User: "ann" + bad, Password: "x"},
			{User: "ann", Password: "x" + bad},
		} {
			_, err := Choose("any", nil, c, true)
			if err == nil || strings.Contains(err.Error(), "DELE") {
				t.Errorf("%q: %v", bad, err)
			}
		}
	}
}

func TestChallenges(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text, want string
		ok               bool
	}{
		{"empty", "", "", true},
		{"text", "VXNlcm5hbWU6", "Username:", true},
		{"padding", "YQ==", "a", true},
		{"largest", strings.Repeat("AAAA", maxChallenge/4), strings.Repeat("\x00", maxChallenge/4*3), true},
		{"one more", strings.Repeat("AAAA", maxChallenge/4+1), "", false},
		{"a megabyte", strings.Repeat("A", 1<<20), "", false},
		{"no padding", "YQ", "", false},
		{"not base64", "!!!!", "", false},
		{"trailing bits", "YR==", "", false},
		{"blanks", " YQ==", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := DecodeChallenge([]byte(tt.text))
			if (err == nil) != tt.ok || string(got) != tt.want {
				t.Errorf("%q, %v", got, err)
			}
			if err != nil && len(err.Error()) > 1000 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
	if EncodeInitial(nil) != "=" || EncodeInitial([]byte("a")) != "YQ==" || EncodeResponse(nil) != "" {
		t.Error("encoding")
	}
}

// FuzzChallenges: no sequence of challenges makes a mechanism crash, talk at length, put the password into an
// error, or SCRAM accept a server.
func FuzzChallenges(f *testing.F) {
	for which := range byte(7) {
		for _, s := range []string{
			"", "\n", "Username:\nPassword:", `{"status":"400"}`, "r=x,s=AA==,i=4096\nv=AA==", "<1.2@x>",
		} {
			f.Add(which, s)
		}
	}

	makers := []func(Credentials) Mechanism{
		NewPlain, NewLogin, NewExternal, NewCRAMMD5, NewSCRAMSHA1, NewSCRAMSHA256, NewXOAuth2,
		NewOAuthBearer,
	}
	f.Fuzz(func(t *testing.T, which byte, text string) {
		m := makers[int(which)%len(makers)](ann)
		name, _, err := m.Start()
		if err != nil {
			t.Fatal(err)
		}

		for challenge := range strings.SplitSeq(text, "\n") {
			if strings.Contains(challenge, "i=") && len(challenge) > 200 {
				return // hashing up to the bound is slow by design
			}
			response, err := m.Next([]byte(challenge))
			if len(response) > 1000+len(challenge) {
				t.Fatalf("%d bytes", len(response))
			}
			if err != nil && (strings.Contains(err.Error(), ann.Password) || len(err.Error()) > 1000) {
				t.Fatalf("error %q", err)
			}
		}

		if strings.HasPrefix(name, "SCRAM") && m.Finish() == nil {
			t.Fatal("accepted a server that doesn't know the password")
		}
	})
}
