package fetchtest

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// Mail that comes between two commands is announced at the next IDLE.
func TestIdleServerAnnouncesWhatCameBefore(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := StartIdleServer(t, ln)
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}

	in := bufio.NewReader(conn)
	await := func(what string) {
		t.Helper()
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				t.Fatalf("no %q: %v", what, err)
			}
			if strings.Contains(line, what) {
				return
			}
		}
	}
	for i, command := range []string{`LOGIN "ann" x`, "SELECT INBOX"} {
		fmt.Fprintf(conn, "a%d %s\r\n", i, command)
		await(fmt.Sprintf("a%d OK", i))
	}
	s.Deliver("ann")
	fmt.Fprint(conn, "i IDLE\r\n")
	await("* 1 EXISTS")
}
