// Package wire is the one connection to a mail server that everything else goes through: it bounds and
// times every read, keeps its first error for ever, obeys a context, keeps TLS honest and traces without
// secrets.
//
// Conn reads and writes lines. Packages imap and pop3 speak on it until the user is logged in; then they
// hand it, through adapters of their own, to go-imap and go-pop3.
package wire

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"fetchd/tlsverify"
)

// MaxLine bounds one line of a server's answer outside of lists and message bodies. RFC 9051 names no limit
// and RFC 2449 has 512 for POP3; capability lists of 4 KB exist, so this leaves room.
const MaxLine = 64 << 10

const bufferSize = 16 << 10 // what a TLS record holds

// ErrInjected is returned by StartTLS when the server sent something behind its answer to STARTTLS: it
// would be read as if it had come over TLS (CVE-2011-0411).
var ErrInjected = errors.New("server sent data in clear text behind its answer to STARTTLS:" +
	" someone may be tampering with the connection")

// Options describe a connection.
type Options struct {
	Label   string            // "IMAP" or "POP3", for the trace
	Timeout time.Duration     // longest wait for any one read or write; 0 = 5 minutes
	Trace   func(line string) // nil = none
	Rate    int64             // most bytes read in a second; 0 = no limit

	// Hidden knows the secrets of earlier connections and learns those of this one; nil = one of its own.
	Hidden *Concealer
}

// Conn is a connection to a server. Reads belong to one goroutine and writes to one goroutine at a time;
// Close may be called from anywhere.
type Conn struct {
	opt   Options
	raw   net.Conn   // TCP, plugin or a socket of this machine, also under TLS
	timed *timedConn // has its own locks

	// Changed only by StartTLS and Compress, while nobody else reads or writes.
	conn       net.Conn // TCP, plugin or TLS
	verdict    *tlsverify.Verdict
	tls        bool
	compressed bool

	r *bufio.Reader // the reading goroutine's

	writeMu sync.Mutex // held during a write
	w       io.Writer  // over timed
}

// New wraps conn; Close closes it.
func New(conn net.Conn, o Options) *Conn {
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Minute
	}
	if o.Hidden == nil {
		o.Hidden = new(Concealer)
	}

	c := &Conn{opt: o, raw: conn, conn: conn}
	c.timed = &timedConn{
		Conn: conn, timeout: o.Timeout, rate: o.Rate,
		debt: debt{timeout: o.Timeout, count: anyNumber},
	}

	// From a pool: a connection that rests gives its buffer back.
	c.r, c.w = readers.Get().(*bufio.Reader), c.timed
	c.r.Reset(c.timed)
	return c
}

// Bind makes the connection end when ctx does: all reads and writes under way fail with ctx's cause.
// release undoes that; it is a no-op after ctx ended.
func (c *Conn) Bind(ctx context.Context) (release func()) {
	stop := context.AfterFunc(ctx, func() { c.timed.fail(context.Cause(ctx)) })
	return func() { stop() }
}

// Close closes the connection at once.
func (c *Conn) Close() error {
	c.timed.fail(net.ErrClosed)
	return c.conn.Close()
}

// Verdict is what is known of the server's certificate, nil without TLS.
func (c *Conn) Verdict() *tlsverify.Verdict { return c.verdict }

// TLS tells whether the connection is encrypted and the peer verified.
func (c *Conn) TLS() bool { return c.tls }

// TLSState is the state of the TLS connection, nil without TLS.
func (c *Conn) TLSState() *tls.ConnectionState {
	secured, ok := c.conn.(explained)
	if !ok {
		return nil
	}
	tc, ok := secured.Conn.(*tls.Conn)
	if !ok {
		return nil
	}
	state := tc.ConnectionState()
	return &state
}

// RemoteAddr is the peer's address.
func (c *Conn) RemoteAddr() net.Addr { return c.conn.RemoteAddr() }

// RemoteIP is the peer's IP address as text, "" where there is none.
func (c *Conn) RemoteIP() string {
	if tcp, ok := c.conn.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.IP.String()
	}
	return ""
}

// Latency is the shortest time that the peer has taken for an answer so far; 0 = it has given none. Once more
// is asked for while answers are on their way, it means nothing.
func (c *Conn) Latency() time.Duration {
	c.timed.mu.Lock()
	defer c.timed.mu.Unlock()
	return c.timed.latency
}

// Err is the first error of the connection, nil while it is sound.
func (c *Conn) Err() error { return c.timed.firstError() }

// Break makes err the connection's error, unless it has one already, and returns the one it has. Callers
// that find the peer out of step use it.
func (c *Conn) Break(err error) error { return c.timed.fail(err) }

// StartTLS does the handshake and the checks of policy. Nothing that was read before survives it; if
// anything was unread the error is ErrInjected. The verdict is kept even when the peer is refused.
func (c *Conn) StartTLS(ctx context.Context, policy *tlsverify.Policy) error {
	// Before the handshake: afterwards these bytes would look as if they had come over TLS.
	if c.r.Buffered() > 0 {
		return c.Break(ErrInjected)
	}
	// No policy is a mistake of ours, and must not mean "anybody".
	if policy == nil {
		return c.Break(errors.New("no TLS policy for this server"))
	}

	hctx, cancel := context.WithTimeoutCause(ctx, c.opt.Timeout, c.timed.timeoutError("TLS handshake"))
	defer cancel()
	secured, verdict, err := policy.Client(hctx, c.conn)
	c.verdict = verdict // also of a server that is refused
	if err != nil {
		plugin, ended := errors.AsType[*PluginError](err)
		switch {
		case ended: // no matter in which step of the handshake
			err = plugin
		case hctx.Err() != nil:
			err = context.Cause(hctx)
		case IsTimeout(err):
			err = c.timed.timeoutError("TLS handshake")
		}
		return c.Break(c.CleanError(err)) // it may quote what came instead of TLS
	}

	// Only a verified connection replaces the old one, and with it all that was buffered.
	c.replace(explained{secured, verdict})
	c.tls = true
	return nil
}

// explained is a TLS connection that says why it ended when the server wants a client certificate.
type explained struct {
	net.Conn
	verdict *tlsverify.Verdict
}

func (e explained) Read(p []byte) (int, error) {
	n, err := e.Conn.Read(p)
	return n, e.verdict.Explain(err)
}

// replace puts conn under the reader and the writer.
func (c *Conn) replace(conn net.Conn) {
	c.conn = conn
	c.timed.replace(conn)
	c.r.Reset(c.timed)
}

// ReadLine reads one line, without its CRLF or LF, of at most limit bytes (0 = MaxLine). The slice is valid
// until the next read. A connection that ends within a line or before it gives io.ErrUnexpectedEOF.
func (c *Conn) ReadLine(limit int) ([]byte, error) {
	line, err := c.readRaw(limit)
	if err != nil {
		return nil, err
	}
	line = trimEOL(line)
	c.traceIn(line)
	return line, nil
}

// ReadResponseLine is ReadLine, but it keeps the end of the line.
func (c *Conn) ReadResponseLine(limit int) ([]byte, error) {
	line, err := c.readRaw(limit)
	if err == nil && c.Tracing() {
		c.traceIn(trimEOL(line))
	}
	return line, err
}

// SetTimeout changes how long a read may wait, including the one under way; 0 means Options.Timeout again.
func (c *Conn) SetTimeout(d time.Duration) {
	if d <= 0 {
		d = c.opt.Timeout
	}
	c.timed.setTimeout(d, false)
}

// Quiet is SetTimeout for a time in which the server owes us nothing: it may be as slow as it likes. It
// lasts until the next SetTimeout.
func (c *Conn) Quiet(d time.Duration) { c.timed.setTimeout(d, true) }

// ReadFull fills p with a part of a response that is not a line.
func (c *Conn) ReadFull(p []byte) error {
	if _, err := io.ReadFull(c.r, p); err != nil {
		return c.readError(err)
	}
	return nil
}

// Answered notes that the server has given a whole answer, or begun a message that was asked for.
func (c *Conn) Answered() {
	c.timed.mu.Lock()
	defer c.timed.mu.Unlock()
	c.timed.debt.answered()
}

// Expect notes that a message of at most n bytes follows, and gives it the time that n bytes take. Further
// bytes, until the next Answered, do not count as progress.
func (c *Conn) Expect(n int64) {
	c.timed.mu.Lock()
	defer c.timed.mu.Unlock()
	c.timed.debt.count = n
}

func (c *Conn) readRaw(limit int) ([]byte, error) {
	if limit <= 0 {
		limit = MaxLine
	}
	if err := c.Err(); err != nil { // what is left in the buffer came from the same faulty peer
		return nil, err
	}

	// Most lines fit into the buffer and need no copy.
	line, err := c.r.ReadSlice('\n')
	if err == nil && len(line) <= limit {
		return line, nil
	}

	var long []byte
	for {
		// Before it is kept: a hostile line costs no more than the limit.
		if len(long)+len(line) > limit {
			text := fmt.Sprintf("server sent a line of more than %d bytes", limit)
			return nil, c.Break(&plainError{text, errFlood})
		}
		if err == nil {
			return append(long, line...), nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, c.readError(err)
		}
		long = append(long, line...)
		line, err = c.r.ReadSlice('\n')
	}
}

// Reader gives the buffered bytes and then the connection's, for callers that read messages. Its errors are
// the connection's.
func (c *Conn) Reader() *bufio.Reader { return c.r }

// readError turns a clean end into errHungUp: no server may end a connection while we read.
func (c *Conn) readError(err error) error {
	return c.Break(lost(err))
}

// ReadError is the error to report when a read through Reader gave err: it is never io.EOF, and becomes the
// connection's error.
func (c *Conn) ReadError(err error) error { return c.readError(err) }

// WriteLine writes line and CRLF. The trace shows shown, or line itself if shown is "". A line with CR, LF
// or NUL is refused before anything is sent.
func (c *Conn) WriteLine(line, shown string) error {
	// Here, below all protocols: what follows a line end would be a command, in the name of the user.
	for i := range len(line) {
		if b := line[i]; b == '\r' || b == '\n' || b == 0 {
			return fmt.Errorf("refused to send a command with a control character in it")
		}
	}
	if shown == "" {
		shown = line
	}
	c.TraceOut(shown)
	return c.Write([]byte(line + "\r\n"))
}

// Write sends p as it is, untraced.
func (c *Conn) Write(p []byte) error {
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	_, err := c.w.Write(p)
	return err
}

func trimEOL(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line
}
