//go:build !openbsd

package delivery

import "golang.org/x/sys/unix"

// freeAt is how much is free for others than root in a file system: bytes, and files, negative = any number.
func freeAt(path string) (bytes, files int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return 0, 0, err
	}
	if files = int64(st.Ffree); st.Files == 0 { // such as Btrfs, which makes them as they are needed
		files = -1
	}
	return int64(st.Bavail) * int64(st.Bsize), files, nil
}
