package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"strings"
)

// corpus is a set of messages, with the digest of each by its name. A message has its name in the header and
// in its last line, so that it can be found in whatever a program makes of it.
type corpus struct {
	messages [][]byte
	digests  map[string][32]byte
}

// The kinds of corpora. All are the same in every run.
const (
	small = "small" // 2 to 6 KB
	mixed = "mixed" // log-normal, median 12 KB, mean 39 KB
	huge  = "huge"  // one of 200 MB, the others small
	tiny  = "tiny"  // 600 bytes
)

const hugeSize = 200 << 20

// newCorpus makes n messages whose names begin with prefix.
func newCorpus(kind, prefix string, n int) *corpus {
	g := newGenerator(kind)
	c := &corpus{digests: map[string][32]byte{}}
	for i := range n {
		name := fmt.Sprintf("%s%06d", prefix, i)
		m := g.message(name, g.size(kind, i, n))
		c.messages = append(c.messages, m)
		_, c.digests[name] = digest(m)
	}
	return c
}

type generator struct {
	rnd   *rand.Rand
	lines []string
	codes []string
}

func newGenerator(kind string) *generator {
	g := &generator{rnd: rand.New(rand.NewPCG(1, uint64(len(kind))))}
	for range 2000 {
		var words []string
		for range 9 {
			word := make([]byte, 2+g.rnd.IntN(9))
			for i := range word {
				word[i] = byte('a' + g.rnd.IntN(26))
			}
			words = append(words, string(word))
		}
		g.lines = append(g.lines, strings.Join(words, " "))
		raw := make([]byte, 57)
		for i := range raw {
			raw[i] = byte(g.rnd.Uint32())
		}
		g.codes = append(g.codes, base64.StdEncoding.EncodeToString(raw))
	}

	return g
}

func (g *generator) size(kind string, i, n int) int {
	switch kind {
	case mixed:
		return int(min(5<<20, max(1<<10, math.Exp(math.Log(12000)+1.55*g.rnd.NormFloat64()))))
	case huge:
		if i == n/2 {
			return hugeSize
		}
		return 4 << 10
	case tiny:
		return 600
	}
	return 2<<10 + g.rnd.IntN(4<<10)
}

// message makes a message of about size bytes; large ones are base64, and some have lines that careless
// programs damage.
func (g *generator) message(name string, size int) []byte {
	var b bytes.Buffer
	b.Grow(size + 1024)
	fmt.Fprintf(&b, "Received: from mx.example.net by mail.example.org with ESMTPS id %s;\r\n"+
		"\tSun, 22 Nov 2026 04:00:00 +0000\r\n", name)
	fmt.Fprintf(&b, "From: Sender <sender@example.net>\r\nTo: ann@example.org\r\nSubject: message %s\r\n",
		name)
	fmt.Fprintf(&b, "Date: Sun, 22 Nov 2026 04:00:00 +0000\r\nMessage-ID: <%s@example.net>\r\n"+
		"X-Bench-Id: %[1]s\r\n\r\n", name)
	pool := g.lines
	if size > 30000 {
		pool = g.codes
	}

	for i := g.rnd.IntN(len(pool)); b.Len() < size; i++ {
		b.WriteString(pool[i%len(pool)] + "\r\n")
	}

	if g.rnd.IntN(7) == 0 {
		b.WriteString(".\r\n..two dots\r\n.one\r\nFrom here on\r\n>From there\r\n\r\n" +
			"trailing blank \r\n\ttab\r\n")
	}

	b.WriteString(lastLine + name + "\r\n")
	return b.Bytes()
}

const lastLine = "=END="

var (
	quoted = regexp.MustCompile(`(?m)^>(>*From )`)
	ending = regexp.MustCompile(`(?m)^` + lastLine + `\S+\n`)
	named  = regexp.MustCompile(`(?m)^X-Bench-Id: (\S+)`)
	added  = regexp.MustCompile(`(?i)^(from |(received|return-path|delivered-to|status|lines|` +
		`content-length|x-[^b][^:]*):)`)
)

// digest returns a message's name, and a hash of the message without line ends and without what programs may
// add on top.
func digest(raw []byte) (name string, sum [32]byte) {
	raw = bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n"))
	head, body, _ := bytes.Cut(raw, []byte("\n\n"))
	if m := named.FindSubmatch(head); m != nil {
		name = string(m[1])
	}

	hash := sha256.New()
	skip := false
	for line := range bytes.Lines(head) {
		if line[0] != ' ' && line[0] != '\t' {
			skip = added.Match(line)
		}
		if !skip {
			hash.Write(bytes.TrimSuffix(line, []byte("\n")))
			hash.Write([]byte("\n"))
		}
	}

	hash.Write([]byte("\n"))
	hash.Write(bytes.TrimRight(body, "\n"))
	return name, [32]byte(hash.Sum(nil))
}
