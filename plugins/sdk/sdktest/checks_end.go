package sdktest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/emptypb"
)

// shutdownMethod is go-plugin's own: the host calls it after Plugin.Shutdown.
const shutdownMethod = "/plugin.GRPCController/Shutdown"

func (t *trial) keepsStdout(ctx context.Context) (string, error) {
	if err := t.needProcess(); err != nil {
		return "", err
	}
	r, err := t.anyhow(ctx)
	if err != nil {
		return "", err
	}
	if o, err := t.main(r.op, 0); err == nil {
		_ = t.do(ctx, r, o) // whether it works is another check's matter
	}
	r.process.stop()
	for _, p := range t.processes {
		if n := p.stdout.extra.Load(); n > 0 {
			return "", failed("%d bytes besides the handshake", n)
		}
	}
	return fmt.Sprintf("nothing, in %d processes", len(t.processes)), nil
}

func (t *trial) keepsSecrets(ctx context.Context) (string, error) {
	if _, err := t.describe(ctx); err != nil {
		return "", err
	}
	secrets := t.secrets()
	if len(secrets) == 0 {
		return "", skip("the samples hold no sensitive attribute of 6 characters or more")
	}
	if _, err := t.ready(ctx); err != nil {
		return "", err
	}
	for _, secret := range secrets {
		for _, text := range t.texts {
			if strings.Contains(text, secret) {
				return "", failed("an error quotes a sensitive attribute: %s", text)
			}
		}
		for _, p := range t.processes {
			if strings.Contains(p.stderr.String(), secret) {
				return "", failed("stderr holds a sensitive attribute")
			}
		}
	}
	return fmt.Sprintf("%d errors and the stderr of %d processes", len(t.texts), len(t.processes)), nil
}

func (t *trial) shutsDown(ctx context.Context) (string, error) {
	r, err := t.anyhow(ctx)
	if err != nil {
		return "", err
	}
	began := time.Now()
	asking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := r.Shutdown(asking); err != nil {
		t.note(err)
		return "", failed("Shutdown: %w", err)
	}
	if r.process == nil {
		return "", nil
	}
	// The process may be gone before it has answered.
	_ = r.process.conn.Invoke(asking, shutdownMethod, &emptypb.Empty{}, &emptypb.Empty{})
	if !r.process.ended(ctx, patience-time.Since(began)) {
		return "", failed("the process runs on 2 s after Shutdown")
	}
	if code := r.process.cmd.ProcessState.ExitCode(); code != 0 {
		return "", failed("after Shutdown the process ends with %s, and not with status 0; %s", r.process.cmd.ProcessState, r.process.stderr.lastLines())
	}
	return "ended in " + time.Since(began).Round(time.Millisecond).String(), nil
}

func (t *trial) diesWithHost(ctx context.Context) (string, error) {
	if err := t.needProcess(); err != nil {
		return "", err
	}
	r, err := t.anyhow(ctx)
	if err != nil {
		return "", err
	}
	began := time.Now()
	_ = r.process.lifeline.Close()
	if !r.process.ended(ctx, patience) {
		return "", failed("the process runs on 2 s after its host is gone")
	}
	return "ended in " + time.Since(began).Round(time.Millisecond).String(), nil
}
