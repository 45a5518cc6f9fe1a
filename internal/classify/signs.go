package classify

import "slices"

// tier is how much a kind of evidence counts. Among what runtimes and statuses
// say (class and above) the innermost layer of the cause chain decides, and in
// a layer the greatest tier; where there is none of that, the greatest tier
// decides, and in a tier the innermost layer. Then the surer sign.
type tier int

const (
	// hint is a wrapper, or a word that says little: ConnectionError, "timeout".
	hint tier = iota + 1
	// words speak of a kind of failure without proving it: "unavailable".
	words
	// contract is data that breaks its contract: a body that does not parse. It
	// ranks below any status of failure, since error pages do not parse either.
	contract
	// declared is the error code that the action answered with: authors catch
	// everything into one code, so it ranks below what runtimes say.
	declared
	// refusal is a status that says only that the request was refused: 400, 404.
	refusal
	// class is an error's class, or the sentence that a runtime gives with it:
	// "Cannot read properties of undefined".
	class
	// status is an HTTP status that names its kind of failure: 503, 429, 401.
	status
	// cause is a text that one kind of failure only produces: ECONNREFUSED.
	cause

	// deeper and outer are no evidence: they mark that what follows is the
	// cause of what stands before, or the other way round.
	deeper
	outer
)

var tierNames = [...]string{
	hint: "hint", words: "words", contract: "contract", declared: "declared code", refusal: "refusal",
	class: "error class", status: "HTTP status", cause: "cause",
}

func (t tier) String() string { return tierNames[t] }

// The categories, as language.md names them.
const (
	outage         = "outage"
	timeout        = "timeout"
	rateLimited    = "rate_limited"
	auth           = "auth"
	logicFault     = "logic_fault"
	invalidInput   = "invalid_input"
	schemaMismatch = "schema_mismatch"
	unknown        = "unknown"
)

// sign is a kind of failure and the texts by which runtimes tell of it.
type sign struct {
	category   string
	tier       tier
	confidence float64
	means      string // what a reader is told, as a clause
	// phrases are lower case and start at a word. "*" stands for up to maxGap
	// bytes of the same line, or at the end for the rest of a word; "$" at the
	// end for the end of the line. Punctuation before the first word must
	// precede it.
	phrases []string
	// ofAnswer is the category where the text speaks of an answer rather than
	// of what the caller gave; empty where that makes no difference.
	ofAnswer string
}

// allSigns are the signs of every table. Their order does not matter.
func allSigns() []sign {
	return slices.Concat(networkSigns, tlsSigns, timeoutSigns, gatewaySigns, throttleSigns, authSigns,
		databaseSigns, cloudSigns, scriptSigns, buildSigns, inputSigns, contractSigns, weakSigns, chainSigns)
}

// chainSigns mark the layers of cause chains: of Node, Java, .NET, Spring,
// gRPC, node-fetch and Python.
var chainSigns = []sign{
	{tier: deeper, phrases: []string{
		"[cause]:", "cause:", "caused by", "nested exception is", ", reason:", "reset reason:", "last error:", "original error:", "inner exception:", "root cause:",
	}},
	// Not "During handling of the above exception": what was being handled need
	// not be the cause.
	{tier: outer, phrases: []string{"the above exception was the direct cause of"}},
}
