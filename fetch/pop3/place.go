package pop3

import "strconv"

// countAlike counts, for each message without a UIDL, those before it that have none either and its size.
func (l *listing) countAlike() {
	var seen map[int64]int32
	for i := range l.rows {
		if l.rows[i].uidl != "" {
			continue
		}
		if seen == nil {
			seen, l.nth = map[int64]int32{}, make([]int32, len(l.rows))
		}
		size := l.rows[i].size
		seen[size]++
		l.nth[i] = seen[size]
	}
}

// place is what a message without a UIDL is known by before its text has come: its size, and how many before
// it are like that. The number would change with each message before it that is deleted, which this rarely
// does.
func (l *listing) place(num int32) string {
	text := strconv.AppendInt([]byte("size:"), l.rows[num-1].size, 10)
	return string(strconv.AppendInt(append(text, '/'), int64(l.nth[num-1]), 10))
}

// nameOf is a message's UIDL, or its place.
func (l *listing) nameOf(num int32) string {
	if uidl := l.rows[num-1].uidl; uidl != "" {
		return uidl
	}
	return l.place(num)
}
