package fetch

import "log/slog"

// Result is what one retrieval did.
type Result struct {
	Messages  int   // on the server, over all mailboxes
	Seen      int   // of these, not new
	New       int   // new ones found
	Delivered int   // delivered and recorded
	Bytes     int64 // of the delivered ones
	Deleted   int   // acknowledged by deletion
	Oversized int   // left because of Limit
	Excluded  int   // left because of Exclude
	Failed    int   // delivery failed: still on the server
	LimitHit  bool  // FetchLimit ended the retrieval
}

// LogValue names the numbers in the log.
func (r Result) LogValue() slog.Value {
	attrs := []slog.Attr{
		slog.Int("messages", r.Messages),
		slog.Int("seen", r.Seen),
		slog.Int("new", r.New),
		slog.Int("delivered", r.Delivered),
		slog.Int64("bytes", r.Bytes),
		slog.Int("deleted", r.Deleted),
		slog.Int("oversized", r.Oversized),
		slog.Int("failed", r.Failed),
	}

	if r.Excluded > 0 {
		attrs = append(attrs, slog.Int("excluded", r.Excluded))
	}

	if r.LimitHit {
		attrs = append(attrs, slog.Bool("limit_hit", true))
	}
	return slog.GroupValue(attrs...)
}
