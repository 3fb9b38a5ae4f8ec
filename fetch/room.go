package fetch

import (
	"fetchd/delivery"
)

// roomMost is how many messages in a row may not fit before no other is tried: those behind a few large ones
// may be small, and the retrieval must not fetch all that there is for a disk that is full. Those that come
// last in line because of that allow as many more, so that a pass soon gets behind any number of them.
const roomMost = 5

// lacksRoom tells whether a message failed for want of room where it is kept or where it was to go.
func lacksRoom(it *Item, err error) bool {
	return err != nil && (delivery.LacksRoom(err) || it.Err != nil && KindOf(it.Err) == KindDelivery)
}

// outOfRoom takes in the results of the next messages. It is not nil if so many in a row did not fit that the
// transfer is to end; t.mu is held.
func (t *transfer) outOfRoom(items []*Item, results []error) error {
	for i, it := range items {
		switch {
		case delivery.OthersWork(results[i]): // which are to get what they have room for
		case lacksRoom(it, results[i]):
			t.unfit++
		case results[i] == nil:
			t.unfit = 0
		}
	}
	if t.unfit < max(roomMost, t.waiting) {
		return nil
	}

	// It stands for all failures, as that of any destination that can't be used.
	t.err = &delivery.Error{Class: delivery.Unusable, Err: t.err}
	return t.err
}

// hasRoom tells whether some mail has a place again, as far as that can be seen without retrieving any.
func (a *Account) hasRoom() bool {
	for _, to := range a.Folders {
		if delivery.HasRoom(to) {
			return true
		}
	}
	return a.Deliverer == nil || delivery.HasRoom(a.Deliverer)
}
