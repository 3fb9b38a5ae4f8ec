package shell

import (
	"testing"
	"time"
)

func TestRunTellsTheTimeOut(t *testing.T) {
	t.Parallel()
	err := Run(t.Context(), "sleep 60", 50*time.Millisecond, new(Output), new(Output))
	if err == nil || err.Error() != "it did not end within 50ms" {
		t.Errorf("error %v", err)
	}
	if err := Run(t.Context(), "sleep 30 & echo x", time.Minute, &Output{Limit: 9}, new(Output)); err != nil {
		t.Error(err)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]bool{
		"sh -c x": true, `"sh" -c x`: true, "'/no/such agent' %T": true, "A=b nosuch": true,
		`/no/such\ agent`: true, "if x; then y; fi": true, "/no/such/agent": false,
		"'/no/such/agent' %T": false, " ": false, "exit 75": true, "ulimit -v 100000; exec sh": true,
	} {
		if err := Check("mda", command); err == nil != want {
			t.Errorf("%s: %v", command, err)
		}
	}
}
