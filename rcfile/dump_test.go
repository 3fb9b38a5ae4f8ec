package rcfile

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

// One poll is dumped as it is among the others.
func TestDumpPoll(t *testing.T) {
	t.Parallel()
	c := mustParse(t, "x", `poll a user "<&>" pass "\"" folder "x", "y" user b is l = r here
		poll "\xff" user c keep`)
	polls := dumped(t, c)["polls"].([]any)
	if len(polls) != len(c.Polls) {
		t.Fatalf("%d polls", len(polls))
	}

	for i := range c.Polls {
		var b bytes.Buffer
		if err := DumpPoll(&b, &c.Polls[i], DumpOptions{ShowSecrets: true}); err != nil {
			t.Fatal(err)
		}
		var got any
		if err := json.Unmarshal(b.Bytes(), &got); err != nil {
			t.Fatalf("%v: %s", err, &b)
		}
		if !reflect.DeepEqual(got, polls[i]) {
			t.Errorf("%v, want %v", got, polls[i])
		}
	}
}
