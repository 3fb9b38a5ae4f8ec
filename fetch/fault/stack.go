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

// stackRoom is what TLS, SQLite and the delivery of a message need.
const stackRoom = 24 << 10

// ReserveStack makes the stack of the calling goroutine as large as a retrieval needs. It is for the
// beginning of a goroutine that does such work and ends: otherwise the stack grows in four steps, and for
// each of them the runtime looks up all functions that are running by then, in tables all over the program's
// file.
func ReserveStack() { reserve(0) }

//go:noinline
func reserve(n int) byte {
	// Always: what counts is that a function which runs has room for all its variables.
	if n == 0 {
		return 0
	}
	var room [stackRoom]byte
	return room[n%stackRoom]
}
