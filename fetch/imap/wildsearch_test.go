package imap

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"fetchd/fetch/journal"
)

// leaveOut says nothing of a message.
func (c *wildSession) leaveOut(m *mail) bool {
	c.told.Delete(m.id)
	return true
}

// pick gives the messages in a set of UIDs, as far as the limit lets.
func (c *wildSession) pick(text string) (picked []*mail, code string) {
	set := c.parse(text)
	for _, m := range c.present() {
		if set.Contains(m.uid) {
			picked = append(picked, m)
		}
	}
	return c.within(picked)
}

// within is as many of messages as the limit lets, and the code that says so.
func (c *wildSession) within(messages []*mail) ([]*mail, string) {
	switch {
	case c.limit == 0 || len(messages) <= c.limit:
		return messages, ""
	case c.oldest:
		messages = messages[:c.limit]
		return messages, fmt.Sprintf("[MESSAGELIMIT %d %d] ", c.limit, messages[len(messages)-1].uid)
	}
	messages = messages[len(messages)-c.limit:]
	return messages, fmt.Sprintf("[MESSAGELIMIT %d %d] ", c.limit, messages[0].uid)
}

func (c *wildSession) parse(text string) journal.Set {
	highest := uint32(1)
	if v := c.present(); len(v) > 0 {
		highest = v[len(v)-1].uid
	}
	var out journal.Set
	for part := range strings.SplitSeq(strings.ReplaceAll(text, "*", fmt.Sprint(highest)), ",") {
		first, last, pair := strings.Cut(part, ":")
		if !pair {
			last = first
		}
		a, _ := strconv.ParseUint(first, 10, 32)
		b, _ := strconv.ParseUint(last, 10, 32)
		out.AddRange(uint32(min(a, b)), uint32(max(a, b)))
	}
	return out
}

func (c *wildSession) search(tag string, words []string) (code string, err error) {
	found := c.present()
	keep := func(ok func(*mail) bool) {
		found = slices.DeleteFunc(found, func(m *mail) bool { return !ok(m) })
	}

	extended := false
	for i := 0; i < len(words); i++ {
		switch words[i] {
		case "RETURN":
			extended = true
			i++
		case "UID":
			i++
			set := c.parse(words[i])
			keep(func(m *mail) bool { return set.Contains(m.uid) })
		case "SEEN":
			keep(func(m *mail) bool { return m.seen })
		case "UNSEEN":
			keep(func(m *mail) bool { return !m.seen && !c.unseen })
		case "DELETED":
			keep(func(m *mail) bool { return m.deleted })
		}
	}

	found, code = c.within(found)
	if c.partial > 0 && len(found) > c.partial {
		if found = found[len(found)-c.partial:]; c.oldest {
			found = found[:c.partial]
		}
	}

	var uids []string
	for _, m := range found {
		uids = append(uids, strconv.FormatUint(uint64(m.uid), 10))
	}
	if c.doubled && len(uids) > 0 && c.maybe(50) {
		uids = append(uids, uids[0])
		if c.uidNext != 1 && c.maybe(50) {
			uids = append(uids, fmt.Sprint(c.next+uint32(c.rng.IntN(3)))) // of none
		}
	}
	if c.shuffle {
		c.rng.Shuffle(len(uids), func(i, j int) { uids[i], uids[j] = uids[j], uids[i] })
	}

	switch {
	case c.leaves && !extended && c.maybe(10):
		return "", c.takesLeave("* SEARCH %s", strings.Join(uids[:c.rng.IntN(len(uids)+1)], " "))
	case c.mute && !extended && len(uids) == 0:
	case !extended && c.split && len(uids) > 1:
		c.say("* SEARCH %s", strings.Join(uids[:len(uids)/2], " "))
		c.chatter()
		c.say("* SEARCH %s", strings.Join(uids[len(uids)/2:], " "))
	case !extended:
		c.say("* SEARCH %s", strings.Join(uids, " "))
	case len(uids) == 0:
		c.say(`* ESEARCH (TAG "%s") UID`, tag)
	default:
		c.say(`* ESEARCH (TAG "%s") UID ALL %s`, tag, strings.Join(uids, ","))
	}
	return code, nil
}

func (c *wildSession) expunge(among []*mail) {
	if c.hold && c.maybe(50) {
		return
	}
	for _, m := range among {
		if i := slices.Index(c.shown, m); m.deleted && slices.Contains(c.box, m) {
			c.say("* %d EXPUNGE", i+1)
			c.shown = slices.Delete(c.shown, i, i+1)
			c.box = slices.DeleteFunc(c.box, func(b *mail) bool { return b == m })
			c.free = append(c.free, m.uid)
			c.deleted = append(c.deleted, *m)
		}
	}
}
