package fetch

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestHoldsDeleted compares the search with that of the library, in texts of the phrase's own letters.
func TestHoldsDeleted(t *testing.T) {
	t.Parallel()

	random := rand.New(rand.NewPCG(1, 2))
	letters := []byte("been dlt.")
	found := 0
	for range 200_000 {
		text := make([]byte, random.IntN(40))
		for i := range text {
			text[i] = letters[random.IntN(len(letters))]
		}
		if room := len(text) - len(deleted); room >= 0 && random.IntN(2) == 0 {
			copy(text[random.IntN(room+1):], deleted)
		}

		want := bytes.Contains(text, []byte(deleted))
		if got := holdsDeleted(text); got != want {
			t.Fatalf("%q: %v", text, got)
		}
		if want {
			found++
		}
	}
	if found == 0 {
		t.Error("the phrase was in no text")
	}
}
