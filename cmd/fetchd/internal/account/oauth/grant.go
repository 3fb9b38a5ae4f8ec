package oauth

import (
	"encoding/json"
	"errors"
	"time"

	"fetchd/rcfile"

	"golang.org/x/oauth2"
)

// A token is replaced before it expires: after four fifths of its life, but at most five minutes early.
const (
	maxAhead = 5 * time.Minute
	// unknownLife is assumed of a token whose provider does not say how long it is good.
	unknownLife = 30 * time.Minute
	// maxLife bounds what a provider says, so that a token that is good for ever is renewed now and then.
	maxLife = 24 * time.Hour
)

// grant is what is known about a grant: the content of its file.
type grant struct {
	Access   rcfile.Secret // zero = none
	Refresh  rcfile.Secret // likewise
	Obtained time.Time     // when Access came
	Expiry   time.Time     // of Access
	Granted  time.Time     // when somebody consented
	From     provider      // whose endpoints the consent came from

	Trouble trouble // the last failure; the zero value = none since Access came
}

// trouble is why the last request failed.
type trouble struct {
	Condition Condition `json:"condition,omitempty"`
	Reason    string    `json:"reason,omitempty"`
	Since     time.Time `json:"since,omitzero"`
	Wait      time.Time `json:"wait,omitzero"` // no request before, as the provider wishes
}

// isDead tells whether it is useless to ask again now.
func (t trouble) isDead(now time.Time) bool {
	// In the future it was noted while the clock was wrong.
	return t.Condition == NeedsLogin && !t.Since.After(now) && now.Before(t.Since.Add(deadFor))
}

// record is a grant in its file. There alone the tokens are readable.
type record struct {
	Access   string    `json:"access_token,omitempty"`
	Refresh  string    `json:"refresh_token,omitempty"`
	Obtained time.Time `json:"obtained,omitzero"`
	Expiry   time.Time `json:"expiry,omitzero"`
	Granted  time.Time `json:"granted,omitzero"`
	From     provider  `json:"provider,omitzero"`
	Trouble  trouble   `json:"trouble,omitzero"`
}

func (g *grant) encode() ([]byte, error) {
	return json.Marshal(record{
		Access: g.Access.Reveal(), Refresh: g.Refresh.Reveal(), Obtained: g.Obtained, Expiry: g.Expiry,
		Granted: g.Granted, From: g.From, Trouble: g.Trouble,
	})
}

var errDamaged = errors.New("the file is damaged")

func decode(text []byte) (*grant, error) {
	var r record
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, errDamaged // the library's error may quote a token
	}
	return &grant{
		Access: rcfile.NewSecret(r.Access), Refresh: rcfile.NewSecret(r.Refresh), Obtained: r.Obtained,
		Expiry: r.Expiry, Granted: r.Granted, From: r.From, Trouble: r.Trouble,
	}, nil
}

// take puts a new pair in the place of the old one. The refresh token stays if no new one came.
func (g *grant) take(t *oauth2.Token, now time.Time) {
	life := time.Duration(t.ExpiresIn) * time.Second
	if t.ExpiresIn == 0 && !t.Expiry.IsZero() { // from an answer that is a form
		life = time.Until(t.Expiry).Round(time.Second)
	}
	if life <= 0 {
		life = unknownLife
	}
	g.Access, g.Obtained, g.Expiry = rcfile.NewSecret(t.AccessToken), now, now.Add(min(life, maxLife))
	// A provider that does not rotate refresh tokens sends none (RFC 6749 section 6).
	if t.RefreshToken != "" {
		g.Refresh = rcfile.NewSecret(t.RefreshToken)
	}
	g.Trouble = trouble{}
}

// isFresh tells whether the access token needs no other in its place yet.
func (g *grant) isFresh(now time.Time) bool {
	// A part of its life and not a fixed time: a token for five minutes would never be fresh otherwise.
	ahead := min(g.Expiry.Sub(g.Obtained)/5, maxAhead)
	return g.isGood(now) && now.Before(g.Expiry.Add(-ahead))
}

// isGood tells whether there is an access token that has not expired. One from the future comes from a clock
// that was wrong.
func (g *grant) isGood(now time.Time) bool {
	return !g.Access.IsZero() && now.Before(g.Expiry) && !g.Obtained.After(now.Add(time.Minute))
}
