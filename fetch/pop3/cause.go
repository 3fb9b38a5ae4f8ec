package pop3

import (
	"context"
	"fmt"

	"fetchd/fetch"
	"fetchd/fetch/wire"
)

// cause finds out why the server ended the connection after the login: it may have said so unasked, while we
// were still writing. Then its words were taken for the answer to the first command, or nobody has read them.
func (s *session) cause(ctx context.Context, err error) error {
	// Only for a connection that the server ended: where it is silent, or we have ended it, it said nothing.
	if s.c.Err() == nil || ctx.Err() != nil || fetch.KindOf(err) != fetch.KindNetwork || wire.IsTimeout(err) {
		return err
	}

	said := s.noCAPA
	for _, line := range s.c.LastWords() {
		kind, text, perr := parseReply(s.c, line)
		if perr == nil && kind == replyErr {
			said = replyError(s.c, "behind the login", text)
		}
	}

	if said == nil {
		return err
	}

	return classify(fmt.Errorf("%w, and ends the connection (%v)", said, err))
}
