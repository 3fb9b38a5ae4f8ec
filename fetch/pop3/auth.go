package pop3

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"fetchd/fetch"
	"fetchd/fetch/sasl"
)

const (
	// maxCommand is the longest command line that a server must take (RFC 2449 section 4).
	maxCommand = 255
	// maxChallenges bounds a SASL exchange; the longest one in use has three.
	maxChallenges = 8
)

// exchange logs in with m. Where the error has KindAuth and the connection is sound, another mechanism can be tried.
func (s *session) exchange(m sasl.Mechanism, cred sasl.Credentials) error {
	if m.ClearText() && !s.c.TLS() && s.a.TLS != fetch.ClearText {
		return fetch.Fail(fetch.KindTLS, errors.New("refused to send the password over a connection that is not verified"))
	}
	if _, own := m.(sasl.ProtocolLogin); own {
		return s.userPass(cred)
	}
	name, initial, err := m.Start()
	if err != nil {
		return fetch.Fail(fetch.KindAuth, err)
	}
	line := "AUTH " + name
	if full := line + " " + sasl.EncodeInitial(initial); initial != nil && len(full)+2 <= maxCommand {
		err = s.c.WriteLine(full, line+" ***")
		initial = nil
	} else {
		err = s.c.WriteLine(line, "")
	}
	if err != nil {
		return network(line, err)
	}
	return s.challenges(m, line, initial)
}

// challenges answers the server until it says +OK or -ERR. initial, if not nil, answers the first challenge.
func (s *session) challenges(m sasl.Mechanism, line string, initial []byte) error {
	for range maxChallenges {
		answer, err := s.c.ReadLine(0)
		if err != nil {
			return network(line, err)
		}
		kind, text, err := parseReply(s.c, answer)
		switch {
		case err != nil:
			return outOfStep(s.c, fmt.Errorf("%s: %w", line, err))
		case kind == replyErr:
			return classify(replyError(s.c, line, text), fetch.KindAuth)
		case kind == replyOK:
			if err := m.Finish(); err != nil {
				return fetch.Fail(fetch.KindAuth, s.c.Break(err))
			}
			return nil
		}
		response := initial
		if initial == nil {
			response, err = next(m, text)
		}
		initial = nil
		if err != nil {
			return s.cancel(line, err)
		}
		if err := s.c.WriteLine(sasl.EncodeResponse(response), "***"); err != nil {
			return network(line, err)
		}
	}
	return s.cancel(line, fmt.Errorf("more than %d challenges", maxChallenges))
}

func next(m sasl.Mechanism, text []byte) ([]byte, error) {
	challenge, err := sasl.DecodeChallenge(text)
	if err != nil {
		return nil, err
	}
	return m.Next(challenge)
}

// cancel ends an exchange because of err, so that the server takes the next command as a command (RFC 5034 section 4).
func (s *session) cancel(line string, err error) error {
	err = s.c.CleanError(err)
	failed := fetch.Fail(fetch.KindAuth, fmt.Errorf("%s: %w", line, err))
	if errors.Is(err, sasl.ErrWrongProof) {
		return fetch.Fail(fetch.KindAuth, s.c.Break(failed))
	}
	if err := s.c.WriteLine("*", ""); err != nil {
		return network(line, err)
	}
	if _, err := readReply(s.c, line); err == nil {
		return fetch.Fail(fetch.KindProtocol, s.c.Break(fmt.Errorf("%s: the server accepts a login that was cancelled", line)))
	}
	return failed
}

// userPass logs in with USER and PASS, in one go where the server pipelines.
func (s *session) userPass(cred sasl.Credentials) error {
	if err := cred.Check(); err != nil {
		return fetch.Fail(fetch.KindAuth, err)
	}
	together := s.pipelining()
	if err := s.c.WriteLine("USER "+cred.User, ""); err != nil {
		return network("USER", err)
	}
	if together {
		if err := s.c.WriteLine("PASS "+cred.Password, "PASS ***"); err != nil {
			return network("PASS", err)
		}
	}
	_, userErr := readReply(s.c, "USER")
	if userErr != nil && (!together || s.c.Err() != nil) {
		return classify(userErr, fetch.KindAuth)
	}
	if !together {
		if err := s.c.WriteLine("PASS "+cred.Password, "PASS ***"); err != nil {
			return network("PASS", err)
		}
	}
	_, err := readReply(s.c, "PASS")
	if userErr != nil && s.c.Err() == nil {
		err = userErr
	}
	return classify(err, fetch.KindAuth)
}

// timestamp is a msg-id as RFC 1939 section 7 wants it. Anything else may be an attacker's choice of text, which MD5
// gives the password away to (CVE-2007-1558).
var timestamp = regexp.MustCompile(`<[A-Za-z0-9!#$%&'*+/=?^_{|}~.-]+@[A-Za-z0-9.\[\]:-]+>`)

// apop logs in with APOP, over TLS only.
func (s *session) apop(ctx context.Context, greeting string) error {
	if !s.c.TLS() {
		return fetch.Fail(fetch.KindConfig, errors.New("auth \"apop\" is too weak without TLS; hint: use TLS, and leave \"auth\" out"))
	}
	stamp := timestamp.FindString(greeting)
	if stamp == "" || strings.Count(greeting, "<") != 1 || strings.Count(greeting, ">") != 1 {
		return fetch.Fail(fetch.KindAuth, errors.New("auth \"apop\": the server's greeting over TLS has no well-formed timestamp; hint: leave \"auth\" out"))
	}
	cred, err := s.credentials(ctx)
	if err != nil {
		return err
	}
	if err := cred.Check(); err != nil {
		return fetch.Fail(fetch.KindAuth, err)
	}
	digest := md5.Sum([]byte(stamp + cred.Password))
	if err := s.c.WriteLine("APOP "+cred.User+" "+hex.EncodeToString(digest[:]), "APOP "+cred.User+" ***"); err != nil {
		return network("APOP", err)
	}
	_, err = readReply(s.c, "APOP")
	return s.refused(classify(err, fetch.KindAuth))
}
