package fetchtest

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// Histories are the seeds that a test of random histories tries: a few from 0 on, unless FETCHD_HISTORIES
// says how many, or names the first one and the one behind the last (2000-4000).
func Histories(tb testing.TB, few uint64) (first, end uint64) {
	tb.Helper()
	text := os.Getenv("FETCHD_HISTORIES")
	if text == "" {
		return 0, few
	}

	from, to, isRange := strings.Cut(text, "-")
	if !isRange {
		from, to = "0", text
	}

	first, err := strconv.ParseUint(from, 10, 32)
	check(tb, err)
	end, err = strconv.ParseUint(to, 10, 32)
	check(tb, err)
	return first, end
}
