package oauth

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"fetchd/fetch"

	"golang.org/x/oauth2"
)

// Keeper keeps the grants in a directory of its own. Its methods may be called concurrently, also by other
// processes with the same directory. Their errors have a Kind.
type Keeper struct {
	Dir string

	// For tests: the zero values are right.
	HTTP      *http.Client
	Now       func() time.Time
	Providers map[string]provider // in place of the known ones

	unsaved sync.Map     // grants that could not be written, by fileName: they may be the only good ones
	retried atomic.Int64 // when Retry was called last, in nanoseconds of Unix time
}

// A grant that the provider calls dead is tried again once a day: some have called good ones so for a while.
const deadFor = 24 * time.Hour

// tooSoon is how old an access token must be before it is replaced because a mail server refused it: a server
// that refuses them all must not make us ask for one at each pass.
const tooSoon = 5 * time.Minute

var (
	errNobody    = errors.New("nobody has logged in yet")
	errNoRefresh = errors.New("the grant has ended, and there is no refresh token")
)

func (k *Keeper) now() time.Time {
	if k.Now != nil {
		return k.Now()
	}
	return time.Now()
}

func (k *Keeper) client(c Client) *http.Client {
	if k.HTTP != nil {
		return k.HTTP
	}
	return c.newHTTPClient()
}

func (k *Keeper) provider(c Client) (provider, bool) {
	if p, ok := k.Providers[c.Provider]; ok {
		return p, true
	}
	return known(c)
}

// with is the context of requests that the library makes.
func (k *Keeper) with(ctx context.Context, c Client) context.Context {
	return context.WithValue(ctx, oauth2.HTTPClient, k.client(c))
}

// Token returns an access token that is good for a login now. It is on disk, and so is the refresh token that
// came with it. What stands in the way is told by the error's Kind: KindGrant if somebody has to log in,
// KindClient if the rc file's words about the client are wrong, KindNetwork if it passes.
func (k *Keeper) Token(ctx context.Context, c Client) (string, error) {
	// Without the lock: the file is replaced by a rename, so it is whole, and most logins need no more.
	if g, err := k.read(c); err == nil && g.isFresh(k.now()) {
		return g.Access.Reveal(), nil
	}
	return k.refreshed(ctx, c, "")
}

// Renew is Token after the mail server has refused an access token. It returns the same one if it is useless
// to ask for another.
func (k *Keeper) Renew(ctx context.Context, c Client, refused string) (string, error) {
	return k.refreshed(ctx, c, refused)
}

// Retry makes all grants that the providers called dead be tried once more.
func (k *Keeper) Retry() { k.retried.Store(k.now().UnixNano()) }

// refreshed returns the grant's access token, or gets another one if it is not fresh, or is the refused one.
func (k *Keeper) refreshed(ctx context.Context, c Client, refused string) (string, error) {
	patient, cancel := context.WithTimeout(ctx, lockPatience)
	unlock, err := k.lock(patient, c)
	cancel()
	if err != nil {
		return "", err
	}
	defer unlock()

	// Another process or goroutine may have been here meanwhile.
	g, err := k.read(c)
	switch {
	case errors.Is(err, fs.ErrNotExist) && c.Flow.NeedsUser():
		return "", c.needsLogin(errNobody)
	case errors.Is(err, fs.ErrNotExist):
		g = &grant{}
	case errors.Is(err, errDamaged):
		return "", c.needsLogin(err)
	case err != nil:
		return "", fetch.Fail(fetch.KindJournal, err)
	}

	if g, err = k.saveAgain(c, g); err != nil {
		return "", err
	}

	now := k.now()
	if g.isFresh(now) && g.Access.Reveal() != refused {
		return g.Access.Reveal(), nil
	}
	// A new one would be refused as well: this one is hardly older.
	if refused != "" && g.isGood(now) && now.Sub(g.Obtained) < tooSoon {
		return refused, nil
	}
	// Where no request may be made, an older token may still do: it is replaced well before it expires.
	if err := k.mayAsk(c, g); err != nil {
		return k.makeDo(g, refused, err)
	}

	if err := k.renew(ctx, c, g); err != nil {
		return k.makeDo(g, refused, err)
	}
	return g.Access.Reveal(), nil
}

// makeDo returns the access token that there is, if it is still good, or else err.
func (k *Keeper) makeDo(g *grant, refused string, err error) (string, error) {
	if access := g.Access.Reveal(); g.isGood(k.now()) && access != refused {
		return access, nil
	}
	return "", err
}

// mayAsk returns the error of a grant for which no request is made now.
func (k *Keeper) mayAsk(c Client, g *grant) error {
	t := g.Trouble
	now := k.now()
	switch {
	case c.Flow.NeedsUser() && g.Refresh.IsZero():
		return c.needsLogin(errNoRefresh)
	case t.isDead(now) && k.retried.Load() <= t.Since.UnixNano():
		return c.needsLogin(fmt.Errorf("since %s: %s", t.Since.Format(time.DateTime), t.Reason))
	// A longer wait was noted while the clock was wrong.
	case now.Before(t.Wait) && t.Wait.Sub(now) <= maxWait:
		return fetch.Fail(fetch.KindNetwork, fmt.Errorf("oauth: the provider wants no request before %s: %s",
			t.Wait.Format(time.TimeOnly), t.Reason))
	}
	return nil
}

// renew asks for another access token, and has the grant on disk before it returns. A request that is under
// way is not given up with ctx: its answer may hold the only refresh token that is good from then on.
func (k *Keeper) renew(ctx context.Context, c Client, g *grant) error {
	// Before the request: a full disk is found out while the old token is still good.
	d, err := k.newDraft(c, g)
	if err != nil {
		return fetch.Fail(fetch.KindJournal, fmt.Errorf("there is no place for a new token: %w", err))
	}

	next := *g
	token, err := k.request(context.WithoutCancel(ctx), c, g)
	if err == nil {
		next.take(token, k.now())
	} else {
		next.Trouble, err = c.judge(err, k.now(), g)
	}

	// Also after a failure: the other processes are to know it, and not ask too.
	if saveErr := d.settle(&next); saveErr != nil {
		k.unsaved.Store(c.fileName(), &next) // the old token may be worth nothing any more
		return fetch.Fail(fetch.KindJournal, fmt.Errorf("keep the new token: %w", saveErr))
	}
	*g = next
	return err
}

// saveAgain returns the grant that could not be written before, once it is, or else g. The caller has the
// lock.
func (k *Keeper) saveAgain(c Client, g *grant) (*grant, error) {
	kept, ok := k.unsaved.Load(c.fileName())
	if !ok {
		return g, nil
	}

	newer := kept.(*grant)
	if !newer.Obtained.After(g.Obtained) { // somebody has logged in again meanwhile
		k.unsaved.Delete(c.fileName())
		return g, nil
	}
	d, err := k.newDraft(c, newer)
	if err == nil {
		err = d.settle(newer)
	}
	if err != nil {
		return nil, fetch.Fail(fetch.KindJournal, fmt.Errorf("keep the new token: %w", err))
	}
	k.unsaved.Delete(c.fileName())
	return newer, nil
}

// request makes the one request of a refresh.
func (k *Keeper) request(ctx context.Context, c Client, g *grant) (*oauth2.Token, error) {
	token, err := k.newToken(ctx, c, g)
	if err == nil {
		err = checkToken(token)
	}
	return token, err
}

func (k *Keeper) newToken(ctx context.Context, c Client, g *grant) (*oauth2.Token, error) {
	if !c.Flow.NeedsUser() {
		return k.requestAlone(ctx, c)
	}

	secret, err := c.secret(ctx)
	if err != nil {
		return nil, err
	}
	old := &oauth2.Token{RefreshToken: g.Refresh.Reveal()}
	return c.config(g.From, secret).TokenSource(k.with(ctx, c), old).Token()
}
