package cli

import (
	"net/url"
	"os"
	"os/user"

	"github.com/assay-cx/assay/plugins/sdk"
)

// ciSystem is how a CI system tells of itself in a job's environment.
type ciSystem struct {
	name   string
	marker string   // set where the system runs the job
	job    []string // the first that is set counts
	commit []string
}

// ciSystems is asked in this order; the last serves those that set what most do.
var ciSystems = []ciSystem{
	{"github-actions", "GITHUB_ACTIONS", []string{"GITHUB_RUN_ID"}, []string{"GITHUB_SHA"}},
	{"gitlab", "GITLAB_CI", []string{"CI_JOB_URL", "CI_JOB_ID"}, []string{"CI_COMMIT_SHA"}},
	{"jenkins", "JENKINS_URL", []string{"BUILD_URL", "BUILD_TAG", "BUILD_ID"}, []string{"GIT_COMMIT"}},
	{"ci", "CI", []string{"CI_JOB_URL", "CI_JOB_ID", "BUILD_URL", "BUILD_ID"}, []string{"CI_COMMIT_SHA", "CI_COMMIT", "GIT_COMMIT", "COMMIT_SHA"}},
}

// actor is who runs assay, as far as the environment tells.
func (p *process) actor() *sdk.Actor {
	actor := &sdk.Actor{}
	if current, err := user.Current(); err == nil {
		actor.User = current.Username
	}
	if host, err := os.Hostname(); err == nil {
		actor.Host = host
	}
	for _, system := range ciSystems {
		if value, ok := p.lookupEnv(system.marker); ok && value != "" && value != "false" {
			actor.CI = system.name
			actor.Job = withoutCredentials(p.firstOf(system.job))
			actor.Commit = p.firstOf(system.commit)
			break
		}
	}
	return actor
}

func (p *process) firstOf(names []string) string {
	for _, name := range names {
		if value, ok := p.lookupEnv(name); ok && value != "" {
			return value
		}
	}
	return ""
}

// withoutCredentials is a job's id, or its URL without user and query.
func withoutCredentials(job string) string {
	parsed, err := url.Parse(job)
	if err != nil || parsed.Host == "" {
		return job
	}
	parsed.User, parsed.RawQuery, parsed.Fragment = nil, "", ""
	return parsed.String()
}
