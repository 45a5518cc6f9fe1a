package cxone

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/assay-cx/assay/plugins/sdk"
	"github.com/assay-cx/assay/plugins/sdk/sdkhttp"
)

// GetSchema reads an action's deployed schema document: the answer itself, or
// the entry of its list that carries the action's id. Without an id it answers
// the whole list.
func (p *Plugin) GetSchema(ctx context.Context, r sdk.SchemaRequest) (json.RawMessage, error) {
	const what = "read the action's schema"
	s := p.settings
	path := s.SchemaPath
	if r.ActionID != "" {
		path += "?" + url.Values{s.Fields.of("actionId"): {r.ActionID}}.Encode()
	}
	response, err := p.do(ctx, s, request{
		what:    what,
		method:  http.MethodGet,
		path:    path,
		token:   r.Token,
		timeout: time.Duration(s.SchemaTimeout),
		headers: map[string]string{s.WorkspaceHeader: s.Environment},
	})
	if err != nil {
		return nil, err
	}
	if !response.IsSuccess() {
		return nil, refused(what, response)
	}
	documents, ok := schemaDocuments(s.Fields, response.Body)
	if !ok {
		return nil, sdkhttp.Unexpected(what, "the answer is neither a schema document nor a list of them", response)
	}
	if r.ActionID == "" {
		return allDocuments(what, s.Fields, documents, response)
	}
	for _, document := range documents {
		if strings.EqualFold(document.text("id"), r.ActionID) || strings.EqualFold(document.text("actionId"), r.ActionID) {
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

// allDocuments is the list of an answer. Half a list would pass for the whole,
// so one that goes on is refused.
func allDocuments(what string, f fields, documents []document, response *sdkhttp.Response) (json.RawMessage, error) {
	if whole, ok := parseDocument(f, response.Body); ok && whole.text("nextPageToken") != "" {
		return nil, sdkhttp.Unexpected(what, "the list of schema documents has more pages than this one; ask for actions by their ids", response)
	}
	list := make([]json.RawMessage, len(documents))
	for i, document := range documents {
		list[i] = value(document.values)
	}
	return value(list), nil
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
	switch {
	case !response.IsSuccess():
		return refused(what, response)
	case response.IsHTML(): // a sign-in page deploys nothing
		return sdkhttp.Unexpected(what, "the answer is a page and not the platform's", response)
	}
	return nil
}
