package account

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"fetchd/cmd/fetchd/internal/account/secret"
	"fetchd/fetch"
	"fetchd/rcfile"
	"fetchd/tlsverify/tlstest"
)

// Accounts that trust the same file have its certificates in memory once, also after a reload. Not parallel:
// it measures memory.
func TestTrustedFilesAreShared(t *testing.T) {
	const accounts, certificates, limit = 100, 50, 4 << 20 // 10 KB for each of both would be 50 MB
	var bundle bytes.Buffer
	for range certificates {
		bundle.Write(tlstest.NewCA(t).PEM())
	}
	file := tlstest.WriteFile(t, "bundle.pem", bundle.Bytes())
	var rc strings.Builder
	for i := range accounts {
		fmt.Fprintf(&rc, "poll h%d proto imap user ann password x ssl sslcertfile %s mda true\n", i, file)
	}
	cfg, err := rcfile.Parse("rc", []byte(rc.String()), rcfile.Fetchmailrc)
	if err != nil {
		t.Fatal(err)
	}

	getenv := func(string) string { return "" }
	r := New(Environment{Secrets: &secret.Finder{Getenv: getenv}, Getenv: getenv})
	before := heap()
	var loads [2][]*fetch.Account
	for i := range loads {
		if loads[i], _, err = r.Resolve(cfg, Selected(cfg, nil), nil); err != nil {
			t.Fatal(err)
		}
	}
	if used := heap() - before; used > limit {
		t.Errorf("%d bytes for %d accounts, loaded twice", used, accounts)
	}
	runtime.KeepAlive(loads)
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
