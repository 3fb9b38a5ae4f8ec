package wire_test

import (
	"testing"
	"testing/synctest"
	"time"

	"fetchd/fetch/wire"
)

func TestUnable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var u wire.Unable
		u.Add("a:1")
		if !u.Has("a:1") || u.Has("a:2") {
			t.Errorf("a:1 %v, a:2 %v", u.Has("a:1"), u.Has("a:2"))
		}
		<-time.After(24 * time.Hour)
		if u.Has("a:1") {
			t.Error("it is not forgotten")
		}
	})
}
