package cli_test

import (
	"fmt"
	"slices"
	"strings"
)

// faultSuite begins the suite that drives rows. Its breaker leaves every row
// its own failures.
const faultSuite = `
suite {
  name     = "faults"
  parallel = %[1]d
}
variable "base_url" {
  type    = string
  default = null
  env     = "CXONE_BASE_URL"
}
locals {
  base_url = coalesce(var.base_url, sandbox.url)
}
plugin "auth" {
  token_url     = "${local.base_url}/api/v2/oauth/token"
  client_id     = "demo"
  client_secret = "faults-client-secret"
  timeout       = %[2]q
}
`

// faultCXone and faultGenesys are the target.
const (
	faultCXone = `
plugin "cxone" {
  auth            = plugin.auth
  base_url        = local.base_url
  environment     = "test"
  metrics_timeout = %[1]q
  schema_timeout  = %[1]q
  poll            = { initial = "20ms", max = "300ms", attempts = %[2]d, timeout = %[3]q }
  breaker {
    failures = 100
  }
}
`
	faultGenesys = `
plugin "genesys" {
  auth     = plugin.auth
  base_url = local.base_url
  breaker {
    failures = 100
  }
}
`
)

// faultAction is the action and the vector of a row. Its first step tells that
// a session runs; its second is what a mock may fail. The fault at its first
// never strikes, and counts.
const faultAction = `
action "%[1]s" {
  id     = %[2]q
  output = object({ done = bool })
  error "UPSTREAM_TIMEOUT" {
    message  = "the upstream did not answer in time"
    category = "timeout"
  }
  error "UPSTREAM_DOWN" {
    message  = "the upstream is down"
    category = "outage"
  }
  error "RATE_LIMITED" {
    message  = "the upstream limits the rate"
    category = "rate_limited"
  }
  error "UNREADABLE" {
    message  = "the upstream's answer is not understood"
    category = "schema_mismatch"
  }
  handler {
    step "begin" {
      request {
        method = "POST"
        url    = "${mock.%[1]s.url}/begin"
      }
    }
    step "work" {
      request {
        url     = "${mock.%[1]s_upstream.url}/work"
        timeout = %[3]q
      }
      retry {
        base_delay = "5ms"
        max_delay  = "20ms"
      }
    }
    output = { done = step.work.response.json.done }
    errors = {
      timeout      = "UPSTREAM_TIMEOUT"
      rate_limited = "RATE_LIMITED"
      decode       = "UNREADABLE"
      default      = "UPSTREAM_DOWN"
    }
  }
}
mock "%[1]s" {
  route "POST /begin" {
    fault = { kind = "latency", probability = 0 }
  }
}
mock "%[1]s_upstream" {
  route "GET /work" {
    json = { done = true }
    %[4]s
  }
}
vector "%[1]s" {
  action = action.%[1]s
  %[5]s
}
`

// group is rows that one suite drives: those of a place that end with the same
// exit status. A fault of the token endpoint strikes the whole run, so its row
// is alone; a 429 slows the whole run down, so those rows are among themselves.
type group []faultRow

func groups(rows []faultRow) []group {
	var found []group
	for _, row := range rows {
		at := slices.IndexFunc(found, func(g group) bool {
			return g[0].exit == row.exit && g[0].throttles() == row.throttles() && row.place != "token"
		})
		if at < 0 {
			found = append(found, group{row})
			continue
		}
		found[at] = append(found[at], row)
	}
	return found
}

func rowName(i int) string { return fmt.Sprintf("row_%d", i) }

func rowAction(i int) string { return fmt.Sprintf("5eed0000-0000-4000-8000-%012x", i) }

// spec is the suite that drives the rows. No fault strikes its first vector
// and its last: they see that faults harm nobody else, and the last one gives
// sessions that nobody waits for the time to be counted.
func (g group) spec() string {
	var blocks, faults strings.Builder
	if g[0].place != "token" {
		fmt.Fprintf(&blocks, faultAction, "witness", rowAction(len(g)), "8s", `delay = "100ms"`, "")
	}
	for i, row := range g {
		blocks.WriteString(row.blocks(i))
		faults.WriteString(row.tenantFault(i))
		if row.place == "analytics" {
			fmt.Fprintf(&blocks, "threshold %[1]q {\naction = action.%[1]s\nmetric = \"error_rate\"\nmax = 0\nmin_executions = 1\n}\n", rowName(i))
		}
	}
	if g[0].place != "token" {
		blocks.WriteString("vector \"last\" {\naction = action.witness\n}\n")
	}
	return g.preamble() + blocks.String() + "sandbox {\n" + faults.String() + "}\n"
}

// preamble is the suite but for its actions and faults.
func (g group) preamble() string {
	parallel, limit, polls, pollTimeout := 1, "10s", 60, "10s"
	switch g[0].place {
	case "submit":
		polls, pollTimeout = 8, "4s"
	case "poll":
		parallel, polls, pollTimeout = 8, 8, "4s"
	case placeMock:
		parallel = 8
	}
	if slices.ContainsFunc(g, faultRow.overruns) {
		limit = "1s"
	}
	if g[0].place == placeTest {
		return fmt.Sprintf(faultSuite, parallel, limit) + faultGenesys
	}
	return fmt.Sprintf(faultSuite, parallel, limit) + fmt.Sprintf(faultCXone, limit, polls, pollTimeout)
}

// throttles reports whether the fault answers 429 to the host.
func (r faultRow) throttles() bool {
	return r.place != placeMock && (r.kind == "quota" || strings.Contains(r.line, "status = 429"))
}

// overruns reports whether the fault makes requests run into their limit.
func (r faultRow) overruns() bool {
	return r.kind == "hang" || r.kind == "slow" && !strings.Contains(r.line, "delay")
}

// blocks are the action, the mocks and the vector of the ith row.
func (r faultRow) blocks(i int) string {
	timeout, upstream, vector := "8s", "", ""
	switch r.place {
	case placeFailure:
		upstream = "status = 503"
	case placeMock:
		upstream = fmt.Sprintf("fault = {\nkind = %q\n%s\n}", r.kind, strings.Join(r.attributes, "\n"))
		if r.overruns() {
			timeout = "1s"
		}
	case "submit", "poll", placeTest:
		if r.overruns() {
			vector = fmt.Sprintf("with = { %s_timeout = \"1s\" }", r.place)
		}
	}
	return fmt.Sprintf(faultAction, rowName(i), rowAction(i), timeout, upstream, vector)
}

// tenantFault is the fault block of the ith row.
func (r faultRow) tenantFault(i int) string {
	operation, _, _ := strings.Cut(r.place, " ")
	attributes := strings.Join(r.attributes, "\n")
	switch operation {
	case placeMock:
		return ""
	case "token":
	default:
		attributes += "\naction = action." + rowName(i)
	}
	return fmt.Sprintf("fault %q {\nkind = %q\n%s\n}\n", operation, r.kind, attributes)
}
