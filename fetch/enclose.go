package fetch

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"fetchd/delivery"
)

// encloseRefused hands what the destination has refused for good to the account's EncloseTo, enclosed in a
// notice. Then all of the message is in good hands, and it counts as delivered; else it stays refused.
func (t *transfer) encloseRefused(ctx context.Context, items []*Item, results []error) {
	if t.a.EncloseTo == "" {
		return
	}

	for i, it := range items {
		if !t.mayEnclose(it, results[i]) {
			continue
		}
		if err := t.enclose(ctx, it, results[i]); err != nil {
			t.a.Log.Warn(EventNotEnclosed, "account", t.a.Name, "mailbox", t.name, "uid", it.UID,
				"to", t.a.EncloseTo, "err", err)
			continue
		}
		t.a.Log.Warn(EventEnclosed, "account", t.a.Name, "mailbox", t.name, "uid", it.UID,
			"to", t.a.EncloseTo, "err", results[i])
		results[i] = nil
	}
}

// mayEnclose tells whether a message came whole and nobody has it. With several destinations one may take the
// notice and another refuse it, each time again.
func (t *transfer) mayEnclose(it *Item, err error) bool {
	return err != nil && it.Err == nil && delivery.ClassOf(err) == delivery.Permanent &&
		!isUnclear(err) && !isPartial(err) && !delivery.IsSeveral(t.to) &&
		t.whyNotDeliverable(it) == nil && len(t.shares.who(t.name, it)) == 0
}

// enclose delivers the notice with the message in it, to the destination of the message.
func (t *transfer) enclose(ctx context.Context, it *Item, why error) error {
	body := delivery.NewSpool(t.a.spoolOptions())
	m := &delivery.Message{
		Account: t.a.Name, Mailbox: t.name, UIDValidity: it.UIDValidity, UID: "refused-" + it.UID,
		Recipients: []string{t.a.EncloseTo}, Repeat: it.Repeat, Body: body,
	}
	defer m.Release()
	if t.a.Lease != nil {
		m.Lease = t.a.checkLease
	}

	before, after := t.enclosing(it, why, t.a.now())
	_, err := body.Write([]byte(before))
	if err == nil {
		_, err = io.Copy(body, it.Body.Open())
	}
	if err == nil {
		_, err = body.Write([]byte(after))
	}
	if err == nil {
		err = body.Close()
	}
	if err != nil {
		return err
	}
	return t.deliverOne(ctx, m)
}

// enclosing is what stands before and behind the message in the notice.
func (t *transfer) enclosing(it *Item, why error, now time.Time) (before, after string) {
	// Nobody who writes a message can know it.
	boundary := "fetchd-" + rand.Text()
	// The same each time: whoever gets a repeat can tell.
	id := sha256.Sum256(fmt.Appendf(nil, "%q %q %d %q", t.a.Key, t.name, it.UIDValidity, it.UID))

	lines := append(t.a.noticeHeader(t.a.EncloseTo, "fetchmail delivery refused on "+t.a.Name,
		"refused-"+hex.EncodeToString(id[:16]), now),
		`Content-Type: multipart/mixed; boundary="`+boundary+`"`,
		"",
		"--"+boundary,
		"Content-Type: text/plain; charset=utf-8",
		"Content-Transfer-Encoding: 8bit",
		"",
		"A message of "+t.a.Name+" was refused for good:",
		"",
		"  "+t.a.Hidden.Clean(why.Error()),
		"",
		"It is enclosed, and its sender was told nothing. On the server it counts as delivered, as",
		"\"set no softbounce\" says.",
		"--"+boundary,
		"Content-Type: message/rfc822",
		"Content-Transfer-Encoding: 8bit",
		"",
	)

	end := t.a.lineEnd()
	return t.a.mailText(lines), end + "--" + boundary + "--" + end
}
