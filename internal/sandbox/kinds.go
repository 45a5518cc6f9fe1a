package sandbox

import "slices"

// operation is what a request to the tenant does, the label of a fault block.
type operation string

// The operations.
const (
	opToken     operation = "token"
	opSubmit    operation = "submit"
	opTest      operation = "test" // of an action, as Genesys Cloud has it
	opPoll      operation = "poll"
	opAnalytics operation = "analytics"
	opDeploy    operation = "deploy"
	opMock      operation = "" // not the tenant's: a route of a mock
)

var operations = []operation{opToken, opSubmit, opTest, opPoll, opAnalytics, opDeploy}

// The kinds of fault that any request can meet.
const (
	kindLatency     = "latency"      // waits, then goes on
	kindHang        = "hang"         // takes the request and never answers
	kindRefuse      = "refuse"       // resets; a mock that does nothing else does not listen
	kindReset       = "reset"        // resets the connection before anything is done
	kindClose       = "close"        // does the work and closes the connection before the headers
	kindCut         = "cut"          // closes the connection after some bytes of the body
	kindSlow        = "slow"         // sends the body in dribs and drabs
	kindStatus      = "status"       // answers a status in place of the work
	kindQuota       = "quota"        // 429 once a window's requests are used up
	kindGarbage     = "garbage"      // a body of random bytes
	kindMalformed   = "malformed"    // a body that is almost JSON
	kindTruncate    = "truncate"     // the first half of the body, as if it were all
	kindOversized   = "oversized"    // a body of many megabytes
	kindContentType = "content_type" // an HTML page with status 200
)

var wireKinds = []string{
	kindLatency, kindHang, kindRefuse, kindReset, kindClose, kindCut, kindSlow, kindStatus,
	kindQuota, kindGarbage, kindMalformed, kindTruncate, kindOversized, kindContentType,
}

// The kinds of fault of the tenant itself.
const (
	kindExpiresMissing  = "expires_in_missing" // token: without expires_in
	kindExpiresShort    = "expires_in_short"   // token: expires_in of a second, though it lives longer
	kindRevoke          = "revoke"             // token: revoked after `uses` requests
	kindDuplicate       = "duplicate_session"  // submit: the id of an earlier session
	kindLost            = "lost_session"       // submit: the session is nowhere to be found
	kindSlowStep        = "slow_step"          // submit: a step runs into the platform's limit
	kindStuck           = "stuck"              // poll: RUNNING, whatever the session does
	kindBackwards       = "backwards"          // poll: QUEUED, though it was running
	kindTraceUnordered  = "trace_unordered"    // poll: the steps in reverse
	kindTraceEmpty      = "trace_empty"        // poll: no steps
	kindTraceMissing    = "trace_missing"      // poll: no trace at all
	kindUndeclaredCode  = "undeclared_code"    // poll: an error code that the action does not declare
	kindRepeatPageToken = "repeat_page_token"  // analytics: the same page again and again
	kindEndlessPages    = "endless_pages"      // analytics: always one more page
	kindConflict        = "conflict"           // deploy: 409, somebody else changed the schema
)

var tenantKinds = map[operation][]string{
	opToken:     {kindExpiresMissing, kindExpiresShort, kindRevoke},
	opSubmit:    {kindDuplicate, kindLost, kindSlowStep},
	opPoll:      {kindStuck, kindBackwards, kindTraceUnordered, kindTraceEmpty, kindTraceMissing, kindUndeclaredCode},
	opAnalytics: {kindRepeatPageToken, kindEndlessPages},
	opDeploy:    {kindConflict},
}

// endKinds change what a session ended with. They strike the polls that answer
// an end, so that how long a session ran does not move the dice.
var endKinds = []string{kindTraceUnordered, kindTraceEmpty, kindTraceMissing, kindUndeclaredCode}

// kindsOf are the kinds of fault that an operation can meet.
func kindsOf(op operation) []string { return slices.Concat(wireKinds, tenantKinds[op]) }
