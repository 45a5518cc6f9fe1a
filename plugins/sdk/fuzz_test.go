package sdk_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/assay-cx/assay/plugins/pluginv1"
	"github.com/assay-cx/assay/plugins/sdk"
)

// foreign is a connection whose peer answers whatever bytes it likes.
type foreign struct {
	grpc.ClientConnInterface
	answer []byte
	code   uint32
}

func (f foreign) Invoke(_ context.Context, _ string, _, response any, _ ...grpc.CallOption) error {
	if f.code != 0 {
		s := status.New(codes.Code(f.code), string(f.answer)).Proto()
		s.Details = []*anypb.Any{{TypeUrl: "type.googleapis.com/assay.plugin.v1.Error", Value: f.answer}}
		return status.ErrorProto(s)
	}
	return proto.Unmarshal(f.answer, response.(proto.Message))
}

// Whatever a plugin answers, the host gets a valid result or an error.
func FuzzClient(f *testing.F) {
	add := func(code uint32, m proto.Message) {
		answer, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(answer, code)
	}
	add(0, &pluginv1.SubmitResponse{SessionId: "s"})
	add(0, &pluginv1.PollResponse{Status: "DONE", Execution: []byte(`{"status":"FAILED","trace":[{"step_id":"1"}]}`)})
	add(0, &pluginv1.ConfigureResponse{Poll: &pluginv1.PollPolicy{InitialMs: -1, Attempts: -1, TimeoutMs: 1 << 62}})
	add(8, &pluginv1.Error{Kind: 99, RetryAfterMs: 1 << 62, HttpStatus: -1})
	f.Fuzz(func(t *testing.T, answer []byte, code uint32) {
		client := sdk.NewClient(foreign{answer: answer, code: code})
		ctx := t.Context()
		configured, err := client.Configure(ctx, sdk.Config{})
		if p := configured.Poll; p != nil && (err != nil || p.Initial < 0 || p.Max < 0 || p.Attempts < 0 || p.Timeout < 0) {
			t.Errorf("poll policy %+v, %v", p, err)
		}
		checkError(t, err)
		token, err := client.Token(ctx, "")
		if (token.Value == "") != (err != nil) || token.ExpiresIn < 0 {
			t.Errorf("token %+v, %v", token, err)
		}
		checkError(t, err)
		submitted, err := client.Submit(ctx, sdk.SubmitRequest{})
		if err == nil && (submitted.SessionID == "") == (submitted.Execution == nil) {
			t.Errorf("submitted %+v", submitted)
		}
		checkError(t, err)
		polled, err := client.Poll(ctx, sdk.PollRequest{})
		if polled.Execution != nil && polled.Execution.Status == "" {
			t.Errorf("polled %+v", polled)
		}
		checkError(t, err)
		document, err := client.Call(ctx, "", nil)
		if err == nil && !json.Valid(document) {
			t.Errorf("document %q", document)
		}
		checkError(t, err)
		_, err = client.Metrics(ctx, sdk.MetricsRequest{})
		checkError(t, err)
	})
}

func checkError(t *testing.T, err error) {
	t.Helper()
	var e *sdk.Error
	if errors.As(err, &e) && (e.Kind == "" || e.RetryAfter < 0 || e.HTTPStatus < 0) {
		t.Errorf("error %#v", e)
	}
}

// Whatever a host sends, the plugin gets a valid request or none.
func FuzzServer(f *testing.F) {
	f.Add([]byte(`{"a":1}`), "a")
	f.Add([]byte(`{`), "")
	f.Add([]byte(nil), "b")
	p := &everything{submitted: sdk.SubmitResult{SessionID: "s"}}
	client := dialConfigured(f, p)
	f.Fuzz(func(t *testing.T, value []byte, name string) {
		p.got = nil
		overrides, err := json.Marshal(map[string]string{name: string(value)})
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.Submit(t.Context(), sdk.SubmitRequest{Input: value, Overrides: overrides})
		if err != nil {
			t.Fatal(err)
		}
		request := p.got[0].(sdk.SubmitRequest)
		if string(request.Input) != string(value) || !json.Valid(request.Overrides) {
			t.Errorf("got %+v", request)
		}
	})
}
