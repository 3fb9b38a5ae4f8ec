package account

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"

	"fetchd/rcfile"
)

// settings identifies the configuration of one account, secrets included, for the life of this process, so
// that a reload leaves unchanged accounts alone. It is a keyed digest that reveals nothing.
func (r *Resolver) settings(poll *rcfile.Poll, u *rcfile.User) string {
	// A single pass never reloads, and the digest takes as long as the rest of the account.
	if !r.env.Remember {
		return ""
	}

	one := *poll
	one.Users = []rcfile.User{*u}
	mac := hmac.New(sha256.New, r.secret)
	if isMultidrop(u) {
		// It is one of the file's "set" options, and yet a recipient of this account.
		mac.Write([]byte(r.postmasterName()))
	}
	// It has every setting, also those that are added one day: a list of fields kept here would miss them.
	if err := rcfile.DumpPoll(mac, &one, rcfile.DumpOptions{ShowSecrets: true}); err != nil {
		return rand.Text() // as if it had changed
	}
	return hex.EncodeToString(mac.Sum(nil))
}
