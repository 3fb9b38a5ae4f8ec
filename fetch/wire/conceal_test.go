package wire_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
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
		{"other base64", "AUTH PLAIN " + b64("\x00ann\x00another"),
			"AUTH PLAIN " + b64("\x00ann\x00another")},
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
	for _, text := range []string{
		"Correct-Horse", "CORRECT-HORSE", "correct-horse", "436F72726563742d486f727365",
	} {
		if got := c.Clean("no " + text + "."); got != "no ***." {
			t.Errorf("%q", got)
		}
	}
}

// TestConcealDecodes: what is decoded generally needs no list of encodings.
func TestConcealDecodes(t *testing.T) {
	t.Parallel()
	const secret = "s3cret-Wörd %41+x=&;"
	each := func(text, format string) string {
		var b strings.Builder
		for i := range len(text) {
			fmt.Fprintf(&b, format, text[i])
		}
		return b.String()
	}
	b64 := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	short := b64("ann\x00ann\x00pass")
	for _, tt := range []struct {
		name, text, want string
	}{
		{"one escape of a URL", "bad %73" + secret[1:] + "!", "bad ***!"},
		{"some escapes", "bad s%33cret%2dW%c3%b6rd%20%2541%2bx%3D&;!", "bad ***!"},
		{"all escapes", each(secret, "%%%02X"), "***"},
		{"escapes of escapes", "p=" + each(each(secret, "%%%02x"), "%%%02x") + "&q", "p=***&q"},
		{"a form", "p=" + url.QueryEscape(secret) + "&q", "p=***&q"},
		{"three times", each(each(each(secret, "%%%02x"), "%%%02x"), "%%%02x"), "***"},
		{"base64 behind three letters", "AUT" + b64(secret), "***"},
		{"base64 over lines behind three letters", "AUT\r\n" + b64(secret)[:9] + "\r\n" + b64(secret)[9:],
			"AUT\r\n***"},
		{"base64 behind two", "PL" + b64(secret), "***"},
		{"base64 behind one", "A" + b64(secret), "***"},
		{"hexadecimal behind a digit", "f" + each(secret, "%02x"), "f***"},
		{"base64 in lower case", "no " + strings.ToLower(b64("x"+secret)), "no ***"},
		{"entities", "<b>" + each("s3cret-W", "&#%d;") + "&ouml;rd %41+x=&amp;&#x3b;</b>", "<b>***</b>"},
		{"an entity without its end", "&#115" + secret[1:], "***"},
		{"an entity without its end, and none behind", "no &#116oken-\U0001f511 here", "no *** here"},
		{"beyond the first plane", `"token-\ud83d\udd11"`, `"***"`},
		{"entities in digits", each("s3cret-W", "&#x%X;") + "&#246;rd %41+x=&;", "***"},
		{"quoted-printable", "x " + each(secret, "=%02X") + ".", "x ***."},
		{"quoted-printable, in part and broken", "s3cr=65t-=\r\nW=C3=B6rd %41+x=3D=\n&;", "***"},
		{"strings in programs", `"s\x33c\162et-W\u00f6rd %41+x=&;"`, `"***"`},
		{"hexadecimal", "<" + each(secret, "%02x") + ">", "<***>"},
		{"with blanks", "is " + each(secret, "%02X ") + "hex", "is *** hex"},
		{"with colons", strings.TrimSuffix(each(secret, "%02X:"), ":"), "***"},
		{"as in C", each(secret, "0x%02x, "), "0x***, "},
		{"escaped in strings", each(secret, `\x%02x`), "***"},
		{"base64 over lines", "x " + b64("user" + secret)[:11] + "\r\n " + b64("user" + secret)[11:] + ".",
			"x ***."},
		{"base64 without its beginning", "x " + b64("..." + secret)[2:], "x ***"},
		{"base64 of escapes", b64(each(secret, "%%%02x")), "***"},
		{"base64 of base64", b64("x" + b64("yz"+secret)), "***"},
		{"base64 in a URL", "p=" + url.QueryEscape(b64("??>>"+secret+"~")) + "&q", "p=Pz8%***%3D&q"},
		{"base64 in hexadecimal", each(b64(secret), "%02x"), "***"},
		{"base64 behind text", "AUTH" + b64(secret), "***"},
		{"PLAIN of a short one", "no " + short + ".", "no ***."},
		{"PLAIN of a short one behind a letter", "no " + b64("x"+"ann\x00ann\x00pass"), "no ***"},
		{"PLAIN of a short one in hexadecimal", each("ann\x00ann\x00pass", "%02x "), "61 6e 6e 00 *** "},
		{"a short one in escapes", `ann\x00ann\x00pass`, `ann\x00***`},
		{"a beginning", "token s3cret-Wörd… is old", "token ***… is old"},
		{"an end", "token …" + secret[6:], "token …***"},
		{"a middle in base64", "no " + b64("..."+secret[3:19]+"..."), "no ***"},
		{"too small a part", "s3cret-Wör!", "s3cret-Wör!"},
		{"nothing of it", "LOGIN failed: %73 =41 &amp; \\x41 73 65 63 c2VjcmV0IHdvcmQ=",
			"LOGIN failed: %73 =41 &amp; \\x41 73 65 63 c2VjcmV0IHdvcmQ="},
		{"halves of escapes", `%4 =& &# &#x; \ \u00 \ud83d\u0041 \x4 &#1`,
			`%4 =& &# &#x; \ \u00 \ud83d\u0041 \x4 &#1`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var c wire.Concealer
			c.Add("ann", secret)
			c.Add("ann", "pass")
			c.Add("ann", "token-\U0001f511")
			if got := c.Clean(tt.text); got != tt.want {
				t.Errorf("%s\n got %s\nwant %s", tt.text, got, tt.want)
			}
		})
	}
}

// The work for a text grows with its length alone, however it may be decoded, and whatever is found in it.
func TestConcealWork(t *testing.T) {
	t.Parallel()
	const length = 1 << 12
	for _, unit := range []string{"a", "4", "%25", "&amp;", "\\", "0x", "MTIz", "=0A", "&", "&#", "&#1",
		" 6 1", "313233", "TVRJek5EVTI",
		base64.StdEncoding.EncodeToString([]byte("s3cret-word."))} {
		if n := wire.ReadingWork(strings.Repeat(unit, length/len(unit))); n > 125*length {
			t.Errorf("%q: %d bytes are looked at for %d", unit, n, length)
		}
	}
}

// A long word of base64 in which the secret is often is gone through once, not for each.
func TestConcealPlaces(t *testing.T) {
	t.Parallel()
	var c wire.Concealer
	c.Add("ann", "s3cret-word.")
	text := strings.Repeat(base64.StdEncoding.EncodeToString([]byte("s3cret-word.")), 100)
	if n := wire.Places(&c, text); n == 0 || n > 20 {
		t.Errorf("%d places of one word", n)
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
	for _, token := range []string{
		"token-1", "token-2", "token-2", "token-2", "token-2", "token-3", "token-4", "token-5",
	} {
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
		"horse-battery-staple":             "***",
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
	c := wire.New(fetchtest.NewPeer(t, "C<5\nS: * BYE s3cret\nSTALL", nil).Pipe(),
		wire.Options{Hidden: &hidden})
	defer c.Close()
	err = c.StartTLS(t.Context(), policy)
	if err == nil || strings.Contains(err.Error()+c.Err().Error(), "s3cret") ||
		!strings.Contains(err.Error(), "* BYE ***") {
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
	text := []byte(strings.Repeat("x", 185) +
		" s3cret-one s3cret-two" + strings.Repeat("x", 785) + "s3cret-one")

	err := c.CleanError(errors.Join(io.EOF, errors.New(string(text))))
	c.TraceIn(text)
	for _, got := range []string{
		c.Quoted(text), c.Printable(text), c.Clean(string(text)), err.Error(), traced,
	} {
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
		if len(secret) < 6 {
			return
		}
		var some, hex strings.Builder
		for i := range len(secret) {
			if i%2 == 0 {
				fmt.Fprintf(&some, "%%%02x", secret[i])
			} else {
				some.WriteByte(secret[i])
			}
			fmt.Fprintf(&hex, "%02X ", secret[i])
		}
		for _, text := range []string{some.String(), hex.String()} {
			if c.Clean(text) == text {
				t.Errorf("%q shows %q", text, secret)
			}
		}
		blob := base64.StdEncoding.EncodeToString([]byte(before + secret + after))
		if len(secret) >= 6 && c.Clean(blob) != "***" {
			t.Errorf("%q shows %q", c.Clean(blob), secret)
		}
	})
}

func BenchmarkClean(b *testing.B) {
	var c wire.Concealer
	c.Add("ann", "s3cret-word")
	c.Add("ann", strings.Repeat("0aA1bB2cC3", 200))
	for name, text := range map[string]string{
		"line": "NO [AUTHENTICATIONFAILED] Authentication failed for ann@example.org (session 4f2a91).",
		"uid":  "0000001a5d3f2b77", "64 KB": strings.Repeat("a line of prose, and another one. ", 1<<11),
		"64 KB of hex": strings.Repeat("31323334", 1<<13), "64 KB of base64": strings.Repeat("TVRJek5EVTI",
			6<<10),
		"64 KB of the secret": strings.Repeat("czNjcmV0LXdvcmQ", 4<<10),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				c.Clean(text)
			}
		})
	}
}
