package delivery

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"fetchd/fetch/login/imapline"
	"fetchd/fetch/pattern"
	"fetchd/tlsverify/hints"
)

// enter makes a folder the one that messages go to.
func (s *appendSession) enter(name string) error {
	if f := s.folders[name]; f != nil {
		s.folder = f
		return nil
	}

	text, err := s.wireName(name)
	if err != nil {
		return err
	}

	f := &appendFolder{name: name, wire: text}
	// Known before the first message: a server that refuses one in the middle often ends the connection.
	if f.limit, err = s.limit(f); err != nil {
		return err
	}
	s.folder, s.folders[name] = f, f
	return nil
}

// wireName is a folder's name as the server wants it, in quotes.
func (s *appendSession) wireName(name string) (string, error) {
	name = imapline.DecodeName(name)
	if strings.Contains(name, "/") {
		if err := s.learnSeparator(); err != nil {
			return "", err
		}
		name = strings.ReplaceAll(name, "/", s.separator)
	}
	return imapline.Quote(imapline.EncodeName(name)), nil
}

// listed finds the separator in a LIST response.
var listed = pattern.New(`(?i)^\* LIST \([^)]*\) "(\\?.)" `)

// learnSeparator asks for the character between the levels of names (RFC 9051 section 6.3.9). A server
// without levels gets the names as they are.
func (s *appendSession) learnSeparator() error {
	if s.separator != "" {
		return nil
	}
	// Set before the question: no answer means that the server has no levels.
	s.separator = "/"
	_, err := s.run(`LIST "" ""`, func(r *response) error {
		if m := listed().FindSubmatch(r.line); m != nil {
			s.separator = strings.TrimPrefix(string(m[1]), `\`)
		}
		return nil
	})
	return err
}

// appendLimit finds the limit in a STATUS response.
var appendLimit = pattern.New(`(?i)[ (]APPENDLIMIT (\d{1,18})[ )]`)

// limit is the largest message that a folder takes (RFC 7889), 0 for any.
func (s *appendSession) limit(f *appendFolder) (limit int64, err error) {
	for _, word := range s.caps {
		// With a number in the capability it holds for all folders; without one each is asked (RFC 7889
		// section 3).
		if n, ok := strings.CutPrefix(word, "APPENDLIMIT="); ok {
			limit, _ := strconv.ParseInt(n, 10, 64)
			return max(0, limit), nil
		}
	}

	if !s.has("APPENDLIMIT") {
		return 0, nil
	}
	_, err = s.run("STATUS "+f.wire+" (APPENDLIMIT)", func(r *response) error {
		if m := appendLimit().FindSubmatch(slices.Concat(r.line, r.rest)); m != nil {
			limit, _ = strconv.ParseInt(string(m[1]), 10, 64)
		}
		return nil
	})
	return limit, err
}

// findFolder looks whether the folder is there to which the server took no message, without a word why: not
// all have a code for that.
func (s *appendSession) findFolder(it *appendItem) error {
	if !it.unexplained {
		return nil
	}
	there, err := s.mayBeThere()
	if err == nil && !there {
		problem, _ := hints.Split(it.err)
		it.fail(lacksFolder.of(errors.New(problem)))
	}
	return err
}

// hintCreate is for a server that refuses to make a folder.
const hintCreate = "make it there, or name another one; with some servers all are below INBOX, as INBOX/Work"

// create makes the folder of a message, and subscribes to it so that mail readers show it. It gives the
// message its error where the server refuses to.
func (s *appendSession) create(it *appendItem) (made bool, err error) {
	got, err := s.run("CREATE "+s.folder.wire, nil)
	if err != nil {
		return false, err
	}
	// Another connection may have made it meanwhile.
	if got.Word != "OK" && got.Code != "ALREADYEXISTS" {
		it.fail(appendRefusal{class: Unusable, hint: hintCreate, folder: true}.of(s.refusal("CREATE", got)))
		return false, nil
	}
	// A refusal does not matter: the folder is there, and takes the message.
	_, err = s.run("SUBSCRIBE "+s.folder.wire, nil)
	return err == nil, err
}
