package fetchtest

import (
	"testing"

	"fetchd/tlsverify/hints"
)

// CheckNextStep fails the test unless each line that the user sees of err, the error of a retrieval, ends in
// a next step.
func CheckNextStep(t testing.TB, err error) {
	t.Helper()
	if err == nil {
		return
	}
	for _, line := range hints.Lines(err) {
		if line.Hint == "" {
			t.Errorf("an error without a next step: %s", line.Problem)
		}
	}
}
