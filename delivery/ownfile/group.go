package ownfile

import (
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// The permission bits with which others write.
const (
	groupWrites fs.FileMode = 0o020
	allWrite    fs.FileMode = 0o002
)

// othersWrite tells whether the bits of a file or directory let anybody else write: all, or a group that
// isn't the user's own.
func othersWrite(info fs.FileInfo) bool {
	perm := info.Mode().Perm()
	return perm&allWrite != 0 || perm&groupWrites != 0 && !isOwnGroup(info)
}

// isOwnGroup tells whether the file's group is the one that many systems give each user, with the user's
// name and nobody else in it. There a umask of 002 is usual, so that all that the user makes can be written
// by that group.
func isOwnGroup(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return false
	}
	// By name, as the system does not say who is in a group: users whose primary group it is are listed
	// nowhere.
	u, err := user.LookupId(strconv.Itoa(os.Geteuid()))
	if err != nil {
		return false
	}
	g, err := user.LookupGroupId(strconv.FormatUint(uint64(stat.Gid), 10))
	return err == nil && isOf(g, u)
}

// isOf tells whether g is the user's own group.
func isOf(g *user.Group, u *user.User) bool { return g.Gid == u.Gid && g.Name == u.Username }
