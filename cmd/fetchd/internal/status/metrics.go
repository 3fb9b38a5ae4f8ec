package status

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"

	"fetchd/cmd/fetchd/internal/logging"
	"fetchd/fetch/schedule"
)

// WriteMetrics writes the report in Prometheus's text format, version 0.0.4.
func (r *Report) WriteMetrics(w io.Writer) error {
	m := &metricsWriter{}
	accounts, troubled := r.Troubled()
	m.family("fetchd_accounts", "gauge", "Accounts of the rc file.")
	m.sample("fetchd_accounts", "", float64(accounts))
	m.family("fetchd_accounts_in_trouble", "gauge",
		"Accounts whose last retrieval failed, or that are refused.")
	m.sample("fetchd_accounts_in_trouble", "", float64(troubled))

	for _, f := range families {
		m.family(f.name, f.kind, f.help)
		for i := range r.Accounts {
			a := &r.Accounts[i]
			if value, ok := f.value(a); ok {
				m.sample(f.name, f.labels(a), value)
			}
		}
	}

	m.family("process_start_time_seconds", "gauge", "Start of the daemon since the epoch.")
	m.sample("process_start_time_seconds", "", seconds(r.Started))
	m.runtime()
	_, err := io.WriteString(w, m.String())
	return err
}

// family is what is told of each account.
type family struct {
	name, kind, help string
	value            func(*Account) (value float64, ok bool)
	byKind           bool // the failure's kind is a label too
	byState          bool // the account's state is
	bySubject        bool // that of the certificate which ends first is
}

var families = []family{
	{name: "fetchd_account_up", kind: "gauge",
		help: "1 if the last retrieval succeeded, 0 if it failed; absent before the first.",
		value: func(a *Account) (float64, bool) {
			if a.Trouble {
				return 0, true
			}
			return 1, a.State != schedule.Unknown.String()
		}},
	{name: "fetchd_account_state", kind: "gauge",
		help:  "1, with the state that \"fetchd status\" shows.",
		value: func(*Account) (float64, bool) { return 1, true }, byState: true},
	{name: "fetchd_account_last_success_timestamp_seconds", kind: "gauge",
		help:  "End of the last retrieval without an error.",
		value: func(a *Account) (float64, bool) { return seconds(a.Success), !a.Success.IsZero() }},
	{name: "fetchd_account_next_poll_timestamp_seconds", kind: "gauge",
		help:  "When the next retrieval is due.",
		value: func(a *Account) (float64, bool) { return seconds(a.Next), !a.Next.IsZero() }},
	{name: "fetchd_account_failures", kind: "gauge",
		help: "Retrievals in a row that failed, by the last one's kind.",
		value: func(a *Account) (float64, bool) {
			if !a.Trouble || a.Failure == nil {
				return 0, false
			}
			return float64(a.Failure.Count), true
		}, byKind: true},
	{name: "fetchd_account_set_aside", kind: "gauge", help: "Refused messages that wait on the server.",
		value: func(a *Account) (float64, bool) { return float64(a.SetAside), true }},
	{name: "fetchd_account_certificate_not_after_timestamp_seconds", kind: "gauge",
		help: "First end of a certificate of the server's chain, that of the subject.",
		value: func(a *Account) (float64, bool) {
			c := a.firstToEnd()
			if c == nil {
				return 0, false
			}
			return seconds(c.NotAfter), true
		}, bySubject: true},
	{name: "fetchd_account_messages_total", kind: "counter", help: "Messages delivered.",
		value: func(a *Account) (float64, bool) { return float64(a.Messages), true }},
	{name: "fetchd_account_bytes_total", kind: "counter", help: "Bytes of these.",
		value: func(a *Account) (float64, bool) { return float64(a.Bytes), true }},
}

func (f *family) labels(a *Account) string {
	text := "account=" + quoteLabel(a.Name)
	if len(a.Mailboxes) > 0 {
		text += ",mailbox=" + quoteLabel(strings.Join(a.Mailboxes, " "))
	}
	if f.byState {
		text += ",state=" + quoteLabel(a.State)
	}
	if f.bySubject {
		text += ",subject=" + quoteLabel(logging.Escape(a.firstToEnd().Subject))
	}
	if f.byKind {
		text += ",kind=" + quoteLabel(a.Failure.Kind)
	}
	return text
}

// quoteLabel quotes as the format demands: only these three are escaped.
func quoteLabel(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// metricsWriter collects the text.
type metricsWriter struct{ strings.Builder }

func (m *metricsWriter) family(name, kind, help string) {
	fmt.Fprintf(m, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

func (m *metricsWriter) sample(name, labels string, value float64) {
	if labels != "" {
		labels = "{" + labels + "}"
	}
	fmt.Fprintf(m, "%s%s %.15g\n", name, labels, value)
}

// runtime tells what the process uses.
func (m *metricsWriter) runtime() {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	for _, f := range []struct {
		name, help string
		value      uint64
	}{
		{"go_memory_total_bytes", "Memory mapped by the Go runtime.", memory.Sys},
		{"go_memory_heap_objects_bytes", "Memory of live objects and those not yet swept.", memory.HeapAlloc},
		{"go_goroutines", "Goroutines.", uint64(runtime.NumGoroutine())},
	} {
		m.family(f.name, "gauge", f.help)
		m.sample(f.name, "", float64(f.value))
	}
}
