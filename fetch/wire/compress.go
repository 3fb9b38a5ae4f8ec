package wire

import (
	"bufio"
	"compress/flate"
)

// Compress starts DEFLATE in both directions (RFC 4978), after the server has agreed to it. Bytes that were
// already read are the beginning of the compressed stream.
func (c *Conn) Compress() error {
	w, err := flate.NewWriter(c.timed, flate.DefaultCompression)
	if err != nil {
		return err
	}
	c.w, c.compressed = &flushed{w}, true
	// Over the old reader, which may hold the beginning of the compressed stream already.
	c.r = bufio.NewReaderSize(flate.NewReader(c.r), bufferSize)
	return nil
}

// flushed sends every write at once.
type flushed struct{ w *flate.Writer }

func (f *flushed) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	if err == nil {
		// The server answers only what has reached it: nothing may wait in the compressor.
		err = f.w.Flush()
	}
	return n, err
}
