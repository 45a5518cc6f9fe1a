package cli

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-cx/assay/plugins/sdk"
)

func TestActor(t *testing.T) {
	for name, test := range map[string]struct {
		environment map[string]string
		want        sdk.Actor
	}{
		"nothing": {nil, sdk.Actor{}},
		"GitHub": {
			map[string]string{"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "17", "GITHUB_SHA": "abc"},
			sdk.Actor{CI: "github-actions", Job: "17", Commit: "abc"},
		},
		"GitLab": {
			map[string]string{"CI": "true", "GITLAB_CI": "true", "CI_JOB_URL": "https://user:token@gitlab.example/jobs/3?private_token=x", "CI_JOB_ID": "3", "CI_COMMIT_SHA": "abc"},
			sdk.Actor{CI: "gitlab", Job: "https://gitlab.example/jobs/3", Commit: "abc"},
		},
		"Jenkins": {
			map[string]string{"JENKINS_URL": "https://jenkins.example", "BUILD_TAG": "job-4", "GIT_COMMIT": "abc"},
			sdk.Actor{CI: "jenkins", Job: "job-4", Commit: "abc"},
		},
		"another":  {map[string]string{"CI": "1", "BUILD_ID": "9"}, sdk.Actor{CI: "ci", Job: "9"}},
		"not a CI": {map[string]string{"CI": "false", "BUILD_ID": "9"}, sdk.Actor{}},
	} {
		p := &process{lookupEnv: func(variable string) (string, bool) {
			value, ok := test.environment[variable]
			return value, ok
		}}
		got := p.actor()
		if got.Host == "" {
			t.Errorf("%s: no host", name)
		}
		got.User, got.Host = "", ""
		if diff := cmp.Diff(&test.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
