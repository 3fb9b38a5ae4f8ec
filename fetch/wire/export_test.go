package wire

// What the tests see of the package's inside.
const TraceLimit = traceLimit

func (c *Conn) TraceIn(line []byte) { c.traceIn(line) }
