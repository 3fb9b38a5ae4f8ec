package delivery_test

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// inPrivateMounts runs a job in a process that may mount what nobody else sees.
func inPrivateMounts(t *testing.T, job string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashJob+"="+job, crashDir+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Skipf("no private mounts: %v", err)
	}
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// mountSmallDisk mounts an empty file system that is soon full.
func mountSmallDisk(dir string) error {
	return unix.Mount("tmpfs", dir, "tmpfs", 0, "size=512k,mode=700")
}
