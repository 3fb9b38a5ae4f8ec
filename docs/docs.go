// Package docs holds the guides of this directory, so that the program can show them where there is no
// source.
package docs

import (
	"embed"
	"iter"
	"strings"
)

//go:embed service.md tls.md oauth.md secrets.md moving.md server-checklist.md security.md servers.md
//go:embed performance.md
var pages embed.FS

// checklist is the page whose sections are topics of their own: messages name them.
const checklist = "server-checklist"

// Topics gives the names and titles of the pages and, behind the page that has them, of its sections.
func Topics() iter.Seq2[string, string] {
	return func(yield func(topic, title string) bool) {
		for _, name := range []string{
			"service", "tls", "oauth", "secrets", "moving", "security", "servers", "performance", checklist,
		} {
			text := read(name)
			title, _, _ := strings.Cut(strings.TrimPrefix(text, "# "), "\n")
			if !yield(name, title) {
				return
			}
		}
		for anchor, text := range sections() {
			title, _, _ := strings.Cut(strings.TrimLeft(text, "# 0123456789."), "\n")
			if !yield(anchor, strings.TrimPrefix(title, anchor+": ")) {
				return
			}
		}
	}
}

// Page returns the Markdown text of a topic: a whole page, or a section of the check-list.
func Page(topic string) (text string, ok bool) {
	for anchor, text := range sections() {
		if anchor == topic {
			return text, true
		}
	}
	for name := range Topics() {
		if name == topic {
			return withoutAnchors(read(name)), true
		}
	}
	return "", false
}

// read returns a page that is known to exist.
func read(name string) string {
	text, err := pages.ReadFile(name + ".md")
	if err != nil {
		panic(err) // what is embedded is fixed when the program is built
	}
	return string(text)
}

const (
	anchorBegin = `<a id="`
	anchorEnd   = "\"></a>\n"
)

// sections gives the check-list's sections by their anchors.
func sections() iter.Seq2[string, string] {
	return func(yield func(anchor, text string) bool) {
		_, rest, found := strings.Cut(read(checklist), anchorBegin)
		for found {
			var section string
			section, rest, found = strings.Cut(rest, anchorBegin)
			anchor, text, _ := strings.Cut(section, anchorEnd)
			if !yield(anchor, strings.TrimSpace(text)+"\n") {
				return
			}
		}
	}
}

// withoutAnchors drops the lines that only a browser needs.
func withoutAnchors(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, anchorBegin) {
			b.WriteString(line)
		}
	}
	return b.String()
}
