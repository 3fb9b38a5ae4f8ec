package delivery

import "golang.org/x/sys/unix"

// freeAt is how much is free for others than root in a file system: bytes, and files, negative = any number.
func freeAt(path string) (bytes, files int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return 0, 0, err
	}
	return st.F_bavail * int64(st.F_bsize), st.F_favail, nil
}
