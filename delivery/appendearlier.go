package delivery

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"fetchd/fetch/login/imapline"
	"fetchd/fetch/pattern"
)

const (
	// headerPeek is how much of a header is looked at: our line is the first, unless a server puts its own
	// before it.
	headerPeek = 16 << 10
	// traceDrift is how much longer or shorter our line may be than at an earlier try: another address of the
	// server, another version of ours.
	traceDrift = 1 << 10
	// earlierMost is how many messages of a folder are looked at, the newest: an earlier copy came with an
	// earlier retrieval, or the one before.
	earlierMost = 200_000
	// newestMost is how many of the newest messages are looked at whatever their sizes: there are servers
	// that estimate these, Exchange for one. A killed run leaves the messages of a group.
	newestMost = 300
	// earlierPage and headerPage are how many messages one command names.
	earlierPage = 5000
	headerPage  = 200
)

// appendKeyPrefix begins the identifiers in our Received: lines.
const appendKeyPrefix = "fetchd-"

// appendKey says which message of which account m is, and what is in it: another one under the same UID has
// another key.
func appendKey(m *Message) string {
	sum := sha256.Sum256(appendMessageName(nil, m))
	key := append(make([]byte, 0, 64), appendKeyPrefix...)
	return string(nameEncoding.AppendEncode(key, sum[:nameIdentity]))
}

// earlierCopies is what is known of the messages in a folder. Messages are only added while we look.
type earlierCopies struct {
	validity string
	sizes    []earlierSize          // by UID
	headers  map[uint32]*seenHeader // of those that were looked at

	newest, last uint32 // the first and the last of the newest ones, as they were at the first look
}

type earlierSize struct {
	uid  uint32
	size int64
}

// seenHeader is what the header of a message says.
type seenHeader struct {
	keys    []string
	digest  [sha256.Size]byte
	date    time.Time // INTERNALDATE; zero = not understood
	claimed bool      // it is the copy of a message that has no key
}

// skipEarlier looks for copies of messages that an earlier run may have delivered, or that a server refused
// with others and may have taken all the same. Those that have one are done.
func (g *appendGroup) skipEarlier(ctx context.Context, s *appendSession) error {
	var folders []string
	wanted := map[string][]*appendItem{}
	for i := range g.items {
		if it := &g.items[i]; it.isOpen() && (it.m.Repeat || it.alone) {
			if wanted[it.folder] == nil {
				folders = append(folders, it.folder)
			}
			wanted[it.folder] = append(wanted[it.folder], it)
		}
	}

	for _, folder := range folders {
		// All of one folder together: each EXAMINE and each list of sizes costs round trips.
		if err := s.enter(folder); err != nil {
			return err
		}
		if err := s.findEarlier(ctx, wanted[folder]); err != nil {
			return err
		}
	}
	return nil
}

// findEarlier looks for copies of items in the folder.
func (s *appendSession) findEarlier(ctx context.Context, items []*appendItem) error {
	count, there, err := s.examine(items)
	if err != nil || !there {
		return err
	}
	if err := s.listSizes(count); err != nil {
		return err
	}
	if err := s.readHeaders(s.candidates(items)); err != nil {
		return err
	}

	for _, it := range items {
		if err := s.claim(ctx, it); err != nil {
			return err
		}
	}

	// What others do there is of no interest any more. It was not opened for writing: nothing is expunged.
	_, err = s.run("CLOSE", nil)
	return err
}

// examine opens the folder for reading. A folder that is not there has no copies; where it can't be looked
// into, items fail.
func (s *appendSession) examine(items []*appendItem) (count int, there bool, err error) {
	validity := ""
	// EXAMINE and not SELECT, which would take \Recent from messages that others have not seen.
	got, err := s.run("EXAMINE "+s.folder.wire, func(r *response) error {
		switch got := imapline.Parse(r.line); {
		case strings.EqualFold(got.Text, "EXISTS"):
			count, _ = strconv.Atoi(got.Word)
		case got.Code == "UIDVALIDITY":
			validity = got.Args
		}
		return nil
	})
	if err != nil {
		return 0, false, err
	}

	if got.Word == "OK" {
		// With another UIDVALIDITY all UIDs mean other messages.
		if f := s.folder; f.earlier == nil || f.earlier.validity != validity {
			f.earlier = &earlierCopies{validity: validity, headers: map[uint32]*seenHeader{}}
		}
		return count, true, nil
	}

	refusal := s.refused("look for earlier copies", got)
	if !errors.Is(refusal, errNoFolder) {
		// A plain NO may mean that it can't be opened at the moment. To take that for "not there" would
		// deliver a copy.
		there, err = s.mayBeThere()
	}
	if there {
		for _, it := range items {
			it.fail(refusal)
		}
	}
	return 0, false, err
}

// mayBeThere tells whether the folder is there, of a server that does not say why it can't be used. It may be
// where the server does not answer that either.
func (s *appendSession) mayBeThere() (there bool, err error) {
	got, err := s.run(`LIST "" `+s.folder.wire, func(r *response) error {
		there = there || imapline.Parse(r.line).Word == "LIST"
		return nil
	})
	return there || got.Word != "OK", err
}

// What is found in FETCH responses.
var (
	fetchedUID  = pattern.New(`(?i)[( ]UID (\d{1,10})[ )]`)
	fetchedSize = pattern.New(`(?i)[( ]RFC822\.SIZE (\d{1,18})[ )]`)
	fetchedDate = pattern.New(`(?i)[( ]INTERNALDATE "([^"]{1,40})"`)
	keyInHeader = pattern.New(`\n[ \t]+id (` + appendKeyPrefix + `[0-9a-v]{24})[;\r\n]`)
)

// found is the number in text that the expression finds, 0 for none.
func found(re *regexp.Regexp, text []byte) int64 {
	m := re.FindSubmatch(text)
	if m == nil {
		return 0
	}
	n, _ := strconv.ParseInt(string(m[1]), 10, 64)
	return n
}

// listSizes asks for the sizes of the messages that are not known yet; count is how many there are.
func (s *appendSession) listSizes(count int) error {
	known := s.folder.earlier
	note := func(r *response) error {
		uid, size := found(fetchedUID(), r.line), found(fetchedSize(), r.line)
		last := uint32(0)
		if n := len(known.sizes); n > 0 {
			last = known.sizes[n-1].uid
		}
		// Others' FETCH responses and those that repeat are passed over: the list stays sorted, and each
		// message is in it once.
		if size > 0 && uid > int64(last) {
			known.sizes = append(known.sizes, earlierSize{uint32(uid), size})
		}
		return nil
	}

	if n := len(known.sizes); n > 0 {
		// "n:*" always names the last message too (RFC 9051 section 9), which note leaves out.
		return s.ask(fmt.Sprintf("UID FETCH %d:* (UID RFC822.SIZE)", known.sizes[n-1].uid+1), note)
	}
	for from := max(1, count-earlierMost+1); from <= count; from += earlierPage {
		to := min(count, from+earlierPage-1)
		if err := s.ask(fmt.Sprintf("FETCH %d:%d (UID RFC822.SIZE)", from, to), note); err != nil {
			return err
		}
	}
	if n := len(known.sizes); n > 0 {
		known.newest, known.last = known.sizes[max(0, n-newestMost)].uid, known.sizes[n-1].uid
	}
	return nil
}

// ask runs a command without which we can't go on.
func (s *appendSession) ask(command string, hear func(*response) error) error {
	got, err := s.run(command, hear)
	if err == nil && got.Word != "OK" {
		// To go on without the answer could deliver a message twice.
		err = s.conn.Break(s.no("look for earlier copies", got))
	}
	return err
}

// candidates are the messages in the folder that may be copies of items, by their sizes or as they are new,
// and whose headers were not looked at yet.
func (s *appendSession) candidates(items []*appendItem) []uint32 {
	sizes := make([]int64, len(items))
	for i, it := range items {
		sizes[i] = it.size
	}
	slices.Sort(sizes)

	hasKey := slices.ContainsFunc(items, func(it *appendItem) bool { return it.key != "" })
	known := s.folder.earlier
	isNewest := func(c earlierSize) bool { return hasKey && c.uid >= known.newest && c.uid <= known.last }

	var uids []uint32
	for _, c := range known.sizes {
		// A folder may have 200,000 messages, so each of them must be cheap to pass over.
		i, _ := slices.BinarySearch(sizes, c.size-traceDrift)
		alike := i < len(sizes) && sizes[i] <= c.size+traceDrift
		if (alike || isNewest(c)) && known.headers[c.uid] == nil {
			uids = append(uids, c.uid)
		}
	}
	return uids
}

// readHeaders looks at the headers of messages.
func (s *appendSession) readHeaders(uids []uint32) error {
	for part := range slices.Chunk(uids, headerPage) {
		var set strings.Builder
		for i, uid := range part {
			if i > 0 {
				set.WriteByte(',')
			}
			set.WriteString(strconv.FormatUint(uint64(uid), 10))
			// Noted before the answer: one that does not come is not asked for again.
			s.folder.earlier.headers[uid] = new(seenHeader)
		}

		const items = "(UID INTERNALDATE BODY.PEEK[HEADER]<0.16384>)" // headerPeek
		if err := s.ask("UID FETCH "+set.String()+" "+items, s.noteHeader); err != nil {
			return err
		}
	}
	return nil
}

func (s *appendSession) noteHeader(r *response) error {
	items := slices.Concat(r.line, r.rest)
	seen := s.folder.earlier.headers[uint32(found(fetchedUID(), items))]
	// A response that nobody asked for: other clients change flags meanwhile.
	if seen == nil || len(r.literals) != 1 {
		return nil
	}

	for _, m := range keyInHeader().FindAllSubmatch(r.literals[0], -1) {
		seen.keys = append(seen.keys, string(m[1]))
	}
	seen.digest = headerDigest(r.literals[0])
	if m := fetchedDate().FindSubmatch(items); m != nil {
		seen.date, _ = time.Parse("_2-Jan-2006 15:04:05 -0700", string(m[1]))
	}
	return nil
}

// headerDigest is that of a header's beginning. The empty line at its end does not count.
func headerDigest(header []byte) [sha256.Size]byte {
	if end := bytes.Index(header, []byte("\r\n\r\n")); end >= 0 {
		header = header[:end]
	}
	return sha256.Sum256(bytes.TrimRight(header[:min(len(header), headerPeek)], "\r\n"))
}

// claim makes an item done if the folder has a copy of it.
func (s *appendSession) claim(ctx context.Context, it *appendItem) error {
	known := s.folder.earlier
	digest, err := [sha256.Size]byte{}, error(nil)
	if it.key == "" {
		if digest, err = it.digest(ctx); err != nil {
			it.fail(fmt.Errorf("%s: read message %.200q: %w", s.d, it.m.UID, err))
			return nil
		}
	}

	for _, c := range known.sizes {
		seen := known.headers[c.uid]
		if seen == nil || !it.isLike(c.size, seen, digest) {
			continue
		}
		isWhole, err := s.isWhole(c, it)
		if err != nil {
			return err
		}
		if !isWhole {
			continue
		}
		// Two messages may be alike, and only one of them have arrived.
		seen.claimed = true
		it.state = appendDone
		s.d.o.Log.Debug("is there from an earlier run", "to", s.d.o.Name, "folder", it.folder, "uid",
			it.m.UID, "as", c.uid)
		return nil
	}
	return nil
}

// isLike tells whether a message in the folder is a copy of the item as far as its header says.
func (it *appendItem) isLike(size int64, seen *seenHeader, digest [sha256.Size]byte) bool {
	if it.key != "" {
		return slices.Contains(seen.keys, it.key)
	}
	dated := it.m.InternalDate.IsZero() || seen.date.IsZero() ||
		it.m.InternalDate.Unix() == seen.date.Unix()
	return size == it.size && !seen.claimed && dated && seen.digest == digest
}

// isWhole tells whether a message in the folder, which is like the item, is not only its beginning. A size
// that is too small may be an estimate: then an octet near the end is asked for.
func (s *appendSession) isWhole(c earlierSize, it *appendItem) (is bool, err error) {
	end := it.size - traceDrift
	if c.size >= end {
		return true, nil
	}
	err = s.ask(fmt.Sprintf("UID FETCH %d (UID BODY.PEEK[]<%d.1>)", c.uid, end-1), func(r *response) error {
		uid := found(fetchedUID(), slices.Concat(r.line, r.rest))
		is = is || uid == int64(c.uid) && len(r.literals) == 1 && len(r.literals[0]) == 1
		return nil
	})
	return is, err
}

// digest is that of the item's header as it is sent.
func (it *appendItem) digest(ctx context.Context) ([sha256.Size]byte, error) {
	var header []byte
	errEnough := errors.New("that is enough")
	err := it.yield(ctx, nil, func(p []byte) error {
		header = append(header, p...)
		if len(header) > headerPeek || bytes.Contains(header, []byte("\r\n\r\n")) {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return headerDigest(header), err
}
