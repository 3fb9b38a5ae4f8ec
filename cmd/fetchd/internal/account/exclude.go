package account

import (
	"fmt"
	"regexp"
	"strings"

	"fetchd/delivery"
	"fetchd/fetch/pattern"
	"fetchd/rcfile"
	"fetchd/tlsverify/hints"
)

// excludePattern is how long an expression may be: each header is matched with all of them.
const excludePattern = 1000

// fieldName is what a field of a header may be called (RFC 5322 section 3.6.8), without what would need
// quotes in IMAP.
var fieldName = pattern.New(`^[A-Za-z0-9!#$&'+./;<=>?@^_|~-]+$`)

// exclude is what the file's exclude says, in its order.
func exclude(u *rcfile.User) ([]delivery.HeaderPattern, error) {
	if len(u.Exclude)%2 != 0 {
		return nil, hints.Errorf(`write exclude "HEADER" "REGEX" for each`,
			"a header of exclude has no regular expression")
	}

	var all []delivery.HeaderPattern
	for i := 0; i < len(u.Exclude); i += 2 {
		p, err := headerPattern(u.Exclude[i].Value, u.Exclude[i+1].Value)
		if err != nil {
			return nil, fmt.Errorf("exclude %.100q: %w", u.Exclude[i].Value, err)
		}
		all = append(all, p)
	}
	return all, nil
}

func headerPattern(name, expression string) (p delivery.HeaderPattern, err error) {
	// Who writes it as it stands in messages means the same.
	name = strings.TrimSuffix(name, ":")
	if !fieldName().MatchString(name) {
		return p, hints.Errorf(`write it as in "List-Id"`, "this is no name of a header field")
	}
	if len(expression) > excludePattern {
		return p, fmt.Errorf("the regular expression has %d bytes, more than %d", len(expression),
			excludePattern)
	}
	pattern, err := regexp.Compile(expression)
	if err != nil {
		return p, hints.Add(err, "regular expressions are those of RE2, without back references")
	}
	return delivery.HeaderPattern{Field: name, Pattern: pattern}, nil
}
