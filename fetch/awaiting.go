package fetch

import (
	"errors"
	"maps"
	"slices"

	"fetchd/delivery"
)

// A message that several destinations have, and one does not because it can't be used, awaits that one. It is
// not retrieved again and again for it: when the destination may be tried again one message is, and the
// others follow if that arrives.

// setAwaited notes for which destinations a message waits now; s.mu is held.
func (s *shares) setAwaited(key refusedKey, destinations []string) {
	if h := s.had[key]; h != nil {
		h.awaits = destinations
	}
}

// isAwaiting tells whether a message waits for nothing but destinations that can't be used.
func (s *shares) isAwaiting(mailbox string, it *Item) bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.had[refusedKey{mailbox, it.ref()}]
	return h != nil && len(h.awaits) > 0
}

// wait returns those of the new messages of a mailbox that are not to be retrieved yet.
func (s *shares) wait(mailbox string, m Mailbox, o *delivery.Outages) (refs []Ref) {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	awaiting := map[Ref]*share{}
	for key, h := range s.had {
		if key.mailbox == mailbox && len(h.awaits) > 0 {
			awaiting[key.Ref] = h
		}
	}

	e, ok := m.(Excluder)
	if len(awaiting) == 0 || !ok {
		return nil
	}

	tried := map[string]bool{}
	for _, ref := range e.Judgeable() {
		h := awaiting[ref]
		if h == nil {
			continue
		}
		delete(awaiting, ref)
		if !h.mayBeTried(o, tried) {
			refs = append(refs, ref)
		}
	}

	for _, h := range awaiting { // they are gone from the server
		h.awaits = nil
	}
	return refs
}

// mayBeTried tells whether the message may be retrieved; tried are the destinations that another one tries.
func (h *share) mayBeTried(o *delivery.Outages, tried map[string]bool) bool {
	for _, key := range h.awaits {
		if o.Why(key) == nil {
			return true
		}
	}

	untried := slices.IndexFunc(h.awaits, func(key string) bool { return o.IsDue(key) && !tried[key] })
	if untried < 0 {
		return false
	}
	for _, key := range h.awaits {
		tried[key] = true
	}
	return true
}

// free lets all messages go for whose destinations others have arrived, and tells whether there are any.
func (s *shares) free(o *delivery.Outages) (any bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.had {
		if slices.ContainsFunc(h.awaits, func(key string) bool { return o.Why(key) == nil }) {
			h.awaits, any = nil, true
		}
	}
	return any
}

// awaiting is the error of the messages that wait for destinations; nil = none does.
func (s *shares) awaiting(o *delivery.Outages) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	count, why := 0, map[string]error{}
	for _, h := range s.had {
		if len(h.awaits) > 0 {
			count++
		}
		for _, key := range h.awaits {
			why[key] = o.Why(key)
		}
	}
	if count == 0 {
		return nil
	}

	var errs []error
	for _, key := range slices.Sorted(maps.Keys(why)) { // always the same text for the same trouble
		errs = append(errs, why[key])
	}
	return Fail(KindDelivery, &UndeliveredError{Count: count, Err: errors.Join(errs...), Waiting: true})
}
