package wire_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"fetchd/fetch/fetchtest"
	"fetchd/fetch/wire"
	"fetchd/tlsverify"
)

func TestConceal(t *testing.T) {
	t.Parallel()
	const secret = `s3cr"E\t <ü>&9` // what each way of writing writes in its own way
	b64 := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	inJSON, _ := json.Marshal(secret)
	tests := []struct {
		name, text, want string
	}{
		{"nothing", "check user and password", "check user and password"},
		{"as it is", "bad " + secret + "!", "bad ***!"},
		{"twice", secret + secret, "******"},
		{"twice apart", secret + " and " + secret + ".", "*** and ***."},
		{"LOGIN's line", `unknown: LOGIN "ann" "s3cr\"E\\t <ü>&9"`, `unknown: LOGIN "ann" "***"`},
		{"%q", strconv.Quote("no " + secret), `"no ***"`},
		{"%+q", strconv.QuoteToASCII("no " + secret), `"no ***"`},
		{"JSON", "{" + string(inJSON) + "}", `{"***"}`},
		{"form", "https://h/?p=" + url.QueryEscape(secret) + "&q", "https://h/?p=***&q"},
		{"path", "https://h/" + url.PathEscape(secret) + "/x", "https://h/***/x"},
		{"lower-case escapes", strings.ToLower(url.QueryEscape(secret)), "***"},
		{"HTML", "<b>s3cr&#34;E\\t &lt;ü&gt;&amp;9</b>", "<b>***</b>"},
		{"hexadecimal", "733363722245", "733363722245"}, // the beginning alone
		{"base64", "no " + b64(secret) + " here", "no *** here"},
		{"base64 behind a letter", "no " + b64("x"+secret), "no ***"},
		{"base64 behind two, with more", "no " + b64("xy"+secret+"z\n"), "no ***"},
		{"base64 for URLs", "no " + base64.RawURLEncoding.EncodeToString([]byte("xy"+secret)), "no ***"},
		{"PLAIN", "AUTH PLAIN " + b64("\x00ann\x00"+secret), "AUTH PLAIN ***"},
		{"XOAUTH2", "AUTH XOAUTH2 " + b64("user=ann\x01auth=Bearer "+secret+"\x01\x01"), "AUTH XOAUTH2 ***"},
		{"other base64", "AUTH PLAIN " + b64("\x00ann\x00another"), "AUTH PLAIN " + b64("\x00ann\x00another")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var c wire.Concealer
			c.Add("ann", secret)
			if got := c.Clean(tt.text); got != tt.want {
				t.Errorf("%s\n got %s\nwant %s", tt.text, got, tt.want)
			}
		})
	}
}

func TestConcealInAnyCase(t *testing.T) {
	t.Parallel()
	var c wire.Concealer
	c.Add("ann", "Correct-Horse")
	for _, text := range []string{"Correct-Horse", "CORRECT-HORSE", "correct-horse", "436F72726563742d486f727365"} {
		if got := c.Clean("no " + text + "."); got != "no ***." {
			t.Errorf("%q", got)
		}
	}
}

// A short secret is part of words, and what is hidden in a word of ours tells what it is.
func TestConcealShort(t *testing.T) {
	t.Parallel()
	var c wire.Concealer
	c.Add("ann", "pass")
	plain := base64.StdEncoding.EncodeToString([]byte("\x00ann\x00pass"))
	for text, want := range map[string]string{
		"check user and password": "check user and password",
		"AUTH PLAIN " + plain:     "AUTH PLAIN ***",
	} {
		if got := c.Clean(text); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestConcealRemembers(t *testing.T) {
	t.Parallel()
	var c wire.Concealer
	c.Add("ann", "")
	for _, token := range []string{"token-1", "token-2", "token-2", "token-2", "token-2", "token-3", "token-4", "token-5"} {
		c.Add("ann", token)
	}
	if got := c.Clean("token-1 token-2 token-3 token-4 token-5"); got != "token-1 *** *** *** ***" {
		t.Error(got)
	}
	var none *wire.Concealer
	if got := none.Clean("token-1"); got != "token-1" {
		t.Error(got)
	}
}

// A secret that lies within another, or overlaps it, leaves nothing of the other.
func TestConcealOverlapping(t *testing.T) {
	t.Parallel()
	var c wire.Concealer
	c.Add("ann", "correct-horse-battery")
	c.Add("ann", "horse-")
	c.Add("ann", "battery-staple")
	for text, want := range map[string]string{
		"no correct-horse-battery!":        "no ***!",
		"no correct-horse-battery-staple!": "no ***!",
		"horse-battery-staple":             "******",
	} {
		if got := c.Clean(text); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// What comes instead of TLS may be the secret of an earlier connection.
func TestStartTLSConceals(t *testing.T) {
	t.Parallel()
	policy, err := tlsverify.New(tlsverify.Options{Host: "mail.example.org"})
	if err != nil {
		t.Fatal(err)
	}
	var hidden wire.Concealer
	hidden.Add("ann", "s3cret")
	c := wire.New(fetchtest.NewPeer(t, "C<5\nS: * BYE s3cret\nSTALL", nil).Pipe(), wire.Options{Hidden: &hidden})
	defer c.Close()
	err = c.StartTLS(t.Context(), policy)
	if err == nil || strings.Contains(err.Error()+c.Err().Error(), "s3cret") || !strings.Contains(err.Error(), "* BYE ***") {
		t.Error(err)
	}
}

// All that a connection tells of its peer's words is without the secret, also that of an earlier connection,
// and what is cut off must not leave half of it.
func TestConnConceals(t *testing.T) {
	t.Parallel()
	var hidden wire.Concealer
	wire.New(nil, wire.Options{Hidden: &hidden}).Conceal("ann", "s3cret-one")
	var traced string
	c := wire.New(nil, wire.Options{Hidden: &hidden, Trace: func(line string) { traced = line }})
	c.Conceal("ann", "s3cret-two")
	text := []byte(strings.Repeat("x", 185) + " s3cret-one s3cret-two" + strings.Repeat("x", 785) + "s3cret-one")

	err := c.CleanError(errors.Join(io.EOF, errors.New(string(text))))
	c.TraceIn(text)
	for _, got := range []string{c.Quoted(text), c.Printable(text), c.Clean(string(text)), err.Error(), traced} {
		if strings.Contains(got, "s3c") || !strings.Contains(got, "*** ***") {
			t.Errorf("%s", got)
		}
	}
	if !errors.Is(err, io.EOF) || c.CleanError(nil) != nil || c.CleanError(io.EOF) != io.EOF {
		t.Error("an error is another one")
	}
}

func FuzzConceal(f *testing.F) {
	for _, s := range []string{"secret", `s3cr"Et\`, "\x00\xff\xfe\x80\x81\x82", "päss wörd", "======"} {
		f.Add("ann", s, "no ", ".")
	}
	f.Fuzz(func(t *testing.T, login, secret, before, after string) {
		var c wire.Concealer
		c.Add(login, secret)
		got := c.Clean(before + secret + after)
		if len(secret) >= 6 && got == before+secret+after && secret != "***" {
			t.Errorf("%q shows %q", got, secret)
		}
		blob := base64.StdEncoding.EncodeToString([]byte(before + secret + after))
		if len(secret) >= 6 && c.Clean(blob) != "***" {
			t.Errorf("%q shows %q", c.Clean(blob), secret)
		}
	})
}
