package fetch

import "errors"

// AtMessage is an error that ended a session while a message was on its way: the connection was lost, the
// answer did not come in time, or it was none that can be followed.
type AtMessage struct {
	Ref
	Size int64 // as the server counts it, 0 where it did not say
	Err  error
}

func (e *AtMessage) Error() string { return e.Err.Error() }

func (e *AtMessage) Unwrap() error { return e.Err }

// At says at which message err ended the session.
func At(it *Item, err error) error {
	var known *AtMessage
	if err == nil || errors.As(err, &known) {
		return err
	}
	return &AtMessage{Ref: it.place(), Size: max(0, it.Size), Err: err}
}
