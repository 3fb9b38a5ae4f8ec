package status

import (
	"net"
	"testing"
	"testing/synctest"
)

// endless is a listener that always has another connection.
type endless struct{ net.Listener }

func (endless) Accept() (net.Conn, error) {
	one, _ := net.Pipe()
	return one, nil
}

// A place is free again when its connection was closed, once.
func TestLimited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := limited{endless{}, make(chan struct{}, 2)}
		accepted := make(chan net.Conn, 9)
		for range 5 {
			go func() {
				if conn, err := l.Accept(); err == nil {
					accepted <- conn
				}
			}()
		}

		for _, want := range []int{2, 1, 1, 1, 0} {
			synctest.Wait()
			if len(accepted) != want {
				t.Errorf("%d accepted, want %d", len(accepted), want)
			}
			for i := range len(accepted) {
				conn := <-accepted
				if want == 2 && i == 1 {
					defer conn.Close()
					continue
				}
				_, _ = conn.Close(), conn.Close()
			}
		}
	})
}
