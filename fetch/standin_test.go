package fetch

import (
	"cmp"
	"strings"
	"testing"

	"fetchd/delivery"
)

// TestIsStandIn: the sentences of Exchange's versions, wrapped anywhere, and mail that says something
// similar.
func TestIsStandIn(t *testing.T) {
	t.Parallel()
	const usual, noEmptyLine = "Subject: x\n\n", "Subject: x\n"
	long := "Received: " + strings.Repeat("r", standInText) + "\n\n"

	for _, tt := range []struct {
		name, text string
		want       bool
		head       string // "" = usual
	}{
		{"one version", "The message could not be retrieved. It has not been deleted.", true, ""},
		{"another", "The server could not retrieve the following message. The message hasn't been deleted.",
			true, ""},
		{"wrapped", "It could not be\nretrieved from the server. It has not been\ndeleted.", true, ""},
		{"wrapped elsewhere", "It could\nnot be retrieved. The message has\nnot been deleted.", true, ""},
		{"it was deleted", "The message could not be retrieved. It has been deleted.", false, ""},
		{"nothing of retrieving", "Your very good file has not been deleted.", false, ""},
		{"nothing of deleting", "What you have saved could not be retrieved.", false, ""},
		{"behind the beginning", strings.Repeat("v", standInText) +
			" could not be retrieved, has not been deleted", false, ""},
		{"far behind the header", strings.Repeat("v", standInFirst) +
			" could not be retrieved, has not been deleted", false, ""},
		{"a long subject between", "The server could not retrieve: " + strings.Repeat("v", standInFirst) +
			"\nThe message has not been deleted.", true, ""},
		{"the last letters", "has not been deleted, could not retriev", false, ""},
		{"short", "v", false, ""},
		{"without an empty line", "The message could not be retrieved.\nIt has not been deleted.\n", true,
			noEmptyLine},
		{"behind a long header", "The message could not be retrieved. It has not been deleted.", true, long},
		{"empty", "", false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, memory := range []int{0, -1} { // of the spool: held in memory, and in a file
				body := delivery.NewSpool(delivery.SpoolOptions{Dir: t.TempDir(), Memory: memory})
				if _, err := body.Write([]byte(cmp.Or(tt.head, usual) + tt.text)); err != nil {
					t.Fatal(err)
				}
				if err := body.Close(); err != nil {
					t.Fatal(err)
				}

				if got := (&Item{Body: body}).IsStandIn(); got != tt.want {
					t.Errorf("%v with %d bytes in memory", got, memory)
				}
				body.Release()
			}
		})
	}
}
