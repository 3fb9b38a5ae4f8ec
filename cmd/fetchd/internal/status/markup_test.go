package status

import "testing"

func TestMarkup(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct {
		name, pattern string
		values        []any
		want          string
	}{
		{"a text", "<p>%s</p>", []any{"a & b"}, "<p>a &amp; b</p>"},
		{"an element", "<p>%s</p>", []any{"<script>"}, "<p>&lt;script&gt;</p>"},
		{"an attribute", "<a title='%s'>", []any{`' onclick="x`}, "<a title='&#39; onclick=&#34;x'>"},
		{"a NUL", "%s", []any{"a\x00b"}, "a\uFFFDb"},
		{"a verb in a text", "%s%%", []any{"%d"}, "%d%"},
		{"a number", "<rect x='%d'/>", []any{7}, "<rect x='7'/>"},
		{"our own", "<p class='%s'>", []any{trusted("<b>")}, "<p class='<b>'>"},
		{"any other kind of value", "%s", []any{[]string{"<b>"}}, "[&lt;b&gt;]"},
		{"none", "<hr>", nil, "<hr>"},
	} {
		var m markup
		m.add(tt.pattern, tt.values...)

		if got := m.text.String(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
