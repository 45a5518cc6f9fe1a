package sdk_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assay-cx/assay/plugins/pluginv1"
	"github.com/assay-cx/assay/plugins/sdk"
)

func TestDescribe(t *testing.T) {
	var stdout bytes.Buffer
	if code := sdk.Main(new(everything), []string{"describe", "--json"}, &stdout); code != 0 {
		t.Fatalf("exit status %d", code)
	}
	var d sdk.Description
	if err := json.Unmarshal(stdout.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	kinds := []sdk.Kind{sdk.KindAuth, sdk.KindTarget, sdk.KindSink, sdk.KindHook}
	if d.Name != "everything" || d.Protocol != pluginv1.Version || !slices.Equal(d.Kinds, kinds) {
		t.Errorf("got %+v", d)
	}
	if text := stdout.String(); !strings.Contains(text, `"poll"`) {
		t.Errorf("no schema in %s", text)
	}
	if kinds := sdk.Describe(onlyDescribed{}).Kinds; len(kinds) != 0 {
		t.Errorf("kinds %v of a plugin without any", kinds)
	}
}

type onlyDescribed struct{ sdk.Plugin }

func (onlyDescribed) Describe() sdk.Description { return sdk.Description{} }

func process(t *testing.T, args ...string) (cmd *exec.Cmd, stdout, stderr *bytes.Buffer) {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
	cmd = exec.CommandContext(ctx, executable, append([]string{"plugin"}, args...)...)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	return cmd, stdout, stderr
}

func TestStartedByHand(t *testing.T) {
	for _, args := range [][]string{nil, {"describe"}, {"--help"}} {
		cmd, stdout, stderr := process(t, args...)
		err := cmd.Run()
		if cmd.ProcessState.ExitCode() != 2 {
			t.Errorf("%q: %v", args, err)
		}
		if stdout.Len() > 0 || !strings.Contains(stderr.String(), "everything 0.1.0 is a plugin of assay") {
			t.Errorf("%q: stdout %q, stderr %q", args, stdout, stderr)
		}
	}
}

// A plugin ends when the pipe that its host holds does.
func TestLifeline(t *testing.T) {
	lifeline, held, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer lifeline.Close()
	cmd, _, stderr := process(t)
	cmd.ExtraFiles = []*os.File{lifeline}
	cmd.Env = append(
		os.Environ(),
		pluginv1.CookieKey+"="+pluginv1.CookieValue, "PLUGIN_PROTOCOL_VERSIONS=1",
		pluginv1.LifelineEnv+"=3", "PLUGIN_UNIX_SOCKET_DIR="+t.TempDir(),
	)
	cmd.Stdout = nil
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 4)
	if _, err := stdout.Read(line); err != nil || string(line) != "1|1|" {
		t.Errorf("handshake %q, %v, %s", line, err, stderr)
	}
	held.Close()
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("%v: %s", err, stderr)
	}
}

func TestUnreadableHostCertificate(t *testing.T) {
	cmd, stdout, stderr := process(t)
	cmd.Env = append(os.Environ(), pluginv1.CookieKey+"="+pluginv1.CookieValue, pluginv1.ClientCertEnv+"=nonsense")
	_ = cmd.Run()
	if cmd.ProcessState.ExitCode() != 1 || stdout.Len() > 0 || !strings.Contains(stderr.String(), "certificate") {
		t.Errorf("exit status %d, stdout %q, stderr %q", cmd.ProcessState.ExitCode(), stdout, stderr)
	}
}
