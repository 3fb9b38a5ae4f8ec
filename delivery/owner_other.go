//go:build !linux

package delivery

import "fmt"

// run runs f if that takes no other rights than ours: only Linux has rights for each thread.
func (o *owner) run(f func() error) error {
	if o == nil {
		return f()
	}
	return fmt.Errorf("%w: %s: this system can't", errRights, o)
}
