package setup

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"fetchd/tlsverify"
)

const (
	autoconfigTimeout = 10 * time.Second
	maxRedirects      = 3
	maxOffers         = 16 // of one description
)

// autoconfigURLs are the places where a domain publishes its description.
func autoconfigURLs(a Address) []string {
	query := "?emailaddress=" + url.QueryEscape(a.String())
	return []string{
		"https://autoconfig." + a.Domain + "/mail/config-v1.1.xml" + query,
		"https://" + a.Domain + "/.well-known/autoconfig/mail/config-v1.1.xml",
	}
}

// autoconfig fetches a description and reads it.
func (f *Finder) autoconfig(ctx context.Context, address string, a Address) ([]Offer, error) {
	ctx, cancel := context.WithTimeout(ctx, autoconfigTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}

	client := *f.HTTP
	client.CheckRedirect = onlyHTTPS
	resp, err := client.Do(req)
	if err != nil {
		return nil, reason(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer is %s", resp.Status)
	}
	text, err := io.ReadAll(resp.Body) // which the client bounds
	if err != nil {
		return nil, reason(err)
	}
	return readAutoconfig(text, a)
}

// reason is an error without the address, which was named already.
func reason(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

// onlyHTTPS follows redirects that stay with https: what comes in clear text may come from anybody.
func onlyHTTPS(req *http.Request, via []*http.Request) error {
	switch {
	case req.URL.Scheme != "https":
		return fmt.Errorf("it leads to %.100q, which is not https", req.URL.Redacted())
	case len(via) > maxRedirects:
		return errors.New("it leads on and on")
	}
	return nil
}

// clientConfig is the part of a description that is about retrieving.
type clientConfig struct {
	Servers []incomingServer `xml:"emailProvider>incomingServer"`
}

type incomingServer struct {
	Type           string   `xml:"type,attr"`
	Hostname       string   `xml:"hostname"`
	Port           int      `xml:"port"`
	SocketType     string   `xml:"socketType"`
	Username       string   `xml:"username"`
	Authentication []string `xml:"authentication"`
}

// readAutoconfig gives the servers of a description that have TLS, IMAP before POP3.
func readAutoconfig(text []byte, a Address) ([]Offer, error) {
	var config clientConfig
	if err := xml.Unmarshal(text, &config); err != nil {
		return nil, fmt.Errorf("the description can't be read: %w", err)
	}

	var offers []Offer
	for _, s := range config.Servers {
		if o, ok := s.offer(a); ok && len(offers) < maxOffers {
			offers = append(offers, o)
		}
	}
	if len(offers) == 0 {
		return nil, errors.New("the description names no IMAP or POP3 server with TLS")
	}
	slices.SortStableFunc(offers, func(a, b Offer) int { return strings.Compare(a.Proto, b.Proto) })
	return offers, nil
}

func (s incomingServer) offer(a Address) (Offer, bool) {
	filled := strings.NewReplacer("%EMAILADDRESS%", a.String(), "%EMAILLOCALPART%", a.Local,
		"%EMAILDOMAIN%", a.Domain)
	o := Offer{Proto: strings.ToLower(s.Type), Port: s.Port,
		User: filled.Replace(strings.TrimSpace(s.Username))}

	isOAuth := func(word string) bool { return strings.EqualFold(strings.TrimSpace(word), "OAuth2") }
	o.OAuth = len(s.Authentication) > 0 && !slices.ContainsFunc(s.Authentication,
		func(word string) bool { return !isOAuth(word) })

	switch strings.ToUpper(strings.TrimSpace(s.SocketType)) {
	case "SSL":
		o.Wrapped = true
	case "STARTTLS":
	default: // in clear text, which is never offered
		return o, false
	}

	var err error
	o.Host, err = tlsverify.HostName(filled.Replace(strings.TrimSpace(s.Hostname)))
	named := o.User != "" && !strings.ContainsFunc(o.User, func(r rune) bool { return r < ' ' || r == 0x7f })
	return o, err == nil && named && o.Port > 0 && o.Port < 1<<16 && (o.Proto == "imap" || o.Proto == "pop3")
}
