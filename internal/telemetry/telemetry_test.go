package telemetry

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/assay-cx/assay/internal/result"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}

// receiver takes spans over OTLP.
type receiver struct {
	collector.UnimplementedTraceServiceServer
	mu      sync.Mutex
	service string
	spans   []*spans.Span
}

func (r *receiver) take(request *collector.ExportTraceServiceRequest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, of := range request.GetResourceSpans() {
		r.service = attributes(of.GetResource().GetAttributes())["service.name"]
		for _, scope := range of.GetScopeSpans() {
			r.spans = append(r.spans, scope.GetSpans()...)
		}
	}
}

// Export is OTLP over gRPC.
func (r *receiver) Export(_ context.Context, request *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	r.take(request)
	return &collector.ExportTraceServiceResponse{}, nil
}

// ServeHTTP is OTLP over HTTP.
func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	message := &collector.ExportTraceServiceRequest{}
	decode := proto.Unmarshal
	if request.Header.Get("Content-Type") == "application/json" {
		// OTLP's JSON has ids in hex, which protobuf's own takes for base64.
		decode = protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal
	}
	if err == nil {
		err = decode(body, message)
	}
	if err != nil || request.URL.Path != "/v1/traces" {
		http.Error(w, fmt.Sprint(request.URL.Path, err), http.StatusBadRequest)
		return
	}
	r.take(message)
}

func attributes(of []*common.KeyValue) map[string]string {
	all := map[string]string{}
	for _, a := range of {
		all[a.GetKey()] = strings.Trim(fmt.Sprint(a.GetValue().GetValue()), "&{}")
	}
	return all
}

func serve(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

// traced makes a small run and closes it.
func traced(t *testing.T, o Options) error {
	t.Helper()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", o.Endpoint)
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", o.Protocol)
	tracing, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	spend(t.Context(), tracing)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	return tracing.Close(ctx)
}

// spend makes 6 spans.
func spend(ctx context.Context, tracing *Tracing) {
	run, root := tracing.Run(ctx, "run-1", 7, "c0ffee")
	suite, suiteSpan := Suite(run, "inventory")
	vector, vectorSpan := Vector(suite, `throttled["W-1"]`)
	operation, operationSpan := Operation(vector, "cxone", "submit")
	for n, kind := range []string{"rate_limited", ""} {
		_, attempt := Attempt(operation, n+1)
		EndCall(attempt, kind, 429*(1-n))
	}
	EndCall(operationSpan, "", 0)
	EndVector(vectorSpan, &result.Vector{
		Suite: "inventory", Name: `throttled["W-1"]`, Action: "sync", Tags: []string{"erp"}, Status: result.Fail,
		Execution: &result.Execution{
			Status: "FAILED", SessionID: "s-1", Output: []byte(`"CANARY"`),
			Error: &result.ExecutionError{Code: "UPSTREAM_TIMEOUT", Message: "CANARY", Stack: "CANARY"},
		},
		Classification: &result.Classification{Class: "EXTERNAL_DEPENDENCY_OUTAGE", Category: "timeout", Confidence: 0.9, Reason: "CANARY"},
		Checks:         []result.Check{{Name: "expect.status", Status: result.Fail, Actual: "CANARY", Message: "CANARY"}},
		Error:          &result.Error{Summary: "The platform is not available", Detail: "CANARY"},
	})
	EndSuite(suiteSpan, "inventory", result.Fail)
	EndRun(root, result.Fail)
}

func TestSpans(t *testing.T) {
	r := &receiver{}
	if err := traced(t, Options{Endpoint: serve(t, r), Version: "1.2.3"}); err != nil {
		t.Fatal(err)
	}
	if r.service != "assay" || len(r.spans) != 6 {
		t.Fatalf("%d spans of %s", len(r.spans), r.service)
	}
	names := map[string]string{}
	for _, s := range r.spans {
		names[string(s.GetSpanId())] = s.GetName()
	}
	var tree []string
	told := map[string]map[string]string{}
	for _, s := range r.spans {
		tree = append(tree, fmt.Sprintf("%s < %s, %s %s", s.GetName(), names[string(s.GetParentSpanId())], s.GetStatus().GetCode(), s.GetStatus().GetMessage()))
		told[s.GetName()] = attributes(s.GetAttributes())
		if strings.Contains(s.String(), "CANARY") {
			t.Errorf("texts are in span %s: %s", s.GetName(), s)
		}
	}
	slices.Sort(tree)
	want := []string{
		"assay run < , STATUS_CODE_ERROR fail",
		"attempt < cxone submit, STATUS_CODE_ERROR rate_limited",
		"attempt < cxone submit, STATUS_CODE_UNSET ",
		`cxone submit < throttled["W-1"], STATUS_CODE_UNSET `,
		"inventory < assay run, STATUS_CODE_ERROR fail",
		`throttled["W-1"] < inventory, STATUS_CODE_ERROR fail`,
	}
	if diff := cmp.Diff(want, tree); diff != "" {
		t.Error(diff)
	}
	for span, wants := range map[string]map[string]string{
		"assay run": {"assay.run.id": "run-1", "assay.run.seed": "7", "assay.run.status": "fail", "vcs.ref.head.revision": "c0ffee"},
		"inventory": {"test.suite.name": "inventory", "test.suite.run.status": "failure"},
		`throttled["W-1"]`: {
			"test.suite.name": "inventory", "test.case.name": `throttled["W-1"]`, "test.case.result.status": "fail",
			"assay.session.id": "s-1", "assay.execution.error_code": "UPSTREAM_TIMEOUT", "assay.classification": "EXTERNAL_DEPENDENCY_OUTAGE",
			"error.type": "The platform is not available", "assay.check.failed": "expect.status",
		},
		"cxone submit": {"assay.plugin": "cxone", "assay.operation": "submit"},
	} {
		for key, value := range wants {
			if !strings.Contains(told[span][key], value) {
				t.Errorf("%s: %s is %q, want %q", span, key, told[span][key], value)
			}
		}
	}
}

func TestOtherProtocols(t *testing.T) {
	t.Run("http/json", func(t *testing.T) {
		r := &receiver{}
		if err := traced(t, Options{Endpoint: serve(t, r), Protocol: "http/json"}); err != nil || len(r.spans) != 6 {
			t.Errorf("%d spans, %v", len(r.spans), err)
		}
	})
	t.Run("grpc", func(t *testing.T) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		r, server := &receiver{}, grpc.NewServer()
		collector.RegisterTraceServiceServer(server, r)
		served := make(chan error, 1)
		go func() { served <- server.Serve(listener) }()
		t.Cleanup(func() {
			server.Stop()
			<-served
		})
		if err := traced(t, Options{Endpoint: "http://" + listener.Addr().String(), Protocol: "grpc"}); err != nil || len(r.spans) != 6 {
			t.Errorf("%d spans, %v", len(r.spans), err)
		}
	})
}

func TestReceiversThatTakeNothing(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for name, test := range map[string]struct {
		endpoint string
		want     string
	}{
		"dead": {"http://user:SECRET-CANARY@" + strings.TrimPrefix(gone.URL, "http://") + "/SECRET-CANARY", "connection refused"},
		"refuses": {serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, strings.Repeat("no key ", 10_000), http.StatusForbidden)
		})), "403 Forbidden"},
		"stutters": {serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/x-protobuf")
			answer, _ := proto.Marshal(&collector.ExportTraceServiceResponse{PartialSuccess: &collector.ExportTracePartialSuccess{RejectedSpans: 6, ErrorMessage: "too old"}})
			_, _ = w.Write(answer)
		})), "too old"},
	} {
		t.Run(name, func(t *testing.T) {
			err := traced(t, Options{Endpoint: test.endpoint})
			if err == nil || !strings.Contains(err.Error(), "6 of 6 spans were lost on the way to http://127.0.0.1:") || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if err != nil && (strings.Contains(err.Error(), "CANARY") || len(err.Error()) > 2*maxCause) {
				t.Errorf("it tells too much: %v", err)
			}
		})
	}
}

// A receiver that takes the request and never answers does not hold the end.
func TestAReceiverThatHangs(t *testing.T) {
	hold := make(chan struct{})
	endpoint := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hold }))
	t.Cleanup(func() { close(hold) }) // before the server is closed
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1000")
	tracing, err := Start(t.Context(), Options{Endpoint: endpoint})
	if err != nil {
		t.Fatal(err)
	}
	spend(t.Context(), tracing)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := tracing.Close(ctx); err == nil || !strings.Contains(err.Error(), "did not take them") {
		t.Errorf("got %v", err)
	}
}

func TestASamplerThatTakesNothing(t *testing.T) {
	r := &receiver{}
	t.Setenv("OTEL_TRACES_SAMPLER", "always_off")
	if err := traced(t, Options{Endpoint: serve(t, r)}); err != nil || len(r.spans) != 0 {
		t.Errorf("%d spans, %v", len(r.spans), err)
	}
}

func TestOptionsThatCannotBeMeant(t *testing.T) {
	for want, o := range map[string]Options{
		"not a URL":                    {Endpoint: "localhost:4318"},
		"such as http://localhost":     {Endpoint: "::"},
		`OTEL_EXPORTER_OTLP_PROTOCOL`:  {Protocol: "soap"},
		"use http/protobuf, http/json": {Protocol: "http"},
	} {
		if _, err := Start(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", o, err, want)
		}
	}
}

// Off costs nothing.
func TestWithoutATraceNothingIsAllocated(t *testing.T) {
	var off *Tracing
	ctx, v := t.Context(), &result.Vector{Name: "v", Status: result.Fail, Tags: []string{"x"}, Error: &result.Error{}}
	if n := testing.AllocsPerRun(100, func() {
		run, root := off.Run(ctx, "run-1", 7, "c0ffee")
		suite, suiteSpan := Suite(run, "inventory")
		vector, vectorSpan := Vector(suite, "v")
		operation, operationSpan := Operation(vector, "cxone", "submit")
		attempt, attemptSpan := Attempt(operation, 1)
		EndCall(attemptSpan, "unavailable", 503)
		EndCall(operationSpan, "unavailable", 503)
		EndVector(vectorSpan, v)
		EndSuite(suiteSpan, "inventory", result.Fail)
		EndRun(root, result.Fail)
		if trace.SpanContextFromContext(attempt).IsValid() {
			t.Error("there is a trace")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if err := off.Close(ctx); err != nil {
		t.Error(err)
	}
}
