package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"fetchd/cmd/fetchd/internal/cli"
)

// TestUnits looks for what each unit of docs/systemd must have, and whether its command line is one.
func TestUnits(t *testing.T) {
	t.Parallel()
	var units []string
	for _, pattern := range []string{"*.service", "*/*.service"} {
		found, err := filepath.Glob(filepath.Join("..", "..", "docs", "systemd", pattern))
		if err != nil {
			t.Fatal(err)
		}
		units = append(units, found...)
	}
	if len(units) != 3 {
		t.Fatalf("units: %q", units)
	}
	for _, path := range units {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		unit := string(data)
		want := []string{"LimitCORE=0", "MemoryMax=", "UMask=0077", "NoNewPrivileges=yes"}
		if strings.Contains(unit, "Type=oneshot") {
			want = append(want, "TimeoutStartSec=")
		} else {
			want = append(want, "WatchdogSec=", "Restart=on-failure")
		}
		for _, line := range want {
			if !strings.Contains(unit, "\n"+line) {
				t.Errorf("%s lacks %s", path, line)
			}
		}

		command := regexp.MustCompile(`(?m)^ExecStart=/usr/local/bin/fetchd (.*)$`).FindStringSubmatch(unit)
		if command == nil {
			t.Errorf("%s has no command", path)
			continue
		}
		if _, err := cli.Parse(strings.Fields(command[1]), nil); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}
