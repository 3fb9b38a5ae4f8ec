package status

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"fetchd/tlsverify/hints"
)

const (
	patience    = 5 * time.Second // how long to wait for an answer, or for a client to take it
	requestTime = time.Second     // how long to wait for what a client wants
	maxRequest  = 64 << 10        // bytes: the names of some hundred accounts
)

// request is what a client of the socket wants: the history of these accounts too.
type request struct {
	Whole []string `json:"whole"`
}

// SocketOf is the socket of the daemon that holds the lock at a path.
func SocketOf(lock string) string { return lock + ".sock" }

// Server answers whoever asks at a daemon's socket. Close ends it.
type Server struct {
	l       net.Listener // which removes the socket when it is closed
	answer  func(whole func(account string) bool) Report
	closing chan struct{}
	serving sync.WaitGroup
}

// Serve listens at path, where only this user and root can connect. Nobody else may hold the lock that the
// socket belongs to: a socket that is there already is a dead daemon's. answer is called for each that asks.
func Serve(path string, answer func(whole func(account string) bool) Report) (*Server, error) {
	l, err := listenUnix(path, 0o600)
	if err != nil {
		return nil, err
	}
	s := &Server{l: l, answer: answer, closing: make(chan struct{})}
	s.serving.Go(s.serve)
	return s, nil
}

// serve answers one after another: the answers are short, and patience bounds each.
func (s *Server) serve() {
	for {
		conn, err := s.l.Accept()
		if err != nil { // closed, or no descriptor is free
			select {
			case <-s.closing:
				return
			// Without this pause an error that stays would make a loop that takes all the processor.
			case <-time.After(time.Second):
				continue
			}
		}

		s.serveOne(conn)
	}
}

func (s *Server) serveOne(conn net.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(requestTime))
	var wanted request
	// Whoever says nothing gets the short answer.
	_ = json.NewDecoder(io.LimitReader(conn, maxRequest)).Decode(&wanted)

	_ = conn.SetDeadline(time.Now().Add(patience))
	report := s.answer(Named(wanted.Whole))
	_ = json.NewEncoder(conn).Encode(&report)
}

// Close ends the server and removes its socket.
func (s *Server) Close() {
	if s != nil {
		close(s.closing)
		_ = s.l.Close()
		s.serving.Wait()
	}
}

// Ask gets the report of the daemon that listens at path, with the whole history of the accounts that whole
// means; the error is fs.ErrNotExist or syscall.ECONNREFUSED if none does.
func Ask(ctx context.Context, path string, whole ...string) (Report, error) {
	if err := checkOwner(path); err != nil {
		return Report{}, err
	}
	dialer := net.Dialer{Timeout: patience}
	conn, err := dialer.DialContext(ctx, "unix", path)
	if err != nil {
		return Report{}, err
	}
	defer conn.Close()
	return askThrough(conn, path, whole)
}

// askThrough gets the report through conn, which leads to path.
func askThrough(conn net.Conn, path string, whole []string) (Report, error) {
	_ = conn.SetDeadline(time.Now().Add(patience))
	err := json.NewEncoder(conn).Encode(request{whole})
	if err != nil {
		err = fmt.Errorf("ask at %s: %w", path, err)
	}

	var r Report
	if err == nil {
		r, err = read(conn, path)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		next := "it hangs, or was stopped: kill -CONT lets a stopped one go on, and kill -9 ends any"
		err = hints.Errorf(next, "the daemon at %s does not answer within %v", path, patience)
	}
	return r, err
}

// checkOwner returns an error for a socket at which somebody else may tell lies: it must be ours or root's
// or, if we are root, that of the user to whom its directory belongs.
func checkOwner(path string) error {
	var socket, dir unix.Stat_t
	if err := unix.Lstat(path, &socket); err != nil {
		return &fs.PathError{Op: "lstat", Path: path, Err: err}
	}

	uid := uint32(os.Geteuid())
	isTheirs := uid == 0 && unix.Stat(filepath.Dir(path), &dir) == nil && dir.Uid == socket.Uid
	if socket.Uid == 0 || socket.Uid == uid || isTheirs {
		return nil
	}
	return hints.Errorf("use a pidfile in a directory of your own",
		"the socket %s is no daemon's of yours: it belongs to uid %d", path, socket.Uid)
}
