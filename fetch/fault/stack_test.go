package fault

import (
	"testing"
	"unsafe"
)

// A stack with enough room stays where it is, however deep the calls are.
func TestReserveStack(t *testing.T) {
	t.Parallel()
	for range 20 { // the collector may take room back in between
		moved := make(chan bool)
		go func() {
			ReserveStack()
			var here byte
			before := uintptr(unsafe.Pointer(&here))
			descend(stackRoom / 256)
			moved <- uintptr(unsafe.Pointer(&here)) != before
		}()
		if !<-moved {
			return
		}
	}
	t.Error("the stack has grown")
}

//go:noinline
func descend(depth int) byte {
	var room [64]byte
	if depth == 0 {
		return room[0]
	}
	room[depth%len(room)] = descend(depth - 1)
	return room[depth/2%len(room)]
}
