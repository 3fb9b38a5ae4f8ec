package rcfile

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
)

var (
	errNegative = errors.New("is negative")
	errTooLarge = errors.New("is too large")
	errNoNumber = errors.New("is not a number")
)

// number reads a number of the kind, with its units.
func number(kind Kind, text string) (int, error) {
	plain := strings.TrimPrefix(text, "-")
	switch {
	case plain == "":
		return 0, errNoNumber
	case strings.Trim(plain, "0123456789") != "":
		return withUnit(kind, text)
	}

	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case kind == Codes && n == -1:
		return -1, nil
	case strings.HasPrefix(text, "-"):
		return 0, errNegative
	// Seconds and counts fit into 32 bits everywhere; sizes of messages do not.
	case err != nil, kind != Bytes && n > math.MaxInt32:
		return 0, errTooLarge
	}

	return int(n), nil
}

func withUnit(kind Kind, text string) (int, error) {
	switch kind {
	case Seconds:
		return duration(text)
	case Days:
		n, err := duration(text)
		return (n + day - 1) / day, err
	case Bytes:
		return size(text)
	}
	return 0, errNoNumber
}

const day = 24 * 60 * 60

// duration reads 90s, 5m, 1h30m, 2d: units in falling order, each once.
func duration(text string) (int, error) {
	units := []struct {
		name    byte
		seconds int
	}{{'d', day}, {'h', 3600}, {'m', 60}, {'s', 1}}

	total := 0
	for text != "" {
		n := len(text) - len(strings.TrimLeft(text, "0123456789"))
		if n == 0 || n == len(text) {
			return 0, errNoNumber
		}
		// Units are used up as they come: "1m1h" and "1h1h" are mistakes.
		for len(units) > 0 && units[0].name != text[n] {
			units = units[1:]
		}
		if len(units) == 0 {
			return 0, errNoNumber
		}
		v, err := strconv.Atoi(text[:n])
		if err != nil || v > math.MaxInt32/units[0].seconds || total+v*units[0].seconds > math.MaxInt32 {
			return 0, errTooLarge
		}
		total += v * units[0].seconds
		text, units = text[n+1:], units[1:]
	}

	return total, nil
}

// size reads 10k, 5M, 1G: powers of 1024, in either case.
func size(text string) (int, error) {
	if text == "" {
		return 0, errNoNumber
	}

	shift := strings.IndexByte("kmg", text[len(text)-1]|0x20)
	digits := text[:len(text)-1]
	if shift < 0 || digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, errNoNumber
	}

	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n > math.MaxInt64>>(10*(shift+1)) {
		return 0, errTooLarge
	}

	return int(n) << (10 * (shift + 1)), nil
}

// numberHint says how a number of the kind is written.
func numberHint(kind Kind) string {
	switch kind {
	case Seconds:
		return "write seconds, or 90s, 5m, 1h30m, 2d"
	case Days:
		return "write a number of days"
	case Bytes:
		return "write bytes, or 10k, 5M, 1G"
	}
	return "write digits, without quotes"
}

// isUnit tells whether a word behind a number of the kind is its unit: written in full, or behind a blank.
func isUnit(kind Kind, word string) bool {
	units := ""
	switch kind {
	case Seconds, Days:
		units = "s sec secs second seconds m min mins minute minutes h hour hours d day days"
	case Bytes:
		units = "b byte bytes k kb kib m mb mib g gb gib"
	}
	return slices.Contains(strings.Fields(units), strings.ToLower(word))
}
