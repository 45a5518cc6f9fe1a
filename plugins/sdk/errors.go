package sdk

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ErrorKind says what went wrong. It is itself an error, so that
// errors.Is(err, sdk.RateLimited) works on both sides of the wire.
type ErrorKind string

// The kinds of error.
const (
	Unauthenticated ErrorKind = "unauthenticated" // the credential or token was refused
	Forbidden       ErrorKind = "forbidden"       // a scope or permission is missing
	NotFound        ErrorKind = "not found"
	Invalid         ErrorKind = "invalid" // the request itself is wrong
	RateLimited     ErrorKind = "rate limited"
	Unavailable     ErrorKind = "unavailable" // unreachable, or answered 5xx
	Timeout         ErrorKind = "timeout"
	Protocol        ErrorKind = "protocol"    // the answer is not what the protocol says
	Internal        ErrorKind = "internal"    // a fault of the plugin
	Unsupported     ErrorKind = "unsupported" // the plugin does not do this operation
	Canceled        ErrorKind = "canceled"    // the caller gave up; wraps context.Canceled
)

// Error makes an ErrorKind usable with errors.Is.
func (k ErrorKind) Error() string { return string(k) }

// Error is how one attempt of one operation failed.
type Error struct {
	Kind    ErrorKind
	Message string // one line that a person can act on; no secrets, no personal data
	// Sent is true unless it is certain that no byte of the request reached
	// the peer. The host replays a Submit only where that is safe.
	Sent       bool
	RetryAfter time.Duration // what the peer asked for; 0 where it did not say
	HTTPStatus int           // 0 where there was no answer
	Detail     string        // more of what the peer said, redacted and shortened
	// Cause is kept on the plugin's side of the wire only.
	Cause error
}

func (e *Error) Error() string {
	if e.Detail == "" {
		return e.Message
	}
	return e.Message + ": " + e.Detail
}

// Is reports whether target is this error's kind.
func (e *Error) Is(target error) bool { return target == e.Kind }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }

// PartialError is what a queued sink's Deliver answers where it did not take
// all of several events. errors.Is and errors.As see the first failure.
type PartialError struct {
	// Errs are as many as there were events, in their order; nil for one that
	// was taken.
	Errs []error
}

// Partial answers for events one by one: nil where none of errs is an error.
func Partial(errs []error) error {
	if !slices.ContainsFunc(errs, func(err error) bool { return err != nil }) {
		return nil
	}
	return &PartialError{Errs: errs}
}

func (e *PartialError) Error() string { return errors.Join(e.Errs...).Error() }

// Unwrap gives the failures.
func (e *PartialError) Unwrap() []error {
	return slices.DeleteFunc(slices.Clone(e.Errs), func(err error) bool { return err == nil })
}

// ConfigError is what Configure answers where the settings are wrong.
type ConfigError struct{ Problems []Problem }

// Problem is one thing wrong with the settings.
type Problem struct {
	Attribute string // empty for the block as a whole
	Summary   string // short and constant
	Detail    string // what is wrong with this value and how to mend it
}

func (e *ConfigError) Error() string {
	texts := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		texts[i] = fmt.Sprintf("%s: %s", p.Attribute, p.Detail)
	}
	return "wrong settings: " + strings.Join(texts, "; ")
}
