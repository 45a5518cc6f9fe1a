package telemetry

import (
	"fmt"
	"sync/atomic"

	"github.com/go-logr/logr"
)

// complaints keeps what OpenTelemetry finds wrong with its environment.
// It would log that, with the value, which may be the receiver's key.
type complaints struct{ first atomic.Pointer[string] }

// err is the first complaint, if there is one.
func (c *complaints) err() error {
	if told := c.first.Load(); told != nil {
		return fmt.Errorf("a variable of the environment is not understood: OpenTelemetry failed to %s. Look at those whose names begin with OTEL_", *told)
	}
	return nil
}

// Error keeps what OpenTelemetry failed to do, and neither why nor with what:
// both quote the value.
func (c *complaints) Error(_ error, message string, _ ...any) { c.first.CompareAndSwap(nil, &message) }

// Init does nothing.
func (*complaints) Init(logr.RuntimeInfo) {}

// Enabled is for what is less than an error.
func (*complaints) Enabled(int) bool { return false }

// Info does nothing.
func (*complaints) Info(int, string, ...any) {}

// WithValues has the values go.
func (c *complaints) WithValues(...any) logr.LogSink { return c }

// WithName has the name go.
func (c *complaints) WithName(string) logr.LogSink { return c }
