package oauth

import (
	"errors"
	"testing"

	"fetchd/fetch"
	"fetchd/tlsverify/hints"
)

func TestNextStep(t *testing.T) {
	t.Parallel()
	for kind := range nextSteps {
		err := NextStep(fetch.Fail(kind, errors.New("x")))
		if hints.Of(err) == "" || fetch.KindOf(err) != kind {
			t.Errorf("%s: %v", kind, err)
		}
	}
	own := Client{Account: "ann@h"}.needsLogin(errors.New("x"))
	if err := NextStep(own); err.Error() != own.Error() {
		t.Errorf("%v", err)
	}
	if NextStep(nil) != nil {
		t.Error("nil became an error")
	}
}
