package login

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"fetchd/fetch/pattern"
	"fetchd/fetch/sasl"
	"fetchd/tlsverify/hints"
)

// refusal is a row of the table of refusals: what a server says, and what it means for the user. The server
// chooses the text, so it decides nothing but the error's kind and hint.
type refusal struct {
	name  string                // for the tests
	codes []string              // any of these, or
	says  func() *regexp.Regexp // in the code's arguments and the text,
	but   func() *regexp.Regexp // and not this
	kind  Kind
	hint  string // "" = what the login's own mechanism suggests

	forAll bool // see Reply.Exhausted
}

const (
	hintPasses   = "this is temporary; it is tried again next time"
	hintOperator = "waiting does not help; ask the server's operator"
	hintProxy    = "TLS is in use as far as a proxy before the server, it seems:" +
		" ask the operator to tell the server so"
)

// refusals is the one table, the most telling rows first: the first that fits counts. Codes are those of
// RFC 2449, 3206 and 5530; the words were seen on the servers named.
var refusals = []refusal{
	// What the user has to do at the provider.
	{name: "web login", codes: []string{"WEBALERT"}, // Gmail, with an address
		says: words(`web login required|(log|sign) in (via|with|through|using) (your|a) (web )?browser|` +
			`\blog ?in via (the )?web\b|\bcaptcha\b`),
		kind: KindAuth, forAll: true,
		hint: "log in once with a web browser, where the provider asks for something"},
	{name: "app password", // Gmail, Yahoo, iCloud, mail.ru; QQ and 163 (authorization code)
		says: words(`(app|application|device)([- ]specific)?[- ]password|authori[sz]ation code`),
		kind: KindAuth, hint: "make an app password at the provider and write it in place of your own"},
	{name: "switched off", // Gmail, Yandex, Zoho, GMX, Interia
		says: words(`\b(imap|pop3?)\b.{0,40}\b((switched|turned) off|disabled|` +
			`not (enabled|allowed|activated|permitted|available))|` +
			`\b(not|yet to) enabled? .{0,20}\b(imap|pop3?)\b|\b(yet to|please) enable (imap|pop3?)\b`),
		kind: KindAuth, hint: "switch IMAP or POP on in the provider's settings;" +
			" if it is on, user, password or token is wrong"},
	{name: "not connected", // Exchange Online
		says: words(`authenticated but not connected`),
		kind: KindAuth, forAll: true, // said to SELECT, behind a login that was accepted
		hint: "the login is known but has no right to this mailbox:" +
			" check the user, and the token's account and scopes"},
	{name: "no passwords", // Exchange Online
		says: words(`basic ?auth\w* (is )?(disabled|blocked)|basicauthblocked|` +
			`modern authentication|\boauth2? (is )?required`),
		kind: KindAuth, hint: "the provider no longer accepts passwords:" +
			" get a token and write auth \"xoauth2\""},
	{name: "expired", codes: []string{"EXPIRED"},
		says: words(`password (has |is )?expired`),
		kind: KindAuth, hint: "the password has expired: set a new one at the provider"},
	{name: rowPrivacy, codes: []string{"PRIVACYREQUIRED"},
		kind: KindTLS, hint: "the server wants TLS first: leave out \"sslproto ''\""},
	{name: "operator", codes: []string{"CONTACTADMIN", "SYS/PERM"},
		kind: KindServer, hint: hintOperator},

	// A wrong password, whatever the text says.
	{name: "wrong", codes: []string{"AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "AUTH"},
		kind: KindAuth},

	// Temporary trouble.
	{name: rowCrowded, // Dovecot, Cyrus, Courier; Gmail, which has no code for it
		says: words(`\bconnections\b.*\b(maximum|too many)\b|\b(maximum|too many)\b.*\bconnections\b`),
		kind: KindServer, hint: hintPasses},
	{name: "in use", codes: []string{"INUSE", "IN-USE", "LOGIN-DELAY"},
		// The words are of servers older than RFC 2449; a locked account is another matter, and stays locked.
		says: words(`\block(ed|ing)?\b|\bbusy\b|\bin use\b`), but: words(`\baccount\b`),
		kind: KindBusy, hint: hintPasses},
	{name: "quota", codes: []string{"LIMIT", "OVERQUOTA"},
		// Hotmail (Exceeded the login limit), Gmail (bandwidth limits), Yahoo (Rate limit hit), QQ (login
		// frequency limited), Exchange Online (Request is throttled. Suggested Backoff Time: …)
		says: words(`\b(login|rate|bandwidth|command|download|transfer)\b.{0,20}\b(limit|quota)|` +
			`\bfrequency limited\b|\btoo (many|frequent(ly)?)\b|\brate exceeded\b|\bdaily limit\b|` +
			`\bmaximum number of (login )?attempts\b|\bthrottled\b`),
		kind: KindServer, hint: hintPasses, forAll: true},
	{name: "later", codes: []string{"UNAVAILABLE", "SERVERBUG", "SYS/TEMP", "SYS"},
		// Exchange (Server Unavailable. 15), Gmail (System Error), Dovecot (Temporary authentication failure)
		says: words(`\bunavailable\b|\btemporar(y|ily)\b|\bmaintenance\b|` +
			`\b(again|back) later\b|\b(try again|retry) (after|in) \d|\b(system|server|internal) error\b`),
		kind: KindServer, hint: hintPasses},
}

// The rows that are more than a kind and a hint.
const (
	rowCrowded = "crowded" // see ErrCrowded
	rowPrivacy = "privacy" // means something else over TLS
)

func words(expression string) func() *regexp.Regexp { return pattern.New(`(?is)` + expression) }

func (row refusal) fits(r Reply) bool {
	if slices.Contains(row.codes, r.Code) {
		return true
	}
	text := r.Detail + " " + r.Text
	return row.says != nil && row.says().MatchString(text) && (row.but == nil || !row.but().MatchString(text))
}

// describeReply is the reply as errors show it.
func (a *attempt) describeReply(r Reply) string {
	code := ""
	if r.Code != "" {
		quoted := a.conn.Quoted([]byte(strings.TrimSpace(r.Code + " " + r.Detail)))
		// Quoted like all that a server says, but without the quotes: a code is known by its brackets.
		code = "[" + strings.ReplaceAll(strings.Trim(quoted, `"…`), `\"`, `"`) + "] "
		if address := a.conn.Address(r.Detail); address != "" {
			code = "[" + r.Code + " " + address + "] "
		}
	}
	text := a.conn.Quoted([]byte(r.Text))
	return fmt.Sprintf("%s: the server answers %s %s%s", r.Command, r.Word, code, text)
}

// row is the row that fits, or one of kind def.
func (a *attempt) row(r Reply, def Kind) refusal {
	row := r.row(def)
	switch {
	// Anybody on the way may have said it. What passes by itself does no harm; more is not believed, as it
	// would stop the retrieval for long, and send the user wherever it likes.
	case a.early() && row.hint != hintPasses:
		hint := fmt.Sprintf("it came before TLS and may be anybody's: try again, or write %s"+
			" if the server has TLS on port %d", a.o.Service.wrapWord(), a.o.Service.Wrapped)
		return refusal{kind: def, hint: hint}
	case a.conn.TLS() && row.name == rowPrivacy:
		return refusal{kind: KindServer, hint: hintProxy}
	}
	return row
}

// early tells whether TLS is still to come, so that what the server says is not proven to be its own.
func (a *attempt) early() bool { return a.o.TLS == StartTLS && !a.conn.TLS() }

// judged tells whether the server named the password or the user as the reason for a refusal.
func (r Reply) judged() bool {
	return slices.Contains([]string{"AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "AUTH", "EXPIRED"}, r.Code)
}

// row is the row that fits, or one of kind def.
func (r Reply) row(def Kind) refusal {
	for _, row := range refusals {
		if row.fits(r) {
			return row
		}
	}
	// Its own class of answer, where the table knows nothing better.
	if r.Passing {
		return refusal{kind: KindServer, hint: hintPasses}
	}
	return refusal{kind: def}
}

// refusal is the error of a reply that ends the way to the login. def is the kind of a refusal that the
// table does not know.
func (a *attempt) refusal(r Reply, def Kind) error {
	switch r.Status {
	case Ended:
		row := a.row(r, KindServer)
		err := fmt.Errorf("server ended the connection: %w",
			row.explain(errors.New(a.describeReply(r)), row.hint))
		if a.stage == AtLogin && row.name == "" && !r.Passing {
			err = marked{err, ErrNoVerdict}
		}
		return Fail(row.kind, a.conn.Break(err))
	case Refused:
		row := a.row(r, def)
		return Fail(row.kind, row.explain(errors.New(a.describeReply(r)), row.hint))
	}
	return Fail(KindProtocol, a.conn.Break(fmt.Errorf("%s, which is no answer to it", a.describeReply(r))))
}

// loginRefusal is the error of a refused login.
func (a *attempt) loginRefusal(r Reply, t *try) error {
	if r.Status != Refused {
		return a.refusal(r, KindServer)
	}

	row := a.row(r, KindAuth)
	hint := row.hint
	if hint == "" {
		hint = a.hint(t)
	}
	err := fmt.Errorf("login as %q refused: %s", a.o.User, a.describeReply(r))
	err = Fail(row.kind, row.explain(err, hint))
	if row.notJudged() && !r.judged() {
		err = marked{err, ErrNotJudged}
	}
	return err
}

// hint is what to check after a refusal that gives no reason.
func (a *attempt) hint(t *try) string {
	switch {
	case sasl.IsToken(t.mechanism):
		return "the token was refused: get a fresh one, for this user and with the right to read mail"
	case a.o.Auth == "external":
		return "check the user and the client certificate (sslcert) in the rc file"
	case !t.mechanism.ClearText() && !a.proven():
		return "check user and password in the rc file; if they are right, the server may know the password" +
			" only as a hash: name its key by sslpin, or write auth \"password\""
	case !t.mechanism.ClearText():
		return "check user and password in the rc file; if they are right, write auth \"password\""
	}
	return "check user and password in the rc file"
}

// explain adds to err what the row knows.
func (row refusal) explain(err error, hint string) error {
	err = hints.Add(err, hint)
	if row.name == rowCrowded {
		err = fmt.Errorf("%w: %w", ErrCrowded, err)
	}
	return err
}
