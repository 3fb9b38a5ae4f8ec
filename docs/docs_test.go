package docs

import (
	"slices"
	"strings"
	"testing"
)

func TestPage(t *testing.T) {
	t.Parallel()
	var topics []string
	for topic, title := range Topics() {
		topics = append(topics, topic)
		text, ok := Page(topic)
		if !ok || !strings.HasPrefix(text, "#") || strings.Contains(text, "<a id") ||
			!strings.HasSuffix(text, "\n") {
			t.Errorf("%s: %v, %.80q", topic, ok, text)
		}
		if title == "" || strings.ContainsAny(title, "\n#") {
			t.Errorf("%s is called %q", topic, title)
		}
	}
	some := []string{"service", "tls", "secrets", "moving", "server-checklist", "reach", "pins"}
	for _, want := range some {
		if !slices.Contains(topics, want) {
			t.Errorf("no topic %q among %q", want, topics)
		}
	}
	if _, ok := Page("cooking"); ok {
		t.Error("there is a page about cooking")
	}
}

func TestSectionIsPartOfItsPage(t *testing.T) {
	t.Parallel()
	page, _ := Page("server-checklist")
	section, _ := Page("chain")
	if !strings.Contains(page, section) || strings.Contains(section, "## 7.") {
		t.Errorf("section:\n%s", section)
	}
}
