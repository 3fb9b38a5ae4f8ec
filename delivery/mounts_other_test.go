//go:build !linux

package delivery_test

import (
	"errors"
	"testing"
)

func inPrivateMounts(t *testing.T, _ string) {
	t.Helper()
	t.Skip("no private mounts")
}

func mountSmallDisk(string) error { return errors.ErrUnsupported }
