package journal_test

import "testing"

func staying(t *testing.T, h *house) {
	ctx := t.Context()
	m := h.mailbox(t, "INBOX")
	must(t, begin(ctx, m, 7))
	must(t, m.AddStaying(ctx, set(t, "1")))
	must(t, m.AddStaying(ctx, set(t, "3:4")))
	must(t, m.End(ctx, 9))
	h.reopen(t)

	for _, tt := range []struct {
		mailbox  string
		validity uint32
		want     string
	}{{"INBOX", 7, "1,3:4"}, {"INBOX", 8, ""}, {"other", 7, ""}} {
		m = h.mailbox(t, tt.mailbox)
		must(t, m.Start(ctx, tt.validity))
		uids, err := m.Staying(ctx)
		must(t, err)
		same(t, tt.mailbox, uids.String(), tt.want)
	}
}
