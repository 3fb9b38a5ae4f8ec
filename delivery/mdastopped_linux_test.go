package delivery

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"testing"
)

// An agent that has delivered while the program was stopped, as by Ctrl-Z, has done so, whatever time it is
// when that goes on: otherwise the message would come twice.
func TestAgentEndsWhileStopped(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, script string
		works        bool
	}{
		{"delivered", "exit 0", true},
		{"failed", "exit 1", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := newMDA(t, MDAOptions{Command: "unused"})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			cmd := a.process(ctx, shell, []string{shell, "-c", tt.script}, nil, nil)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			for !childHasEnded(cmd.Process.Pid) {
				runtime.Gosched()
			}

			// The time limit is found to be over before anybody has waited for the agent.
			if err := cmd.Cancel(); err != os.ErrProcessDone {
				t.Errorf("it is ended: %v", err)
			}
			if err := cmd.Wait(); (err == nil) != tt.works {
				t.Errorf("it has ended with %v", err)
			}
		})
	}
}

func TestChildHasEnded(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	if childHasEnded(cmd.Process.Pid) {
		t.Error("a process that runs has ended")
	}

	in.Close()
	if err := cmd.Wait(); err != nil || !childHasEnded(cmd.Process.Pid) {
		t.Errorf("%v, and it has not ended", err)
	}
}
