package login

import (
	"errors"
	"net"
	"os"
	"testing"

	"fetchd/fetch/wire"
	"fetchd/tlsverify/hints"
)

// A kind that is new needs a next step too.
func TestNextStep(t *testing.T) {
	t.Parallel()
	for kind := KindUnknown; kind == KindUnknown || kind.String() != KindUnknown.String(); kind++ {
		for stage := BeforeLogin; stage <= LoggedIn; stage++ {
			err := NextStep(Fail(kind, errors.New("x")), stage)
			if hints.Of(err) == "" ||
				kind != KindUnknown && hints.Of(err) == hintUnknown || KindOf(err) != kind {
				t.Errorf("%s, stage %d: %v", kind, stage, err)
			}
		}
	}
	if NextStep(nil, LoggedIn) != nil {
		t.Error("nil became an error")
	}
}

// What an error knows itself is better than what its kind says.
func TestNextStepKnown(t *testing.T) {
	t.Parallel()
	late := Fail(KindNetwork, wire.Late("no answer within 1s"))
	own := Fail(KindNetwork, hints.Errorf("pull the plug", "x"))
	for _, tt := range []struct {
		name  string
		err   error
		stage Stage
		want  string
	}{
		{"its own", own, LoggedIn, "x; hint: pull the plug"},
		{"late", late, LoggedIn, "no answer within 1s; hint: " + nextSteps[1].hint},
		{"TLS that is renegotiated", Fail(KindNetwork, &net.OpError{Op: "local error", Err: errors.New("x")}),
			AtLogin, "local error: x; hint: " + nextSteps[2].hint},
		{"ended before", Fail(KindNetwork, os.ErrClosed), BeforeLogin,
			"file already closed; hint: it is tried again next time; " +
				"if it lasts, check this machine's network"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			if err := NextStep(tt.err, tt.stage); err.Error() != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("%v", err)
			}
		})
	}
}
