package classify_test

import (
	"regexp"
	"slices"
	"sync"
	"testing"

	"github.com/assay-cx/assay/internal/classify"
	"github.com/assay-cx/assay/internal/result"
)

func TestRulesMatchOnEveryConditionGiven(t *testing.T) {
	failure := failed(result.StepError{Message: "ERP maintenance window", Stack: "ErpError: down", Code: "E42", Status: 503})
	failure.Execution.Error = &result.ExecutionError{Code: "UPSTREAM", Details: []byte(`{"attempts":3}`)}
	for name, test := range map[string]struct {
		rule classify.Rule
		want bool
	}{
		"text of the message": {classify.Rule{Match: regexp.MustCompile(`(?i)erp.*maintenance`)}, true},
		"text of the stack":   {classify.Rule{Match: regexp.MustCompile(`ErpError`)}, true},
		"other text":          {classify.Rule{Match: regexp.MustCompile(`CRM`)}, false},
		"field":               {classify.Rule{Match: regexp.MustCompile(`down`), Field: "stack"}, true},
		"other field":         {classify.Rule{Match: regexp.MustCompile(`down`), Field: "message"}, false},
		"code of the step":    {classify.Rule{Match: regexp.MustCompile(`^E42$`), Field: "code"}, true},
		"code of the action":  {classify.Rule{Match: regexp.MustCompile(`^UPSTREAM$`), Field: "code"}, true},
		"details":             {classify.Rule{Match: regexp.MustCompile(`attempts`), Field: "details"}, true},
		"name of the step":    {classify.Rule{Step: "call"}, true},
		"id of the step":      {classify.Rule{Step: "s2"}, true},
		"other step":          {classify.Rule{Step: "s1"}, false},
		"status":              {classify.Rule{Status: 503}, true},
		"other status":        {classify.Rule{Status: 500}, false},
		"all":                 {classify.Rule{Match: regexp.MustCompile(`ERP`), Step: "call", Status: 503}, true},
		"all but one":         {classify.Rule{Match: regexp.MustCompile(`ERP`), Step: "call", Status: 500}, false},
		"none":                {classify.Rule{}, true},
	} {
		test.rule.Category = "outage"
		if _, got := (classify.Rules{test.rule}).Match(failure); got != test.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestStatusOfARuleMayStandInTheText(t *testing.T) {
	rules := classify.Rules{{Name: "r", Status: 503, Category: "outage"}}
	if _, ok := rules.Match(failed(result.StepError{Message: "Request failed with status code 503"})); !ok {
		t.Error("did not match")
	}
}

func TestFirstRuleWins(t *testing.T) {
	rules := classify.Rules{
		{Name: "crm", Match: regexp.MustCompile("CRM"), Category: "timeout"},
		{Name: "erp", Match: regexp.MustCompile("ERP.*window"), Category: "outage", Confidence: 0.95},
		{Name: "any", Category: "auth"},
	}
	got, ok := rules.Match(failed(result.StepError{Message: "the ERP has its maintenance window"}))
	want := result.Classification{
		Class: "EXTERNAL_DEPENDENCY_OUTAGE", Category: "outage", Confidence: 0.95,
		Reason: `The spec's rule "erp" matched "ERP has its maintenance window".`, Source: "rule:erp",
	}
	if !ok || got != want {
		t.Errorf("got %+v, %v", got, ok)
	}
	if unmatched := rules.Unmatched(); !slices.Equal(unmatched, []string{"crm", "any"}) {
		t.Errorf("unmatched: %q", unmatched)
	}
	if _, ok := classify.Rules(nil).Match(failed(result.StepError{Message: "x"})); ok {
		t.Error("no rules matched")
	}
	if _, ok := rules.Match(classify.Failure{}); ok {
		t.Error("matched no failure")
	}
}

func TestRulesAreSafeForConcurrentUse(t *testing.T) {
	rules := classify.Rules{{Name: "r", Match: regexp.MustCompile("x"), Category: "outage"}, {Name: "s", Category: "auth"}}
	var group sync.WaitGroup
	for _, message := range []string{"x", "y", "x", "y"} {
		group.Go(func() {
			rules.Match(failed(result.StepError{Message: message}))
			rules.Unmatched()
		})
	}
	group.Wait()
	if unmatched := rules.Unmatched(); unmatched != nil {
		t.Errorf("unmatched: %q", unmatched)
	}
}
