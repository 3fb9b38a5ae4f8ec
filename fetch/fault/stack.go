package fault

// OnOtherStack calls f in a goroutine of its own, and returns when f has; the error is a panic of f's. It is
// for what makes a stack grow, like TLS or a retrieval, before a goroutine waits for hours: the runtime takes
// half of a stack back only while less than a quarter of it is in use, and there may be thousands.
func OnOtherStack(f func()) (panicked error) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer Recover(&panicked)
		f()
	}()
	<-ended
	return panicked
}
