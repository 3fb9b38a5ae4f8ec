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
var foundAll = pattern.New(`(?i)^(\* ESEARCH .*\bALL )([0-9:,]+)(.*)$`)

// sortedResult is a line with the result of a search as imapclient can take it: its numbers in rising order,
// as it sorts by inserting, and without blanks too many. What it doesn't know it leaves as it is.
func sortedResult(line []byte) []byte {
	bare := bytes.TrimRight(line, " \r\n")
	if kindOf(bare) == "ESEARCH" {
		bare = inCapitals(bare)
		if m := foundAll().FindSubmatch(bare); m != nil {
			if set, ok := sortedSet(string(m[2])); ok {
				return slices.Concat(m[1], []byte(set), m[3], []byte("\r\n"))
			}
		}
		return append(bare, "\r\n"...)
	}

	const start = "* SEARCH"
	if len(bare) < len(start) || !bytes.EqualFold(bare[:len(start)], []byte(start)) {
		return line
	}

	numbers := make([]uint32, 0, bytes.Count(bare, []byte(" ")))
	for word := range bytes.FieldsSeq(bare[len(start):]) { // no list of them: there may be a million
		n, err := strconv.ParseUint(string(word), 10, 32)
		if err != nil { // MODSEQ, or what imapclient refuses
			return line
		}
		numbers = append(numbers, uint32(n))
	}

	if isTidy := len(bare)+len("\r\n") == len(line) && !bytes.Contains(bare, []byte("  ")); isTidy &&
		slices.IsSorted(numbers) {
		return line
	}

	slices.Sort(numbers)
	out := append(make([]byte, 0, len(line)+2), "* SEARCH"...)
	for _, n := range numbers {
		out = strconv.AppendUint(append(out, ' '), uint64(n), 10)
	}

	return append(out, "\r\n"...)
}

// inCapitals is an ESEARCH response with its words in capital letters: imapclient knows TAG and UID in no
// others. The tag is our own word and stays.
func inCapitals(line []byte) []byte {
	m := searchTag().FindSubmatchIndex(line)
	if m == nil {
		return bytes.ToUpper(line)
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
		ranges = append(ranges, journal.Range{First: uint32(min(a, b)), Last: uint32(max(a, b))})
	}

	slices.SortFunc(ranges, func(x, y journal.Range) int { return cmp.Compare(x.First, y.First) })
	var set journal.Set
	for _, r := range ranges {
		set.AddRange(r.First, r.Last)
	}

	return set.String(), true
}
