package wire

// What the tests see of the package's inside.
const TraceLimit = traceLimit

func (c *Conn) TraceIn(line []byte) { c.traceIn(line) }

// ReadingWork is how many bytes Clean looks at for text.
func ReadingWork(text string) (n int) {
	reading{text: []byte(text)}.each(deepestReading, func(r reading) { n += len(r.text) })
	return n
}

// Places is how many places Clean finds in text.
func Places(c *Concealer, text string) int {
	s := search{text: text, known: c.known}
	reading{text: []byte(text)}.each(deepestReading, s.look)
	return len(s.found)
}
