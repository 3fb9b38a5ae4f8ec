package fetch

import (
	"errors"

	"fetchd/delivery"
)

// noteDoubts has the next retrieval look for messages that may have arrived: those of which a delivery does
// not know, and those that an earlier run may have delivered and that were not delivered now, which need not
// mean that they were looked for.
func (t *transfer) noteDoubts(items []*Item, results []error) {
	for i, err := range results {
		switch {
		case isUnclear(err):
			if m, ok := t.m.(Doubter); ok {
				m.Doubt()
			}
		// What is refused for good was refused by the earlier run, too.
		case err != nil && items[i].Repeat && delivery.ClassOf(err) != delivery.Permanent:
			keepDoubt(t.m)
		}
	}
}

// keepDoubt passes on to the next retrieval that an earlier run may have delivered messages which it did not
// record: some of them are left for later.
func keepDoubt(m Mailbox) {
	if d, ok := m.(Doubter); ok && d.InDoubt() {
		d.Doubt()
	}
}

func isUnclear(err error) bool { return errors.Is(err, delivery.ErrUnclear) }
