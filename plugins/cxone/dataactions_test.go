package cxone

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/assay-cx/assay/plugins/sdk"
)

func TestGetSchema(t *testing.T) {
	t.Parallel()
	const document = `{"id":"` + actionID + `","name":"Sync"}`
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		kind   sdk.ErrorKind // empty: the document is found
	}{
		"document":   {answer(200, document), ""},
		"list":       {answer(200, `[{"id":"other"},`+document+`]`), ""},
		"data":       {answer(200, `{"data":[`+document+`]}`), ""},
		"empty list": {answer(200, `[]`), sdk.NotFound},
		"others":     {answer(200, `{"data":[{"id":"other"},7]}`), sdk.NotFound},
		"other":      {answer(200, `{"id":"other"}`), sdk.NotFound},
		"404":        {answer(404, ``), sdk.NotFound},
		"403":        {answer(403, ``), sdk.Forbidden},
		"odd data":   {answer(200, `{"data":7}`), sdk.Protocol},
		"HTML":       {answer(200, `<html>`), sdk.Protocol},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newTenant(t, test.answer)
			got, err := configured(t, n.URL, nil).GetSchema(t.Context(), sdk.SchemaRequest{Token: tokenCanary, ActionID: actionID})
			if r := n.requests()[0]; r.method != http.MethodGet || r.target != "/api/v2/dataactions?actionId="+actionID {
				t.Errorf("request %s %s", r.method, r.target)
			}
			if test.kind == "" {
				if err != nil || string(got) != document {
					t.Errorf("got %s, %v", got, err)
				}
				return
			}
			if failure := asError(t, err); failure.Kind != test.kind {
				t.Errorf("%v, want %s", failure, test.kind)
			}
		})
	}
}

// A platform may write the letters of an id in another case.
func TestGetSchemaIgnoresCase(t *testing.T) {
	t.Parallel()
	n := newTenant(t, answer(200, `[{"id":"`+strings.ToUpper(actionID)+`"}]`))
	if _, err := configured(t, n.URL, nil).GetSchema(t.Context(), sdk.SchemaRequest{Token: tokenCanary, ActionID: actionID}); err != nil {
		t.Error(err)
	}
}

func TestGetAllSchemas(t *testing.T) {
	t.Parallel()
	const document = `{"id":"` + actionID + `","name":"Sync"}`
	for name, test := range map[string]struct {
		answer, want string // want is empty where the answer is refused
	}{
		"list":       {`[` + document + `,{"id":"other"},7]`, `[` + document + `,{"id":"other"}]`},
		"data":       {`{"data":[` + document + `],"nextPageToken":null}`, `[` + document + `]`},
		"one":        {document, `[` + document + `]`},
		"none":       {`{"data":[]}`, `[]`},
		"more pages": {`{"data":[` + document + `],"nextPageToken":"2"}`, ``},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newTenant(t, answer(200, test.answer))
			got, err := configured(t, n.URL, nil).GetSchema(t.Context(), sdk.SchemaRequest{Token: tokenCanary})
			if r := n.requests()[0]; r.target != "/api/v2/dataactions" {
				t.Errorf("asked for %s", r.target)
			}
			if test.want == "" {
				if failure := asError(t, err); failure.Kind != sdk.Protocol {
					t.Errorf("%v, want %s", failure, sdk.Protocol)
				}
				return
			}
			if err != nil || string(got) != test.want {
				t.Errorf("got %s, %v", got, err)
			}
		})
	}
}

func TestPutSchema(t *testing.T) {
	t.Parallel()
	const document = `{"name":"Sync","input":{"type":"object"}}`
	n := newTenant(t, answer(201, ``))
	p := configured(t, n.URL, nil)
	r := sdk.SchemaRequest{Token: tokenCanary, ActionID: actionID}
	if err := p.PutSchema(t.Context(), r, json.RawMessage(document)); err != nil {
		t.Fatal(err)
	}
	if got := n.requests()[0]; got.method != http.MethodPost || got.target != "/api/v2/dataactions" || got.body != document {
		t.Errorf("request %s %s with %s", got.method, got.target, got.body)
	}
	if failure := asError(t, p.PutSchema(t.Context(), r, json.RawMessage(`[]`))); failure.Kind != sdk.Invalid || failure.Sent {
		t.Errorf("%+v, want invalid and not sent", failure)
	}
	page := newTenant(t, answer(200, `<html><body>Please sign in</body></html>`))
	err := configured(t, page.URL, nil).PutSchema(t.Context(), r, json.RawMessage(document))
	if failure := asError(t, err); failure.Kind != sdk.Protocol || strings.Contains(failure.Error(), "sign in") {
		t.Errorf("%v, want an answer that is not understood", failure)
	}
	refusing := newTenant(t, answer(400, `{"message":"conflict"}`))
	err = configured(t, refusing.URL, nil).PutSchema(t.Context(), r, json.RawMessage(document))
	if failure := asError(t, err); failure.Kind != sdk.Invalid || !strings.Contains(failure.Error(), "conflict") {
		t.Errorf("%v, want invalid with the platform's words", failure)
	}
}
