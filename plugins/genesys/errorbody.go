package genesys

import (
	"cmp"
	"encoding/json"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assay-cx/assay/plugins/sdk"
)

// errorBody is how the platform tells an error, in refused requests and in the
// results of tests alike. The second name of a field is the one that older
// parts of the platform use.
type errorBody struct {
	Message           string        `json:"message"`
	UserMessage       string        `json:"userMessage"`
	MessageWithParams string        `json:"messageWithParams"`
	Code              string        `json:"code"`
	ErrorCode         string        `json:"errorCode"`
	Status            int           `json:"status"`
	ContextID         string        `json:"contextId"`
	CorrelationID     string        `json:"correlationId"`
	Details           []errorDetail `json:"details"`
	Errors            []errorBody   `json:"errors"`
}

// errorDetail says which part of the platform gave up.
type errorDetail struct {
	ErrorCode string `json:"errorCode"` // such as ACTION.REMOTE_ENDPOINT
}

// remoteEndpoint is the detail of a failure that the called service answered.
const remoteEndpoint = "ACTION.REMOTE_ENDPOINT"

// parseError reports whether a document is an error that says something.
func parseError(document []byte) (*errorBody, bool) {
	var e errorBody
	if err := json.Unmarshal(document, &e); err != nil {
		return nil, false
	}
	return &e, e.text() != ""
}

// maxNested is how many errors of an error are told, the outermost first.
const maxNested = 8

// text is the message, and those of the errors within: the outermost often
// says no more than "Internal Server Error".
func (e *errorBody) text() string {
	var messages []string
	all := []errorBody{*e}
	for i := 0; i < len(all) && i < maxNested; i++ {
		message := strings.TrimSpace(cmp.Or(all[i].Message, all[i].UserMessage, all[i].MessageWithParams))
		if message != "" && !slices.Contains(messages, message) {
			messages = append(messages, message)
		}
		all = append(all, all[i].Errors...)
	}
	if len(messages) == 0 {
		return e.code()
	}
	return strings.Join(messages, ": ")
}

func (e *errorBody) code() string { return cmp.Or(e.Code, e.ErrorCode) }

// part is the part of the platform that gave up, or empty.
func (e *errorBody) part() string {
	for _, detail := range e.Details {
		if detail.ErrorCode != "" {
			return detail.ErrorCode
		}
	}
	return ""
}

// ofExecution is the error as an execution's.
func (e *errorBody) ofExecution() *sdk.ExecutionError {
	told := &sdk.ExecutionError{Code: e.code(), Message: e.text()}
	details := map[string]string{}
	if part := e.part(); part != "" {
		details["errorCode"] = part
	}
	if id := cmp.Or(e.ContextID, e.CorrelationID); id != "" {
		details["contextId"] = id
	}
	if len(details) > 0 {
		told.Details = value(details)
	}
	return told
}

// ofStep is the error as a step's.
func (e *errorBody) ofStep() *sdk.StepError {
	told := &sdk.StepError{Message: e.text(), Code: cmp.Or(e.part(), e.code())}
	// With 400 the platform also words its own complaints, about a template or
	// credentials: it says what the service answered only where it says so.
	if e.Status >= 400 && e.Status <= 599 && (e.Status != http.StatusBadRequest || e.part() == remoteEndpoint) {
		told.Status = e.Status
	}
	return told
}

var retryIn = regexp.MustCompile(`(?i)retry the request in \[(\d+)\] seconds`)

// retryAfter is the wait that a refusal asks for in its message, or 0.
func retryAfter(message string) time.Duration {
	found := retryIn.FindStringSubmatch(message)
	if found == nil {
		return 0
	}
	seconds, err := strconv.ParseInt(found[1], 10, 64)
	if err != nil || seconds > math.MaxInt64/int64(time.Second) {
		return math.MaxInt64 // more than fits; the host caps it
	}
	return time.Duration(seconds) * time.Second
}
