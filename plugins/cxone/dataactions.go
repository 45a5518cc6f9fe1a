package cxone

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/assay-cx/assay/plugins/sdk"
)

// GetSchema reads an action's deployed schema document: the answer itself, or
// the entry of its list that carries the action's id.
func (p *Plugin) GetSchema(ctx context.Context, r sdk.SchemaRequest) (json.RawMessage, error) {
	const what = "read the action's schema"
	s := p.settings
	response, err := p.do(ctx, s, request{
		what:    what,
		method:  http.MethodGet,
		path:    s.SchemaPath + "?" + url.Values{s.Fields.of("actionId"): {r.ActionID}}.Encode(),
		token:   r.Token,
		timeout: time.Duration(s.SchemaTimeout),
		headers: map[string]string{s.WorkspaceHeader: s.Environment},
	})
	if err != nil {
		return nil, err
	}
	if !succeeded(response) {
		return nil, refused(what, response)
	}
	documents, ok := schemaDocuments(s.Fields, response.Body)
	if !ok {
		return nil, unexpected(what, "the answer is neither a schema document nor a list of them", response)
	}
	for _, document := range documents {
		if document.text("id") == r.ActionID || document.text("actionId") == r.ActionID {
			return value(document.values), nil
		}
	}
	return nil, &sdk.Error{
		Kind:       sdk.NotFound,
		Message:    fmt.Sprintf("%s: the platform has no schema of the action %s in %q", what, r.ActionID, s.Environment),
		Sent:       true,
		HTTPStatus: response.Status,
	}
}

// schemaDocuments are the objects of an answer: a bare list, a list in "data",
// or one document.
func schemaDocuments(f fields, body []byte) ([]document, bool) {
	answer := document{fields: f, values: map[string]json.RawMessage{f.of("data"): body}}
	if whole, ok := parseDocument(f, body); ok {
		if whole.raw("data") == nil {
			return []document{whole}, true
		}
		answer = whole
	}
	var list []json.RawMessage
	if err := json.Unmarshal(answer.raw("data"), &list); err != nil {
		return nil, false
	}
	var documents []document
	for _, item := range list {
		if document, ok := parseDocument(f, item); ok {
			documents = append(documents, document)
		}
	}
	return documents, true
}

// PutSchema deploys an action's schema document, which carries its own id.
func (p *Plugin) PutSchema(ctx context.Context, r sdk.SchemaRequest, document json.RawMessage) error {
	const what = "deploy the action's schema"
	if !isObject(document) {
		return notSent(what, []string{"the schema document is not a JSON object"})
	}
	s := p.settings
	response, err := p.do(ctx, s, request{
		what:    what,
		method:  http.MethodPost,
		path:    s.SchemaPath,
		token:   r.Token,
		body:    document,
		timeout: time.Duration(s.SchemaTimeout),
		headers: map[string]string{s.WorkspaceHeader: s.Environment},
	})
	if err != nil {
		return err
	}
	if !succeeded(response) {
		return refused(what, response)
	}
	return nil
}
