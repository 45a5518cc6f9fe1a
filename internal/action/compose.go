package action

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/assay-cx/assay/internal/redact"
)

// message is a request, evaluated.
type message struct {
	method  string
	url     string
	title   string // method and path, for errors
	headers map[string]string
	body    string
	shown   map[string]any // for the trace
}

func (e *execution) compose(q *request) (*message, *failed) {
	m := &message{method: http.MethodGet, headers: map[string]string{}}
	if q.json != nil || q.form != nil || q.body != nil {
		m.method = http.MethodPost
	}
	for _, compose := range []func(*request, *message) *failed{e.composeLine, e.composeBody, e.composeHeaders} {
		if f := compose(q, m); f != nil {
			return nil, f
		}
	}
	return m, nil
}

func (e *execution) composeLine(q *request, m *message) *failed {
	if q.method != nil {
		method, _, f := e.text(q.method, "method")
		if f != nil {
			return f
		}
		m.method = strings.ToUpper(method)
	}
	address, secret, f := e.text(q.url, "url")
	if f != nil {
		return f
	}
	parsed, err := url.Parse(address)
	if err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https" {
		return &failed{failure: Default, message: "url is not an absolute http or https URL"}
	}
	m.url = address
	path := cmp.Or(parsed.EscapedPath(), "/")
	shown := (&url.URL{Scheme: parsed.Scheme, Host: parsed.Host, Path: parsed.Path, RawPath: parsed.RawPath}).String()
	if secret {
		path, shown = redact.Masked, redact.Masked
	}
	m.title = m.method + " " + path
	m.shown = map[string]any{"method": m.method, "url": shown}
	return nil
}

func (e *execution) composeBody(q *request, m *message) *failed {
	switch {
	case q.json != nil:
		value, f := e.evaluate(q.json)
		if f != nil {
			return f
		}
		document, err := EncodeValue(value)
		if err != nil {
			return &failed{failure: Default, message: "json", detail: err.Error()}
		}
		m.body, m.headers["Content-Type"] = string(document), "application/json"
		m.shown["json"] = forTrace(value)
	case q.form != nil:
		return e.composeForm(q, m)
	case q.body != nil:
		body, secret, f := e.text(q.body, "body")
		if f != nil {
			return f
		}
		m.body, m.headers["Content-Type"] = body, "text/plain; charset=utf-8"
		m.shown["body"] = body
		if secret {
			m.shown["body"] = redact.Masked
		}
	}
	return nil
}

func (e *execution) composeForm(q *request, m *message) *failed {
	value, f := e.evaluate(q.form)
	if f != nil {
		return f
	}
	fields, f := texts(value, "form")
	if f != nil {
		return f
	}
	form := url.Values{}
	for name, field := range fields {
		form.Set(name, field)
	}
	m.body, m.headers["Content-Type"] = form.Encode(), "application/x-www-form-urlencoded"
	m.shown["form"] = forTrace(value)
	return nil
}

func (e *execution) composeHeaders(q *request, m *message) *failed {
	if q.headers == nil {
		return nil
	}
	value, f := e.evaluate(q.headers)
	if f != nil {
		return f
	}
	headers, f := texts(value, "headers")
	if f != nil {
		return f
	}
	for name, header := range headers {
		m.headers[textproto.CanonicalMIMEHeaderKey(name)] = header
	}
	return nil
}

// text evaluates an expression to a string and says whether it is marked.
func (e *execution) text(expr hcl.Expression, attribute string) (string, bool, *failed) {
	value, f := e.evaluate(expr)
	if f != nil {
		return "", false, f
	}
	value, marks := value.UnmarkDeep()
	text, err := convert.Convert(value, cty.String)
	if err != nil || text.IsNull() || !text.IsKnown() {
		return "", false, &failed{failure: Default, message: attribute + " is not a string"}
	}
	return text.AsString(), len(marks) > 0, nil
}

// texts reads an object whose members are strings, or become such. Null ones
// are left out.
func texts(value cty.Value, attribute string) (map[string]string, *failed) {
	value, _ = value.UnmarkDeep()
	converted, err := convert.Convert(value, cty.Map(cty.String))
	if err != nil || converted.IsNull() || !converted.IsWhollyKnown() {
		return nil, &failed{failure: Default, message: attribute + " is not a map of strings"}
	}
	fields := make(map[string]string, converted.LengthInt())
	for name, field := range converted.Elements() {
		if !field.IsNull() {
			fields[name.AsString()] = field.AsString()
		}
	}
	return fields, nil
}

// request makes the HTTP request of one try.
func (m *message) request(ctx context.Context) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, m.method, m.url, strings.NewReader(m.body))
	if err != nil {
		return nil, err
	}
	for name, value := range m.headers {
		request.Header.Set(name, value)
	}
	if host := m.headers["Host"]; host != "" {
		request.Host = host
	}
	return request, nil
}

func (m *message) traced() json.RawMessage { return mustJSON(m.shown) }

// mustJSON writes a document made of JSON types, which always marshals.
func mustJSON(document any) json.RawMessage {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(document); err != nil {
		panic(fmt.Sprintf("trace: %v", err))
	}
	return bytes.TrimRight(buffer.Bytes(), "\n")
}
