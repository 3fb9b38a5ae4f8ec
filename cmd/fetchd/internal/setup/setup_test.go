package setup

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"fetchd/cmd/fetchd/internal/web"
	"fetchd/tlsverify/tlstest"
)

var ann = Address{Local: "ann", Domain: "example.org"}

func TestParseAddress(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, want string }{
		{"ann@example.org", "ann@example.org"},
		{"an@n@Bücher.example", "an@n@xn--bcher-kva.example"},
		{"ann", ""}, {"@example.org", ""}, {"ann@", ""}, {"ann@192.0.2.1", ""}, {"a nn@example.org", ""},
		{"ann@exa mple.org", ""}, {"ann\n@example.org", ""}, {"ann@a/../b", ""},
	} {
		got, err := ParseAddress(tt.text)
		if (err == nil) != (tt.want != "") || err == nil && got.String() != tt.want {
			t.Errorf("%q: %v, %v", tt.text, got, err)
		}
	}
}

func TestNamed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		port int
		want string
	}{
		{0, "IMAP at h port 993 with TLS; IMAP at h port 143 with STARTTLS; " +
			"POP3 at h port 995 with TLS; POP3 at h port 110 with STARTTLS"},
		{995, "POP3 at h port 995 with TLS"},
		{143, "IMAP at h port 143 with STARTTLS"},
		{25, "IMAP at h port 25 with TLS; IMAP at h port 25 with STARTTLS; " +
			"POP3 at h port 25 with TLS; POP3 at h port 25 with STARTTLS"},
	} {
		offers, err := Named(ann, "h", tt.port).Look(t.Context())

		var got []string
		for _, o := range offers {
			got = append(got, o.String())
		}
		if text := strings.Join(got, "; "); err != nil || text != tt.want {
			t.Errorf("port %d: %s, %v; want %s", tt.port, text, err, tt.want)
		}
	}
}

// records are SRV records by service.
type records map[string][]*net.SRV

func (r records) LookupSRV(_ context.Context, service, _, name string) (string, []*net.SRV, error) {
	if name != "example.org" || r[service] == nil {
		return "", nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return "", r[service], nil
}

func TestSRV(t *testing.T) {
	t.Parallel()
	f := &Finder{DNS: records{
		"imaps": {{Target: "imap.example.org.", Port: 993}},
		"imap":  {{Target: "mail.hoster.example.", Port: 143, Priority: 1}},
		"pop3s": {{Target: "notexample.org.", Port: 995}},
	}}
	got, err := f.Sources(ann)[0].Look(t.Context())
	want := []Offer{
		{Proto: "imap", Host: "imap.example.org", Port: 993, Wrapped: true, User: "ann@example.org"},
		{Proto: "imap", Host: "mail.hoster.example", Port: 143, User: "ann@example.org", Unproven: true},
		{Proto: "pop3", Host: "notexample.org", Port: 995, Wrapped: true, User: "ann@example.org",
			Unproven: true},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
}

const description = `<?xml version="1.0"?><clientConfig version="1.1"><emailProvider id="x">
<incomingServer type="pop3"><hostname>pop.%EMAILDOMAIN%</hostname><port>995</port><socketType>SSL</socketType>
 <username>%EMAILLOCALPART%</username><authentication>password-cleartext</authentication></incomingServer>
<incomingServer type="imap"><hostname>imap.hoster.example</hostname><port>143</port>
 <socketType>STARTTLS</socketType><username>%EMAILADDRESS%</username><authentication>OAuth2</authentication>
</incomingServer>
<incomingServer type="imap"><hostname>imap.hoster.example</hostname><port>143</port>
 <socketType>plain</socketType><username>ann</username></incomingServer>
<incomingServer type="imap"><hostname>a/b</hostname><port>993</port><socketType>SSL</socketType>
 <username>ann</username></incomingServer>
<outgoingServer type="smtp"><hostname>smtp.example.org</hostname><port>465</port></outgoingServer>
</emailProvider></clientConfig>`

var described = []Offer{
	{Proto: "imap", Host: "imap.hoster.example", Port: 143, User: "ann@example.org", OAuth: true},
	{Proto: "pop3", Host: "pop.example.org", Port: 995, Wrapped: true, User: "ann"},
}

// TestAutoconfig asks a server that is found under the domain's names.
func TestAutoconfig(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	answers := map[string]http.HandlerFunc{
		"good": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(description)) },
		"moved": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/good", http.StatusFound)
		},
		"clear": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1/good", http.StatusFound)
		},
		"round": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/round", http.StatusFound)
		},
		"long": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(strings.Repeat(" ", web.MaxAnswer) + description))
		},
		"none":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) },
		"empty": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<clientConfig/>") },
		"html":  func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html><br></html>") },
	}
	mux := http.NewServeMux()
	for name, handler := range answers {
		mux.HandleFunc("/"+name, handler)
	}
	s := httptest.NewUnstartedServer(mux)
	s.TLS = tlstest.ServerConfig(ca.Leaf(tlstest.Leaf{IP: []string{"127.0.0.1"}}))
	s.TLS.MinVersion = tls.VersionTLS12
	s.StartTLS()
	t.Cleanup(s.Close)

	f := &Finder{HTTP: web.NewClient(web.Options{CAFile: ca.File(t), Keyword: "sslcertfile"})}
	for _, tt := range []struct{ name, wrong string }{
		{"good", ""}, {"moved", ""}, {"clear", "not https"}, {"round", "on and on"},
		{"long", "longer than"}, {"none", "404"}, {"empty", "no IMAP or POP3"}, {"html", "can't be read"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := f.autoconfig(t.Context(), s.URL+"/"+tt.name, ann)
			if tt.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wrong) {
					t.Errorf("%v, %v; want %q", got, err, tt.wrong)
				}
				return
			}
			if err != nil || !reflect.DeepEqual(got, described) {
				t.Errorf("%v, %v; want %v", got, err, described)
			}
		})
	}
}

func TestSources(t *testing.T) {
	t.Parallel()
	var names []string
	for _, s := range new(Finder).Sources(ann) {
		names = append(names, s.Name)
	}
	want := "SRV records of example.org|https://autoconfig.example.org/mail/config-v1.1.xml|" +
		"https://example.org/.well-known/autoconfig/mail/config-v1.1.xml|the usual names"
	if got := strings.Join(names, "|"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := autoconfigURLs(Address{"a&b=c", "example.org"})[0]; !strings.HasSuffix(got,
		"?emailaddress=a%26b%3Dc%40example.org") {
		t.Error(got)
	}
}

func TestProvider(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"imap.gmail.com": "google", "outlook.office365.com": "microsoft",
		"imap-mail.outlook.com": "microsoft", "imap.example.org": "", "notgmail.com": "",
	} {
		if got := Provider(host); got != want {
			t.Errorf("%s: %q, want %q", host, got, want)
		}
	}
}

// FuzzAutoconfig: whatever a description says, each server in it has a name, a port and TLS, and the login's
// name could not begin another line.
func FuzzAutoconfig(f *testing.F) {
	f.Add([]byte(description))
	f.Fuzz(func(t *testing.T, text []byte) {
		offers, err := readAutoconfig(text, ann)
		if err == nil && (len(offers) == 0 || len(offers) > maxOffers) {
			t.Errorf("%d offers", len(offers))
		}
		for _, o := range offers {
			_, notHost := netip.ParseAddr(o.Host)
			if o.Host == "" || strings.ContainsAny(o.Host, "/@: \r\n") && notHost != nil || o.Port < 1 ||
				o.Port > 65535 || o.User == "" || strings.ContainsAny(o.User, "\r\n\x00") {
				t.Errorf("%+v", o)
			}
		}
	})
}
