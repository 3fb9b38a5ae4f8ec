package fetchtest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

func parseDialogue(text string) ([]step, error) {
	var steps []step
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimLeft(strings.TrimSuffix(line, "\r"), " \t")
		if line == "" || line[0] == '#' {
			continue
		}
		s, err := parseStep(line)
		if err != nil {
			return nil, fmt.Errorf("dialogue line %d (%.80s): %w", i+1, line, err)
		}
		s.line, s.source = i+1, line[:min(len(line), 80)]
		steps = append(steps, s)
	}
	return steps, nil
}

func parseStep(line string) (step, error) {
	verb, rest, _ := strings.Cut(line, " ")
	switch {
	case verb == "S:":
		return step{verb: "S", text: rest + "\r\n", count: 1}, nil
	case verb == "S<":
		return sends("S", rest, 1)
	case strings.HasPrefix(verb, "S*"):
		n, err := strconv.Atoi(verb[2:])
		if err != nil {
			return step{}, err
		}
		return sends("S", rest, n)
	case verb == "C:" && strings.HasPrefix(rest, "~"):
		pattern, err := regexp.Compile(rest[1:])
		return step{verb: "C", pattern: pattern}, err
	case verb == "C:":
		return step{verb: "C", text: rest}, nil
	case verb == "C*":
		return step{verb: "C", any: true}, nil
	case strings.HasPrefix(verb, "C<"):
		n, err := strconv.Atoi(verb[2:])
		return step{verb: "C<", count: n}, err
	case verb == "TLS":
		return step{verb: "TLS", any: rest == "refused"}, nil
	case verb == "WAIT":
		d, err := time.ParseDuration(rest)
		return step{verb: "WAIT", pause: d}, err
	case verb == "ENDLESS":
		return sends(verb, rest, 1)
	case verb == "DRIP":
		return parseDrip(rest)
	case verb == "STALL", verb == "CLOSE":
		return step{verb: verb}, nil
	}

	return step{}, fmt.Errorf("no such step")
}

func parseDrip(rest string) (step, error) {
	pause, text, _ := strings.Cut(rest, " ")
	s, err := sends("DRIP", text, 1)
	if err != nil {
		return s, err
	}
	s.pause, err = time.ParseDuration(pause)
	return s, err
}

func sends(verb, escaped string, count int) (step, error) {
	text, err := strconv.Unquote(`"` + strings.ReplaceAll(escaped, `"`, `\"`) + `"`)
	if err == nil && text == "" && verb != "S" {
		err = fmt.Errorf("nothing to send")
	}
	return step{verb: verb, text: text, count: count}, err
}
