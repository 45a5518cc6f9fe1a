package action

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDiagnostics sees that a wrong handler is found before it runs, while the
// upstream's address is not known yet, and that the place is named.
func TestDiagnostics(t *testing.T) {
	const get = `
    step "get" {
      request {
        url = "${var.upstream}/x"
      }
    }
`
	tests := map[string]struct {
		handler string
		want    []string // TEXT: Summary: Detail
	}{
		"right": {get + `output = { ok = step.get.response.json.ok }` + allErrors, nil},
		"undeclared code": {get + `errors = { default = "OTHR" }`, []string{
			`"OTHR": Undeclared error code: Action "test" declares no error "OTHR". Did you mean "OTHER"? Add an error block for it, or use one that is declared.`,
		}},
		"unknown failure": {get + `errors = { time_out = "SLOW", default = "OTHER" }`, []string{
			`time_out: Unknown failure: A handler does not fail with "time_out". Did you mean "timeout"? The failures are invalid_input, timeout, unreachable, rate_limited, upstream_error, rejected, decode, invalid_output, default.`,
		}},
		"errors not a map": {get + `errors = "OTHER"`, []string{
			`"OTHER": Wrong type: errors maps failures to declared codes: write { timeout = "UPSTREAM_TIMEOUT", default = "…" }.`,
		}},
		"later step": {`
    step "first" {
      set = { x = step.get.response.status }
    }
` + get, []string{
			`step.get.response.status: Reference to a step that has not run: Step "get" does not exist or comes later; steps run in the order in which they are written.`,
		}},
		"no such step": {get + `output = step.gett.response.json`, []string{
			`step.gett.response.json: Reference to a step that has not run: Step "gett" does not exist or comes later; steps run in the order in which they are written. Did you mean "get"?`,
		}},
		"unknown root": {get + `output = { x = inptu.sku }`, []string{
			`inptu: Unknown variable: There is no variable named "inptu". Did you mean "input"?`,
		}},
		"unknown input": {get + `output = { x = input.skuu }`, []string{
			`.skuu: Unsupported attribute: This object does not have an attribute named "skuu".`,
		}},
		"unknown part of a response": {get + `output = { x = step.get.response.text }`, []string{
			`.text: Unsupported attribute: This object does not have an attribute named "text".`,
		}},
		"unknown variable": {get + `output = { x = var.nope }`, []string{
			`.nope: Unsupported attribute: This object does not have an attribute named "nope".`,
		}},
		"unknown function": {get + `output = { x = uper(input.sku) }`, []string{
			`uper: Call to unknown function: There is no function named "uper". Did you mean "upper"?`,
		}},
		"timeouts": {`
    step "get" {
      timeout = "31s"
      request {
        url     = var.upstream
        timeout = "8 seconds"
      }
    }
`, []string{
			`"31s": Invalid step timeout: The platform stops a step after 30s: give a timeout above zero and no longer than that.`,
			`"8 seconds": Invalid duration: "8 seconds" is not a duration: write a number and a unit, such as "500ms", "8s" or "1m30s".`,
		}},
		"zero timeout": {`
    step "get" {
      request {
        url     = var.upstream
        timeout = "0s"
      }
    }
`, []string{`"0s": Invalid timeout: A request needs some time: give a timeout above zero.`}},
		"retry": {`
    step "get" {
      request {
        url = var.upstream
      }
      retry {
        attempts   = 0
        base_delay = "2s"
        max_delay  = "1s"
      }
    }
`, []string{
			`0: Number out of range: This must be a whole number from 1 to 20.`,
			`"1s": Invalid delays: max_delay (1s) is shorter than base_delay (2s).`,
		}},
		"bodies": {`
    step "get" {
      request {
        url  = var.upstream
        json = {}
        body = "x"
      }
    }
`, []string{`"x": More than one body: A request sends one of json, form and body. Remove the others.`}},
		"types": {`
    step "get" {
      request {
        url     = ["u"]
        headers = "Accept: */*"
      }
    }
`, []string{
			`["u"]: Wrong type: A value of type string is needed here: string required, but have tuple.`,
			`"Accept: */*": Wrong type: A value of type map of string is needed here: map of string required, but have string.`,
		}},
		"output's type": {get + `output = { name = step.get.response.json.name, count = [] }`, []string{
			`{ name = step.get.response.json.name, count = [] }: Wrong type: A value of type object is needed here: attribute "count": number required, but have tuple.`,
		}},
		"output's attributes": {get + `output = { count = 1 }`, []string{
			`{ count = 1 }: Wrong type: A value of type object is needed here: attribute "name" is required.`,
		}},
		"expect": {`
    step "get" {
      request {
        url    = var.upstream
        expect = [200, 2000]
      }
    }
`, []string{`[200, 2000]: Invalid status: 2000 is not an HTTP status: list numbers from 100 to 599, such as [200, 404].`}},
		"expect of the wrong type": {`
    step "get" {
      request {
        url    = var.upstream
        expect = "ok"
      }
    }
`, []string{`"ok": Wrong type: A value of type list of number is needed here: list of number required, but have string.`}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			attributes := "  input = object({ sku = string })\n"
			if strings.HasPrefix(name, "output's") {
				attributes += "  output = object({ name = string, count = optional(number) })\n"
			}
			text := spec(attributes, test.handler)
			_, diags := compile(t, text, "", Options{})
			var got []string
			for _, d := range diags {
				at := text[d.Subject.Start.Byte:d.Subject.End.Byte]
				got = append(got, fmt.Sprintf("%s: %s: %s", at, d.Summary, d.Detail))
			}
			slices.SortFunc(got, func(a, b string) int { return strings.Index(text, a[:3]) - strings.Index(text, b[:3]) })
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReadsJSONOnlyWhereItIsRead(t *testing.T) {
	tests := map[string]struct {
		output string
		want   bool
	}{
		"json":     {`step.get.response.json.a`, true},
		"index":    {`step["get"]["response"]["json"]`, true},
		"response": {`step.get.response`, true},
		"all":      {`step`, true},
		"status":   {`step.get.response.status`, false},
		"body":     {`"${step.get.response.body}!"`, false},
		"input":    {`input`, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r, diags := compile(t, spec("", `
    step "get" {
      request { url = var.upstream }
    }
    output = `+test.output), "", Options{})
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			if r.steps[0].readsJSON != test.want {
				t.Errorf("readsJSON = %v", r.steps[0].readsJSON)
			}
		})
	}
}
