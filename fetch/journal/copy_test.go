package journal

import (
	"path/filepath"
	"slices"
	"testing"
)

func TestCopy(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	j, err := Open(ctx, filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for _, name := range []string{"a", "b"} {
		d, err := j.Maildrop(ctx, name)
		if err == nil {
			err = d.Start(ctx)
		}
		if err == nil {
			err = d.Record(ctx, []string{"of " + name}, false, true)
		}
		if err == nil {
			err = d.End(ctx, false)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Copy(ctx, "a", "c"); err != nil {
		t.Fatal(err)
	}
	if names, err := j.Names(ctx); err != nil || !slices.Equal(names, []string{"a", "b", "c"}) {
		t.Errorf("names %q, %v", names, err)
	}
	for _, name := range []string{"a", "c"} {
		d, err := j.Maildrop(ctx, name)
		if err != nil || !d.Done("of a") || d.Done("of b") {
			t.Errorf("%v, the record of a is not that of %s", err, name)
		}
	}
	if err := j.Copy(ctx, "b", "c"); err == nil {
		t.Error("two records became one")
	}
}
