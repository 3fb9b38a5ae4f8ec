package account

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"

	"fetchd/rcfile"
)

// settings identifies the configuration of one account for the life of this process, secrets included, so that a reload
// leaves alone what did not change. It is a keyed digest: nothing can be learnt from it.
func (r *Resolver) settings(poll *rcfile.Poll, u *rcfile.User) string {
	one := *poll
	one.Users = []rcfile.User{*u}
	mac := hmac.New(sha256.New, r.secret)
	cfg := &rcfile.Config{Polls: []rcfile.Poll{one}}
	if err := rcfile.Dump(mac, cfg, rcfile.DumpOptions{ShowSecrets: true}); err != nil {
		return rand.Text() // as if it had changed
	}
	return hex.EncodeToString(mac.Sum(nil))
}
