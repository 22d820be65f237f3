// wait-ready returns once an endpoint answers: for a postStart hook, because the kubelet starts the next container of a
// Pod only when the hook of the one before has returned (kuberuntime_container.go, startContainer).
//
// One static program without dependencies, so that it can be copied into any image, or mounted. What it accepts and
// says is the contract of tests/commands/wait_ready.json, which `inplace wait-ready` keeps as well.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	ok       = 0
	failed   = 1
	timedOut = 124
)

// What the kubelet shows as the message of a container that has ended; it exists in every container.
const terminationLog = "/dev/termination-log"

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program: its exit code is 0 if ready, 1 for bad usage, 124 if the time is over.
func run(args []string, stdout, stderr io.Writer) int {
	wanted, err := parse(args)
	if errors.Is(err, errHelp) {
		fmt.Fprint(stdout, usage)
		return ok
	}
	if err != nil {
		fmt.Fprintf(stderr, "error: %s\n", err)
		return failed
	}
	if wanted.install != "" {
		return report(install(wanted.install), stderr)
	}
	if err := await(wanted, stdout, stderr); err != nil {
		fmt.Fprintf(stderr, "error: %s\n", err)
		note(wanted.message, err)
		return timedOut
	}
	return ok
}

func report(err error, stderr io.Writer) int {
	if err != nil {
		fmt.Fprintf(stderr, "error: %s\n", err)
		return failed
	}
	return ok
}

// await tries until the target is ready; an error says for how long, and what the last attempt has met.
func await(wanted options, stdout, stderr io.Writer) error {
	begun, last := time.Now(), ""
	deadline := begun.Add(wanted.timeout)
	for attempts := 1; ; attempts++ {
		limit := min(wanted.attempt, time.Until(deadline))
		reason := wanted.probe(limit)
		if reason == "" {
			if !wanted.quiet {
				fmt.Fprintf(stdout, "%s: ready after %s\n", wanted.target, spent(begun, attempts))
			}
			return nil
		}
		// An attempt that the deadline has cut short says less than the one before it.
		if last == "" || limit == wanted.attempt || !strings.HasPrefix(reason, "no answer") {
			if reason != last && !wanted.quiet {
				fmt.Fprintf(stderr, "%s: %s\n", wanted.target, reason)
			}
			last = reason
		}
		if time.Until(deadline) <= wanted.interval {
			time.Sleep(max(0, time.Until(deadline)))
			return fmt.Errorf("%s: not ready after %s: %s", wanted.target, spent(begun, attempts), last)
		}
		time.Sleep(wanted.interval)
	}
}

func spent(begun time.Time, attempts int) string {
	plural := "s"
	if attempts == 1 {
		plural = ""
	}
	return fmt.Sprintf("%.1f s (%d attempt%s)", time.Since(begun).Seconds(), attempts, plural)
}

// note leaves the last line where `kubectl describe pod` shows it: the kubelet keeps a hook's output out of the Event.
// A file that does not exist is not made, and one that cannot be written is no reason to fail otherwise.
func note(path string, err error) {
	if file, opened := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0); opened == nil {
		fmt.Fprintf(file, "wait-ready: %s\n", err)
		file.Close()
	}
}

// install copies this program into a folder, complete or not at all: another container may be about to start it.
func install(folder string) error {
	own, err := os.Executable()
	if err != nil {
		return err
	}
	content, err := os.ReadFile(own)
	if err != nil {
		return err
	}
	draft, err := os.CreateTemp(folder, ".wait-ready-")
	if err != nil {
		return err
	}
	defer os.Remove(draft.Name())
	_, err = draft.Write(content)
	if err = errors.Join(err, draft.Chmod(0o755), draft.Close()); err != nil {
		return err
	}
	return os.Rename(draft.Name(), filepath.Join(folder, "wait-ready"))
}
