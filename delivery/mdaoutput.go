package delivery

import (
	"io"
	"os"
	"sync"
	"time"
)

const (
	// mdaLastWords is how long the output of an agent that failed may take to end once it has: what it wrote
	// itself is there, but a process that it left behind may hold the pipe for ever.
	mdaLastWords = 100 * time.Millisecond
	// mdaLingers bounds the pipes that are read on after their agents have exited.
	mdaLingers = 16
)

// agentOutput reads what an agent writes to its standard output and standard error, and keeps the head of it.
// Its goroutine belongs to the delivery, and ends within the grace that outliveAgent gives it.
type agentOutput struct {
	pipe  *os.File
	ended chan struct{} // closed when nothing more is read

	mu   sync.Mutex // guards what follows
	kept outputHead
	slot chan struct{} // to be freed at the end; nil = none
	over bool
}

// newAgentOutput returns the output's reader, which reads, and the end for the agent.
func newAgentOutput() (*agentOutput, *os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	o := &agentOutput{pipe: r, ended: make(chan struct{})}
	// Read always: an agent that writes more than a pipe holds would otherwise hang.
	go o.read()
	return o, w, nil
}

// Write implements io.Writer for what was read.
func (o *agentOutput) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.kept.Write(p)
}

func (o *agentOutput) read() {
	_, _ = io.Copy(o, o.pipe)
	_ = o.pipe.Close()

	o.mu.Lock()
	defer o.mu.Unlock()
	o.over = true
	if o.slot != nil {
		<-o.slot
	}
	close(o.ended)
}

// head waits for the end of the output, but no longer than d, and returns how it begins.
func (o *agentOutput) head(d time.Duration) []byte {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-o.ended:
	case <-timer.C:
	}

	o.mu.Lock()
	defer o.mu.Unlock()
	return o.kept.head
}

// outliveAgent is for when the agent has exited: what it left behind may write for grace, so that its last
// lines don't kill it, unless as many others do as there is room for in slots.
func (o *agentOutput) outliveAgent(slots chan struct{}, grace time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.over {
		return
	}

	until := time.Now()
	select {
	case slots <- struct{}{}:
		o.slot = slots
		until = until.Add(grace)
	default:
	}

	// Ends the reading goroutine, which frees the slot.
	_ = o.pipe.SetReadDeadline(until)
}
