// Demo shows fetchd at work: it starts an IMAPS and a POP3S server on this machine with a dozen messages
// each, writes an rc file, and runs fetchd on it twice; or it keeps the servers for you to try. It is a
// program of its own so that fetchd ships no servers. "make demo" runs it.
package main

import (
	"os"

	"fetchd/cmd/internal/demo"
)

func main() { os.Exit(demo.Main(os.Args[1:], os.Stdout, os.Stderr)) }
