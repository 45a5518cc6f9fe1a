package pluginhost

import (
	"bufio"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/assay-cx/assay/plugins/pluginv1"
)

const (
	// maxHandshake is more than any handshake needs, and less than what hangs
	// go-plugin.
	maxHandshake = 32 << 10
	// lastWords is how long the pipes of a process that has ended may be held
	// open by what it started.
	lastWords = 100 * time.Millisecond
)

// child is one process of a plugin; a runner of go-plugin.
type child struct {
	cmd     *exec.Cmd
	program command
	shared  *shared
	tail    *tail
	killed  <-chan struct{} // closed when the process must end at once

	stdout *io.PipeReader // the first line only
	exited chan struct{}  // closed when the process is gone and its pipes are read
	status error          // of the process, once exited
}

// newChild is a process to be started, with the environment that go-plugin
// made for it.
func newChild(program command, environ []string, s *shared, t *tail, killed <-chan struct{}) *child {
	cmd := program.exec(s.lifeline) // descriptor 3
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.certificate.Certificate[0]})
	cmd.Env = slices.Concat(s.environ, environ, []string{
		pluginv1.ClientCertEnv + "=" + string(certificate),
		pluginv1.LifelineEnv + "=3",
	})
	return &child{cmd: cmd, program: program, shared: s, tail: t, killed: killed, exited: make(chan struct{})}
}

// Start starts the process. Its stdin is /dev/null.
func (c *child) Start(context.Context) error {
	select {
	case <-c.killed:
		return ErrClosed
	default:
	}
	stdout, stdoutEnd, err := os.Pipe()
	if err != nil {
		return err
	}
	stderr, stderrEnd, err := os.Pipe()
	if err != nil {
		return errors.Join(err, stdout.Close(), stdoutEnd.Close())
	}
	c.cmd.Stdout, c.cmd.Stderr = stdoutEnd, stderrEnd
	err = c.program.started(c.shared.forker.start(c.cmd))
	closing := errors.Join(stdoutEnd.Close(), stderrEnd.Close())
	if err = errors.Join(err, closing); err != nil {
		return errors.Join(err, stdout.Close(), stderr.Close())
	}
	c.follow(stdout, stderr)
	return nil
}

// follow reads what the process writes until it ends.
func (c *child) follow(stdout, stderr *os.File) {
	reader, writer := io.Pipe()
	c.stdout = reader
	var reading sync.WaitGroup
	reading.Go(func() { passFirstLine(writer, stdout) })
	reading.Go(func() {
		lines := &lineWriter{tail: c.tail}
		_, _ = io.Copy(lines, stderr)
		lines.flush()
	})
	go func() {
		select {
		case <-c.killed:
			_ = c.cmd.Process.Kill()
		case <-c.exited:
		}
	}()
	go func() {
		c.status = c.cmd.Wait()
		// What the plugin started goes with it. The number cannot be another
		// group's while a process of this one lives.
		_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL)
		deadline := time.Now().Add(lastWords)
		_ = errors.Join(stdout.SetReadDeadline(deadline), stderr.SetReadDeadline(deadline))
		reading.Wait()
		_ = errors.Join(stdout.Close(), stderr.Close())
		close(c.exited)
	}()
}

// passFirstLine gives go-plugin the handshake and nothing more: a line of
// 64 KB would make it stop reading, and the plugin would hang as it writes.
func passFirstLine(to *io.PipeWriter, from io.Reader) {
	reader := bufio.NewReaderSize(from, maxHandshake)
	line, _ := reader.ReadSlice('\n')
	_, _ = to.Write(line)
	_ = to.Close()
	_, _ = io.Copy(io.Discard, reader)
}

// Wait waits for the end of the process.
func (c *child) Wait(context.Context) error {
	<-c.exited
	return c.status
}

// Kill kills the process.
func (c *child) Kill(context.Context) error {
	if c.cmd.Process == nil {
		return nil
	}
	if err := c.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill the plugin: %w", err)
	}
	return nil
}

// Stdout is the line of the handshake.
func (c *child) Stdout() io.ReadCloser { return c.stdout }

// Stderr is empty for go-plugin: the tail has it.
func (c *child) Stderr() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }

// Name is the path of the program.
func (c *child) Name() string { return c.cmd.Path }

// ID is the process id, empty before the start.
func (c *child) ID() string {
	if c.cmd.Process == nil {
		return ""
	}
	return strconv.Itoa(c.cmd.Process.Pid)
}

// Diagnose has nothing to add to the tail.
func (c *child) Diagnose(context.Context) string { return "" }

// PluginToHost leaves addresses as they are.
func (c *child) PluginToHost(network, address string) (string, string, error) {
	return network, address, nil
}

// HostToPlugin leaves addresses as they are.
func (c *child) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}

// wasKilled says that an ended process was killed, by whomever.
func (c *child) wasKilled() bool {
	status, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// exitStatus is how an ended process ended, such as "exit status 2" or
// "signal: killed".
func (c *child) exitStatus() string { return c.cmd.ProcessState.String() }
