package account

import (
	"context"
	"errors"
	"time"

	"fetchd/cmd/fetchd/internal/shell"
	"fetchd/fetch"
	"fetchd/tlsverify/hints"
)

const (
	hookTimeout = 5 * time.Minute // for preconnect and postconnect; a dial-up line or a tunnel takes its time
	hookOutput  = 4 << 10         // how many bytes of their output are kept
)

// runHooks returns a Connector that runs pre before it connects and post after the session was closed; "" is
// no command. If pre fails, the retrieval ends before it begins, as in fetchmail.
func runHooks(connect fetch.Connector, pre, post string) fetch.Connector {
	if pre == "" && post == "" {
		return connect
	}

	return func(ctx context.Context, a *fetch.Account) (fetch.Session, error) {
		if err := runHook(ctx, "preconnect", pre); err != nil {
			return nil, err
		}

		// postconnect often undoes what preconnect did, such as a tunnel: it runs even after ctx has ended.
		late, cancel := fetch.WithGrace(ctx)
		s, err := connect(ctx, a)
		if err != nil {
			defer cancel()
			// The error of connect comes first: it says what went wrong, and errors are classified by the
			// first kind found.
			return nil, errors.Join(err, runHook(late, "postconnect", post))
		}

		h := hookedSession{Session: s, ctx: late, cancel: cancel, post: post}
		// Embedding the interface Session would hide that a session is a Watcher too, and the account would
		// poll instead of waiting in IDLE.
		if w, ok := s.(fetch.Watcher); ok {
			return struct {
				hookedSession
				fetch.Watcher
			}{h, w}, nil
		}

		return h, nil
	}
}

// hookedSession runs post after it was closed.
type hookedSession struct {
	fetch.Session
	ctx    context.Context // of post; a Session's Close has none
	cancel context.CancelFunc
	post   string
}

func (h hookedSession) Close() error {
	defer h.cancel()
	// First the close, then the hook: it may take down the line that the QUIT or LOGOUT goes over.
	return errors.Join(h.Session.Close(), runHook(h.ctx, "postconnect", h.post))
}

// runHook runs command through the shell, as fetchmail does. If it fails, its output is part of the error.
func runHook(ctx context.Context, name, command string) error {
	if command == "" {
		return nil
	}

	out := &shell.Output{Limit: hookOutput}
	err := shell.Run(ctx, command, hookTimeout, out, out)
	if err == nil {
		return nil
	}
	// The output is cut and quoted: a hook may print anything, and this goes into a log and into a mail.
	return fetch.Fail(fetch.KindConfig, hints.Errorf("try the command by hand",
		"%s %q: %w%s", name, command, err, shell.Printed(out.String())))
}
