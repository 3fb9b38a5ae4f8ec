package imap

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"

	"fetchd/fetch/journal"
	"fetchd/fetch/pattern"
)

// foundAll finds the set in an ESEARCH response.
var foundAll = pattern.New(`^(\* ESEARCH .*?) ALL(?: (\S+))?( .*)?$`)

// sortedResult is a line with the result of a search as imapclient can take it: its numbers in rising order,
// as it sorts by inserting, and without blanks too many. What is no UID is left out: ok says that there is
// none of that.
func sortedResult(line []byte) (out []byte, ok bool) {
	bare := bytes.TrimRight(line, " \r\n")
	if kindOf(bare) == "ESEARCH" {
		out, ok = sortedSets(inCapitals(bare))
		return append(out, "\r\n"...), ok
	}

	const start = "* SEARCH"
	if len(bare) < len(start) || !bytes.EqualFold(bare[:len(start)], []byte(start)) { // it follows a literal
		return line, true
	}
	words, modSeq, _ := bytes.Cut(bare[len(start):], []byte("(")) // RFC 7162: (MODSEQ 5)
	ok = len(modSeq) == 0 || bytes.HasSuffix(modSeq, []byte(")"))
	isTidy := len(modSeq) == 0 && len(bare)+len("\r\n") == len(line) && !bytes.Contains(bare, []byte("  "))
	numbers := make([]uint32, 0, bytes.Count(words, []byte(" ")))
	for word := range bytes.FieldsSeq(words) { // no list of them: there may be a million
		n, err := strconv.ParseUint(string(word), 10, 32)
		ok = ok && err == nil
		if err != nil || n == 0 { // no message has 0: it says that nothing was found
			isTidy = false
			continue
		}
		numbers = append(numbers, uint32(n))
	}

	if ok && isTidy && slices.IsSorted(numbers) {
		return line, true
	}

	slices.Sort(numbers)
	out = append(make([]byte, 0, len(line)+2), start...)
	for _, n := range numbers {
		out = strconv.AppendUint(append(out, ' '), uint64(n), 10)
	}

	return append(out, "\r\n"...), ok
}

// sortedSets is sortedResult for ESEARCH.
func sortedSets(line []byte) (out []byte, ok bool) {
	m := foundAll().FindSubmatch(line)
	if m == nil {
		return line[:len(line):len(line)], true
	}

	found := string(m[2])
	if found == "" || found == "NIL" || found == `""` {
		return slices.Concat(m[1], m[3]), true
	}
	set, ok := sortedSet(found)
	if !ok {
		return slices.Concat(m[1], m[3]), false
	}
	return slices.Concat(m[1], []byte(" ALL "+set), m[3]), true
}

// inCapitals is an ESEARCH response with its words in capital letters: imapclient knows TAG and UID in no
// others. The tag is our own word and stays; where there is none, as RFC 9051 allows, imapclient wants an
// empty one, and takes the result for that of the search which was sent first.
func inCapitals(line []byte) []byte {
	m := searchTag().FindSubmatchIndex(line)
	if m == nil {
		line = bytes.ToUpper(line)
		rest, found := bytes.CutPrefix(line, []byte("* ESEARCH"))
		if found && !bytes.HasPrefix(rest, []byte(" (")) {
			return slices.Concat([]byte(`* ESEARCH (TAG "")`), rest)
		}
		return line
	}

	return slices.Concat(bytes.ToUpper(line[:m[2]]), line[m[2]:m[3]], bytes.ToUpper(line[m[3]:]))
}

// sortedSet sorts the ranges of a set.
func sortedSet(text string) (string, bool) {
	var ranges []journal.Range
	for part := range strings.SplitSeq(text, ",") {
		first, last, pair := strings.Cut(part, ":")
		if !pair {
			last = first
		}
		a, errA := strconv.ParseUint(first, 10, 32)
		b, errB := strconv.ParseUint(last, 10, 32)
		if errA != nil || errB != nil || a == 0 || b == 0 {
			return "", false
		}
		// RFC 9051 section 9 allows 4:2 for 2:4.
		ranges = append(ranges, journal.Range{First: uint32(min(a, b)), Last: uint32(max(a, b))})
	}

	slices.SortFunc(ranges, func(x, y journal.Range) int { return cmp.Compare(x.First, y.First) })
	var set journal.Set
	for _, r := range ranges {
		set.AddRange(r.First, r.Last)
	}

	return set.String(), true
}
