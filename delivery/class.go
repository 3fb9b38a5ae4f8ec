package delivery

import "errors"

// Class is what a failed delivery means for the message.
type Class int

const (
	// Temporary: try again at a later retrieval. The class of every error that does not say otherwise.
	Temporary Class = iota
	// Permanent: this message will be refused again; the message stays on the server and is set aside after
	// some tries.
	Permanent
	// Unusable: the destination itself can't work (no such command, no permission, no server that answers).
	// Further messages are not tried there in this retrieval, see EndsRetrieval.
	Unusable
)

// Error is a failed delivery with its class.
type Error struct {
	Class Class
	Err   error
}

func (e *Error) Error() string { return e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }

// ClassOf returns the class of the first *Error in err's tree, else Temporary.
func ClassOf(err error) Class {
	var e *Error
	if errors.As(err, &e) {
		return e.Class
	}
	return Temporary
}

// EndsRetrieval tells whether err says that no message can be delivered there at the moment, so that the
// others need not be tried: it is Unusable, and not only one of several destinations that is.
func EndsRetrieval(err error) bool { return ClassOf(err) == Unusable && !OthersWork(err) }

// OthersWork tells whether err is that of one of several destinations, while another may take messages.
func OthersWork(err error) bool {
	_, ok := errors.AsType[*outageError](err)
	return ok
}

// PartialError is a delivery after which some recipients have the message and others don't. It must be
// tried again only for the latter. Its class is that of Err.
type PartialError struct {
	Delivered []string // of Message.Recipients, or what a kind with several destinations makes of these
	Err       error    // why the others don't have it
}

func (e *PartialError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *PartialError) Unwrap() error { return e.Err }
