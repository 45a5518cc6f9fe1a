package cli_test

import (
	"errors"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "update the expected texts in the scripts")

// TestScripts runs testdata/script: a script for each thing that a user may do
// and see. Beside testscript's own commands they have
//
//	exits STATUS PROGRAM ARGS…    the program ends with this exit status
//	tenant                        a tenant listens, and the environment points to it
//	requests [OPERATION] NUMBER   how many requests it got, of an operation or in all
//	acme VERSION PATH             a third party's plugin, testdata/acme, is put there
//	registry [down]               an OCI registry listens at $REGISTRY, or does no more
//
// and a file, $TENANT_SPEC: the plugins and the action of a suite for that
// tenant, with no vector.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Setup:               setUpScript,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits":    exits,
			"tenant":   startTenant,
			"requests": countRequests,
			"acme":     putAcme,
			"registry": serveRegistry,
		},
	})
}

func setUpScript(env *testscript.Env) error {
	tmp, err := os.MkdirTemp("/tmp", "assay-s")
	if err != nil {
		return err
	}
	env.Vars = append(environment(env.WorkDir, tmp), "WORK="+env.WorkDir)
	env.Values[scriptKey{}] = &scriptState{t: env.T().(testing.TB)}
	env.Setenv("TENANT_SPEC", filepath.Join(tmp, "tenant.assay.hcl"))
	spec := fmt.Sprintf(foreignBase, "", "", 8, "20s")
	if err := os.WriteFile(env.Getenv("TENANT_SPEC"), []byte(spec), 0o600); err != nil {
		return err
	}
	env.Defer(func() {
		left, err := os.ReadDir(tmp)
		if err == nil && len(left) > 1 {
			err = fmt.Errorf("temporary files are left behind: %v", left)
		}
		if err = errors.Join(err, os.RemoveAll(tmp)); err != nil {
			env.T().Fatal(err)
		}
	})
	return nil
}

// exits runs a program and holds its exit status against the one wanted.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS PROGRAM ARGS…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
	for _, disaster := range []string{"panic: ", "DATA RACE"} {
		if strings.Contains(ts.ReadFile("stdout")+ts.ReadFile("stderr"), disaster) {
			ts.Fatalf("%s", disaster)
		}
	}
}

// scriptKey is where a script's state stands.
type scriptKey struct{}

// scriptState is what the commands of one script share.
type scriptState struct {
	t        testing.TB
	tenant   *foreignTenant   // nil until the script starts it
	registry *httptest.Server // likewise
}

// startTenant lets a foreign tenant listen for the rest of the script.
func startTenant(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: tenant")
	}
	state := ts.Value(scriptKey{}).(*scriptState)
	state.tenant = newForeignTenant(state.t, quirks{})
	for _, variable := range state.tenant.env() {
		name, value, _ := strings.Cut(variable, "=")
		ts.Setenv(name, value)
	}
}

// countRequests holds the number of requests that the tenant got against the
// one wanted.
func countRequests(ts *testscript.TestScript, neg bool, args []string) {
	state := ts.Value(scriptKey{}).(*scriptState)
	if neg || len(args) == 0 || len(args) > 2 || state.tenant == nil {
		ts.Fatalf("usage: requests [OPERATION] NUMBER, after tenant")
	}
	want, err := strconv.Atoi(args[len(args)-1])
	ts.Check(err)
	got := 0
	for operation, n := range state.tenant.requests() {
		if len(args) == 1 || operation == args[0] {
			got += n
		}
	}
	if got != want {
		ts.Fatalf("%d requests, want %d (all: %v)", got, want, state.tenant.requests())
	}
}
