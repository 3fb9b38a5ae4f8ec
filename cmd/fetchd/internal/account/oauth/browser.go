package oauth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"fetchd/cmd/fetchd/internal/web"
	"fetchd/fetch"
	"fetchd/tlsverify/hints"

	"golang.org/x/oauth2"
)

// visit is one consent in a browser: what is asked, and what the browser must come back with.
type visit struct {
	c        Client
	p        provider
	conf     *oauth2.Config
	state    string
	verifier string // PKCE (RFC 7636): the code is of no use to whoever else gets hold of it
}

func (k *Keeper) newVisit(ctx context.Context, c Client, port int) (*visit, error) {
	p, conf, err := k.prepare(ctx, c)
	if err != nil {
		return nil, err
	}
	if p.Auth == "" {
		return nil, fetch.Fail(fetch.KindConfig, hints.Errorf("use --device",
			"consent in a browser: %w", errNoEndpoint))
	}

	// Without TLS, as RFC 8252 section 7.3 has it: no authority gives a certificate for this machine's own
	// address.
	conf.RedirectURL = "http://" + net.JoinHostPort(c.redirectHost(), strconv.Itoa(port)) + "/"
	return &visit{c, p, conf, rand.Text(), oauth2.GenerateVerifier()}, nil
}

// address is the page to open.
func (v *visit) address() string {
	options := append(v.c.consentOptions(), oauth2.S256ChallengeOption(v.verifier))
	return v.conf.AuthCodeURL(v.state, options...)
}

// code takes the code out of what the browser came back with.
func (v *visit) code(answer url.Values) (string, error) {
	switch {
	// First, as only this shows that the answer is ours: an error in somebody else's must not end the login.
	case subtle.ConstantTimeCompare([]byte(answer.Get("state")), []byte(v.state)) != 1:
		return "", errForeign
	case answer.Get("iss") == "" && v.p.SaysIssuer: // RFC 9207 section 2.4
		return "", errors.New("the answer does not say of which provider it is")
	case answer.Get("iss") != "" && v.p.Issuer != "" && answer.Get("iss") != v.p.Issuer: // RFC 9207
		return "", fmt.Errorf("the answer is of another provider, %.200q", answer.Get("iss"))
	case answer.Get("error") != "":
		text := fmt.Sprintf("%.100q", clean(answer.Get("error"), nil))
		if more := answer.Get("error_description"); more != "" {
			text += fmt.Sprintf(" %.400q", clean(more, nil))
		}
		return "", errors.New("the login was refused: " + text)
	case answer.Get("code") == "":
		return "", errors.New("the answer holds no code")
	}
	return answer.Get("code"), nil
}

var errForeign = errors.New("this is not the answer to this login")

// exchange makes the grant of the code.
func (k *Keeper) exchange(ctx context.Context, v *visit, code string) error {
	token, err := v.conf.Exchange(k.with(ctx, v.c), code, oauth2.VerifierOption(v.verifier))
	if err != nil {
		return v.c.consentError(err)
	}
	return k.adopt(ctx, v.c, v.p, token)
}

// Browser gets a grant by a browser that comes back to a port of this machine; 0 = any. show is called with
// the page to open.
func (k *Keeper) Browser(ctx context.Context, c Client, port int, show func(address string, port int)) error {
	ctx, cancel := context.WithTimeout(ctx, consentTime)
	defer cancel()
	// Not "localhost", which might be an address of the network.
	at := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", at)
	if err != nil {
		return fetch.Fail(fetch.KindConfig, hints.Errorf("name a free one with --port", "%w", err))
	}
	defer listener.Close()

	// The port is in the address that the browser gets, so the listener comes before the address.
	port = listener.Addr().(*net.TCPAddr).Port
	v, err := k.newVisit(ctx, c, port)
	if err != nil {
		return err
	}

	// With room for one: the handler must not wait for a program that has stopped waiting.
	came := make(chan url.Values, 1)
	server := &http.Server{
		Handler: v.handler(came), ReadTimeout: web.Timeout, WriteTimeout: web.Timeout,
		MaxHeaderBytes: web.MaxAnswer,
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	defer func() {
		// The browser gets its page first.
		last, stop := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer stop()
		_ = server.Shutdown(last)
		_ = server.Close()
		<-served
	}()

	show(v.address(), port)
	select {
	case answer := <-came:
		code, err := v.code(answer)
		if err != nil {
			return fetch.Fail(fetch.KindAuth, fmt.Errorf("oauth: %w", err))
		}
		return k.exchange(ctx, v, code)
	case <-ctx.Done():
		return fetch.Fail(fetch.KindAuth, errors.New("oauth: the browser did not come back in time"))
	}
}

// handler passes on the first answer to this login. Anything else on this machine may send it others.
func (v *visit) handler(came chan<- url.Values) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		answer := req.URL.Query()
		_, err := v.code(answer)
		if req.Method != http.MethodGet || req.URL.Path != "/" || errors.Is(err, errForeign) {
			http.Error(w, "This is not the page that fetchd waits for.", http.StatusNotFound)
			return
		}

		select {
		case came <- answer:
		default: // the browser came twice
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		// The address of this page holds the code.
		w.Header().Set("Referrer-Policy", "no-referrer")
		if err != nil {
			_, _ = fmt.Fprintln(w, "The login failed; fetchd says more in its window.")
			return
		}
		_, _ = fmt.Fprintln(w, "fetchd has what it needs. You can close this window.")
	})
}

// pastePort is in the address that the browser can't open when the answer is pasted.
const pastePort = 1

// Paste gets a grant by a browser on another machine, which can't come back: read returns the address where
// it ended, which the person copied.
func (k *Keeper) Paste(ctx context.Context, c Client, show func(address string),
	read func() (string, error)) error {
	v, err := k.newVisit(ctx, c, pastePort)
	if err != nil {
		return err
	}

	show(v.address())
	text, err := read()
	if err != nil {
		return err
	}
	came, err := url.Parse(text)
	if err != nil {
		return fetch.Fail(fetch.KindAuth, errors.New("oauth: what was pasted is no address"))
	}
	code, err := v.code(came.Query())
	if err != nil {
		return fetch.Fail(fetch.KindAuth, hints.Errorf("copy the whole address, from http:// on",
			"oauth: what was pasted: %w", err))
	}
	return k.exchange(ctx, v, code)
}
