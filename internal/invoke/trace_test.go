package invoke

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/assay-cx/assay/plugins/sdk"
)

// Each attempt of a call has a span, below that of the call, and neither has
// the text of an error.
func TestSpansOfACall(t *testing.T) {
	for name, test := range map[string]struct {
		fail []error // the attempts in turn
		want []string
	}{
		"at once":      {[]error{nil}, []string{"attempt 1: ", "cxone submit 0: "}},
		"the second":   {[]error{busy, nil}, []string{"attempt 1: unavailable", "attempt 2: ", "cxone submit 0: "}},
		"refused":      {[]error{&sdk.Error{Kind: sdk.Forbidden, Message: "CANARY"}}, []string{"attempt 1: forbidden", "cxone submit 0: forbidden"}},
		"other errors": {[]error{errors.New("CANARY")}, []string{"attempt 1: internal", "cxone submit 0: internal"}},
		"canceled":     {[]error{context.Canceled}, []string{"attempt 1: canceled", "cxone submit 0: canceled"}},
		"too late":     {[]error{context.DeadlineExceeded}, []string{"attempt 1: timeout", "cxone submit 0: timeout"}},
		"breaker open": {[]error{&OpenError{Plugin: "auth", Cause: &sdk.Error{Kind: sdk.Forbidden}}}, []string{"attempt 1: breaker_open", "cxone submit 0: breaker_open"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				kept := tracetest.NewInMemoryExporter()
				provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(kept))
				ctx, root := provider.Tracer("test").Start(t.Context(), "vector")
				tries := 0
				_ = New("cxone", Policy{}, 1).Do(ctx, Submit, func(context.Context) error {
					tries++
					return test.fail[tries-1]
				})
				var got []string
				for _, s := range kept.GetSpans() {
					attempt, kind := int64(0), ""
					for _, a := range s.Attributes {
						switch a.Key {
						case attribute.Key("assay.attempt"):
							attempt = a.Value.AsInt64()
						case attribute.Key("error.type"):
							kind = a.Value.AsString()
						}
					}
					told := fmt.Sprintf("%s %d: %s", s.Name, attempt, kind)
					if s.Name == "attempt" {
						told = fmt.Sprintf("attempt %d: %s", attempt, kind)
					} else if s.Parent.SpanID() != root.SpanContext().SpanID() {
						t.Errorf("%s stands elsewhere", s.Name)
					}
					got = append(got, told)
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

var busy = &sdk.Error{Kind: sdk.Unavailable, HTTPStatus: 503, Sent: true, Message: "CANARY"}
