package action

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"
)

const (
	maxResponse = 5 << 20  // bytes of a response that are read
	maxTraced   = 64 << 10 // bytes of a response that a trace holds
)

// step runs one step and records it.
func (e *execution) step(ctx context.Context, s *step) *failed {
	record := Step{ID: s.name, Name: s.name, Started: time.Now()}
	value, f := e.runStep(ctx, s, &record)
	record.Duration = time.Since(record.Started)
	if f != nil {
		record.Error = &StepError{
			Message: f.text(), Code: f.code, Status: f.status,
			Stack: fmt.Sprintf("%s\n    at step %s (%s)", f.text(), s.name, s.place),
		}
	}
	e.outcome.Steps = append(e.outcome.Steps, record)
	e.values[s.name] = value
	return f
}

func (e *execution) runStep(ctx context.Context, s *step, record *Step) (cty.Value, *failed) {
	if s.request == nil {
		value, f := e.evaluate(s.set)
		if f != nil {
			return cty.NilVal, f
		}
		record.Output = mustJSON(forTrace(value))
		return cty.ObjectVal(map[string]cty.Value{"set": value}), nil
	}
	message, f := e.compose(s.request)
	if f != nil {
		return cty.NilVal, f
	}
	record.Input = message.traced()
	response, f := e.call(ctx, s, message)
	if response != nil {
		record.Output = response.traced()
	}
	if f != nil {
		f.title = message.title
		return cty.NilVal, f
	}
	return response.value(), nil
}

// call sends a request until it succeeds, fails for good, or is out of tries
// or time. The response is the last one, also beside a failure.
func (e *execution) call(ctx context.Context, s *step, m *message) (*response, *failed) {
	within, cancel := context.WithTimeout(ctx, s.limit)
	defer cancel()
	q := s.request
	for attempt := 1; ; attempt++ {
		response, f := e.attempt(within, s, m)
		if f == nil {
			e.log.LogAttrs(ctx, slog.LevelInfo, fmt.Sprintf("Attempt %d/%d succeeded", attempt, q.attempts), slog.String("step", s.name))
			return response, nil
		}
		f.attempts = attempt
		if f.failure == Timeout && within.Err() != nil {
			f.message = fmt.Sprintf("step exceeded its limit of %s (ETIMEDOUT)", s.limit)
		}
		e.log.LogAttrs(ctx, slog.LevelWarn, fmt.Sprintf("Retry %d/%d failed: %s", attempt, q.attempts, f.message), slog.String("step", s.name))
		if !f.retryable || attempt == q.attempts || !sleep(within, q.wait(f, attempt, e.random)) {
			f.message += f.tally()
			return response, f
		}
	}
}

// attempt sends a request once.
func (e *execution) attempt(ctx context.Context, s *step, m *message) (*response, *failed) {
	ctx, cancel := context.WithTimeout(ctx, s.request.timeout)
	defer cancel()
	request, err := m.request(ctx)
	if err != nil {
		return nil, &failed{failure: Default, message: "the request's method or headers are not valid"}
	}
	answer, err := e.options.Client.Do(request)
	if err != nil {
		return nil, fromError(err, s.request.timeout)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxResponse+1))
	if err != nil {
		return nil, fromError(err, s.request.timeout)
	}
	response := &response{status: answer.StatusCode, header: answer.Header, body: body}
	if len(body) > maxResponse {
		return nil, &failed{failure: Decode, status: answer.StatusCode, message: fmt.Sprintf("the response is longer than %d bytes", maxResponse)}
	}
	return response, response.judge(s)
}

// response is an answer that was read to its end.
type response struct {
	status  int
	header  http.Header
	body    []byte
	decoded cty.Value // its JSON; null where it is not JSON
}

// judge decodes a response and decides whether the step goes on with it.
func (r *response) judge(s *step) *failed {
	r.decoded = cty.NullVal(cty.DynamicPseudoType)
	decoded, err := DecodeValue(r.body)
	if err == nil {
		r.decoded = decoded
	}
	if !s.request.accepts(r.status) {
		return fromStatus(r.status, r.header)
	}
	if err != nil && s.readsJSON {
		return &failed{failure: Decode, status: r.status, message: "invalid JSON in response: " + reason(err)}
	}
	return nil
}

// reason words a decoding error without the text that was decoded.
func reason(err error) string {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Sprintf("SyntaxError: unexpected token or end at position %d", syntax.Offset)
	}
	return strings.TrimPrefix(err.Error(), "not JSON: ")
}

// value is the response as expressions see it. The names of headers are in
// lower case; of a repeated header the first value is kept.
func (r *response) value() cty.Value {
	headers := cty.MapValEmpty(cty.String)
	if len(r.header) > 0 {
		values := make(map[string]cty.Value, len(r.header))
		for name, header := range r.header {
			values[strings.ToLower(name)] = cty.StringVal(header[0])
		}
		headers = cty.MapVal(values)
	}
	return cty.ObjectVal(map[string]cty.Value{"response": cty.ObjectVal(map[string]cty.Value{
		"status":  cty.NumberIntVal(int64(r.status)),
		"headers": headers,
		"json":    r.decoded,
		"body":    cty.StringVal(string(r.body)),
	})})
}

func (r *response) traced() json.RawMessage {
	shown := map[string]any{"status": r.status}
	switch {
	case len(r.body) > maxTraced:
		shown["bytes"] = len(r.body)
	case json.Valid(r.body):
		shown["json"] = json.RawMessage(r.body)
	case len(r.body) > 0:
		shown["body"] = string(r.body)
	}
	return mustJSON(shown)
}
