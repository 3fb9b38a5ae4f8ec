package oauth

import (
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// State is how a grant is doing, for people.
type State struct {
	Condition Condition
	Expiry    time.Time // of the access token; zero = there is none
	Refreshes bool      // another one comes by itself
	Reason    string    // of any Condition but OK
	Since     time.Time // likewise
}

// State tells how the client's grant is doing, without asking anybody.
func (k *Keeper) State(c Client) State {
	g, err := k.read(c)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !c.Flow.NeedsUser():
		return State{Condition: OK, Refreshes: true}
	case errors.Is(err, fs.ErrNotExist):
		return State{Condition: NoLogin, Reason: "run: fetchd login " + c.Account}
	case err != nil:
		return State{Condition: NeedsLogin, Reason: err.Error()}
	case c.Flow.NeedsUser() && g.Refresh.IsZero() && !g.isGood(k.now()):
		return State{Condition: NeedsLogin, Reason: errNoRefresh.Error()}
	}

	s := State{
		Condition: OK, Expiry: g.Expiry, Refreshes: !c.Flow.NeedsUser() || !g.Refresh.IsZero(),
		Reason: g.Trouble.Reason, Since: g.Trouble.Since,
	}
	if g.Trouble.Condition != "" {
		s.Condition = g.Trouble.Condition
	}
	return s
}

// String describes the state in a line.
func (s State) String() string {
	text := string(s.Condition)
	if !s.Since.IsZero() {
		text += " since " + s.Since.Local().Format(time.DateTime)
	}
	if s.Reason != "" {
		text += ": " + s.Reason
	}
	switch {
	case s.Condition != OK || s.Expiry.IsZero():
	case s.Refreshes:
		text += ", access token until " + s.Expiry.Local().Format(time.DateTime) + ", then the next one"
	default:
		text += ", until " + s.Expiry.Local().Format(time.DateTime)
	}
	return text
}

// Stamp changes when somebody logs in again. It does not when a token is refreshed, or when that fails.
func (k *Keeper) Stamp(c Client) string {
	g, err := k.read(c)
	if err != nil {
		return ""
	}
	return g.Granted.Format(time.RFC3339Nano)
}

// Missing is the error of a client for which somebody has to log in and nobody has yet.
func (k *Keeper) Missing(c Client) error {
	if !c.Flow.NeedsUser() {
		return nil
	}
	if _, err := k.read(c); errors.Is(err, fs.ErrNotExist) {
		return c.needsLogin(errNobody)
	}
	return nil // what else is wrong is told when a token is asked for
}

// Check returns what keeps the client from getting a token, as far as that is known.
func (k *Keeper) Check(c Client) error {
	switch s := k.State(c); s.Condition {
	case NoLogin:
		return c.needsLogin(errNobody)
	case NeedsLogin:
		return c.needsLogin(errors.New(s.Reason))
	case ClientWrong:
		return fmt.Errorf("oauth: the provider refused the client: %s", s.Reason)
	}
	if err := c.web().CheckCAFile(); err != nil {
		return err
	}
	if c.Flow == FlowKey {
		_, err := readKeyFile(c.KeyFile)
		return err
	}
	return nil
}
