package main

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
)

// lightPOP is a POP3 server that costs little: every user has the same five messages for ever.
type lightPOP struct {
	sessions atomic.Int64 // that have ended with QUIT
}

const lightMessage = "Subject: hello\r\n\r\nhello\r\n"

// servePOP serves ln until it is closed.
func servePOP(ln net.Listener) *lightPOP {
	s := &lightPOP{}
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go s.serve(conn)
		}
	}()
	return s
}

func (s *lightPOP) serve(conn net.Conn) {
	defer conn.Close()
	in, out := bufio.NewReaderSize(conn, 512), bufio.NewWriterSize(conn, 1024)
	user := ""
	fmt.Fprint(out, "+OK ready\r\n")

	for {
		if in.Buffered() == 0 && out.Flush() != nil { // what was pipelined is answered at once
			return
		}
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}

		verb, argument, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch strings.ToUpper(verb) {
		case "CAPA":
			fmt.Fprint(out, "+OK\r\nUSER\r\nUIDL\r\nTOP\r\nPIPELINING\r\n.\r\n")
		case "USER":
			user = argument
			fmt.Fprint(out, "+OK\r\n")
		case "STAT":
			fmt.Fprintf(out, "+OK 5 %d\r\n", 5*len(lightMessage))
		case "UIDL", "LIST":
			fmt.Fprint(out, "+OK\r\n")
			for n := 1; n <= 5; n++ {
				if value := fmt.Sprint(len(lightMessage)); verb == "LIST" {
					fmt.Fprintf(out, "%d %s\r\n", n, value)
				} else {
					fmt.Fprintf(out, "%d %s-%d\r\n", n, user, n)
				}
			}
			fmt.Fprint(out, ".\r\n")
		case "RETR", "TOP":
			fmt.Fprintf(out, "+OK\r\n%s.\r\n", lightMessage)
		case "QUIT":
			fmt.Fprint(out, "+OK\r\n")
			_ = out.Flush()
			s.sessions.Add(1)
			return
		default:
			fmt.Fprint(out, "+OK\r\n")
		}
	}
}
