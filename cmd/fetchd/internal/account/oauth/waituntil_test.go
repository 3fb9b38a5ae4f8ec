package oauth

import (
	"net/http"
	"testing"
	"time"
)

// The provider says when to come again in seconds or as a date, by its own clock.
func TestWaitUntil(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

	for _, tt := range []struct {
		name, after, date string
		want              time.Duration // 0 = it does not say
	}{
		{"seconds", "120", "", 2 * time.Minute},
		{"too many seconds", "99999999999", "", maxWait},
		{"more seconds than a number holds", "999999999999999999999", "", maxWait},
		{"a date", "Fri, 27 Nov 2026 12:02:00 GMT", "", 2 * time.Minute},
		{"by another clock", "Fri, 27 Nov 2026 09:02:00 GMT", "Fri, 27 Nov 2026 09:00:00 GMT",
			2 * time.Minute},
		{"an old form of a date", "Friday, 27-Nov-26 12:02:00 GMT", "", 2 * time.Minute},
		{"far away", "Fri, 27 Nov 2099 12:00:00 GMT", "", maxWait},
		{"past", "Fri, 27 Nov 2026 11:00:00 GMT", "", 0},
		{"negative", "-5", "", 0},
		{"none", "", "", 0},
		{"nonsense", "soon", "", 0},
	} {
		resp := &http.Response{Header: http.Header{"Retry-After": {tt.after}, "Date": {tt.date}}}

		got := waitUntil(resp, now)
		if tt.want == 0 && !got.IsZero() || tt.want != 0 && !got.Equal(now.Add(tt.want)) {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
