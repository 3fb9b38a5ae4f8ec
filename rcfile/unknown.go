package rcfile

import (
	"iter"
	"strings"
)

const needsQuotes = "a value that holds , ; : or = needs quotes"

// concealed stands for a word in a message that may be a password whose keyword was forgotten or misspelt.
// Words are shown that are nearly a keyword which takes no secret, and those that stand where no user's
// options do, or behind the password.
const concealed = "(not shown: it may be a secret)"

const hintPassword = `if it is the password, write "password" before it; else `

// unknown reports a word that isn't a keyword where one must stand.
func (p *parser) unknown(w word, candidates iter.Seq[string], otherwise string) {
	if p.behindQuoted(w) {
		return
	}

	hint, isSlip := guess(w.text, candidates)
	switch {
	case w.before == ':' && strings.HasPrefix(w.text, "//") && p.last == Flag:
		hint = `write the server's name alone; "protocol" and "ssl" say the rest`
	case w.before == ':' && w.text != "" && strings.Trim(w.text, "0123456789") == "" && !p.isPrivate(w):
		hint = "write port " + clip(w.text)
	case w.equals && strings.IndexByte(blanks, w.before) >= 0:
		hint = `leave "=" out`
	case w.before != 0 && strings.IndexByte(ignored+"=", w.before) >= 0, w.equals:
		hint = needsQuotes
	case hint == "" && isUnit(p.last, w.text):
		hint, isSlip = numberHint(p.last), true
	case hint == "" && p.isPrivate(w):
		hint = hintPassword + otherwise
	case hint == "":
		hint = otherwise
	}

	switch {
	case p.last == Private:
		p.err(w.pos, "unknown word after a secret", hint)
	case p.isPrivate(w) && !isSlip:
		p.err(w.pos, "unknown word "+concealed, hint)
	case w.quoted:
		p.errf(w.pos, otherwise, "unexpected text %q", clip(w.text))
	default:
		p.errf(w.pos, hint, "unknown word %q", clip(w.text))
	}
}

// isPrivate tells whether w may be a password: it stands where one is still to come, and it is none of the
// grammar's own.
func (p *parser) isPrivate(w word) bool {
	if w.equals || w.end {
		return false
	}
	if p.place == inServer {
		return p.entry.poll != nil && p.entry.poll.awaitsPassword()
	}
	return !p.entry.user.namesPassword() || p.entry.user.awaitsPassword()
}

// awaitsPassword tells whether a login at a mail server is named, and no password for it.
func (p *Poll) awaitsPassword() bool {
	return p.ESMTPName.Set && !p.ESMTPPassword.Set && !p.ESMTPEval.Set && !p.ESMTPFile.Set
}

// awaitsPassword tells whether something is named, beside the mailbox, that may need a password, and none.
func (u *User) awaitsPassword() bool {
	return u.SSLKey.Set && !u.SSLKeyPass.Set || u.OAuthClient.Set && !u.OAuthSecret.Set ||
		u.Append.Set && !u.AppendPassword.Set && !u.AppendEval.Set && !u.AppendFile.Set
}

// namesPassword tells whether it is said what the password is, or where it comes from.
func (s *Secrets) namesPassword() bool {
	return s.Password.Set || s.PasswordEval.Set || s.PasswordFile.Set || s.PasswordFD.Set || s.OAuth.Set
}

// guess is a hint for an unknown word, "" if it looks like none that we know. isSlip tells whether it is
// nearly a keyword, and none that a secret follows: then it is no secret itself.
func guess(text string, candidates iter.Seq[string]) (hint string, isSlip bool) {
	if hint := habit(text); hint != "" {
		return hint, true
	}

	name := Nearest(text, candidates)
	if name == "" {
		return "", false
	}
	f, _ := words.lookup(name, false)
	return didYouMean(name), f.Keyword == nil || f.Kind != Private
}

// behindQuoted reports a word that begins where quoted text ends, without a blank between. Mostly the text
// lacked its second quote mark and took the first one of a later text for it, so that the word may be of a
// secret and must not be shown.
func (p *parser) behindQuoted(w word) bool {
	if w.before != '"' && w.before != '\'' || w.text == "" {
		return false
	}
	p.errf(w.pos, "look for a quote mark that is missing in what is quoted at "+p.quoteAt.String(),
		"text goes on straight after quoted text")
	return true
}

// afterUser reports a word behind "user NAME" that is no option.
func (p *parser) afterUser(w word) {
	const list = `write "user NAME … here" for a list of local names`
	hint, isSlip := guess(w.text, yieldWords(func(k *Keyword) bool { return k.Scope == Login }))
	switch {
	case hint != "":
		hint += " or "
	case strings.IndexByte(ignored, w.before) >= 0:
		hint = needsQuotes + "; "
	default:
		hint = hintPassword
	}

	if w.equals || w.end || isSlip {
		p.errf(w.pos, hint+list, "%s after a user's name is not an option", described(w))
		return
	}
	p.err(w.pos, "the word after a user's name is not an option "+concealed, hint+list)
}

// withoutSecret cuts text off behind the first word in it that a secret follows: with a quote mark too many,
// a value is all of the file up to the next one. A text that is nearly a keyword stays as it is.
func withoutSecret(text string) string {
	end := len(text)
	for i := range keywords {
		k := &keywords[i]
		if k.Kind != Private {
			continue
		}
		for _, name := range append([]string{k.Name}, k.Aliases...) {
			if n := strings.Index(text, name); n >= 0 {
				end = min(end, n+len(name))
			}
		}
	}

	isWord := func(*Keyword) bool { return true }
	if hint, _ := guess(text, yieldWords(isWord)); hint != "" || end == len(text) {
		return text
	}

	return text[:end] + "…"
}
