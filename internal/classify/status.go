package classify

import (
	"slices"
	"strconv"
	"strings"
)

// verdict is what a status says.
type verdict struct {
	category   string
	tier       tier
	confidence float64
	means      string
}

// statusVerdicts are the HTTP statuses that say more than their hundred does.
var statusVerdicts = map[int]verdict{
	400: {invalidInput, refusal, 0.85, "the upstream refused the request"},
	401: {auth, status, 0.95, "the upstream refused the credentials"},
	402: {rateLimited, refusal, 0.6, "the upstream wants to be paid"},
	403: {auth, refusal, 0.9, "the upstream forbids the call"},
	404: {invalidInput, refusal, 0.8, "the upstream does not have what was asked for"},
	405: {logicFault, refusal, 0.85, "the upstream does not take this method at this address"},
	406: {logicFault, refusal, 0.8, "the upstream cannot answer in the form that the action asks for"},
	407: {auth, status, 0.93, "a proxy wants credentials"},
	408: {timeout, status, 0.9, "the upstream waited for the request for too long"},
	411: {logicFault, refusal, 0.75, "the request lacks its length"},
	414: {logicFault, refusal, 0.7, "the address is too long"},
	415: {logicFault, refusal, 0.85, "the upstream does not take this content type"},
	419: {auth, refusal, 0.8, "the session ran out"},
	421: {logicFault, refusal, 0.7, "the request went to the wrong server"},
	424: {outage, status, 0.85, "something that the upstream depends on failed"},
	425: {outage, status, 0.7, "the upstream is not ready"},
	426: {logicFault, refusal, 0.75, "the upstream wants another protocol"},
	429: {rateLimited, status, 0.97, "the upstream throttles"},
	431: {logicFault, refusal, 0.8, "the headers are too large"},
	440: {auth, refusal, 0.85, "the session ran out"},
	451: {auth, refusal, 0.7, "the upstream may not answer"},
	495: {auth, status, 0.9, "the client certificate was refused"},
	496: {auth, status, 0.9, "the client certificate is missing"},
	497: {logicFault, status, 0.9, "plain http was sent to an https port"},
	498: {auth, status, 0.9, "the token was refused"},
	499: {timeout, status, 0.8, "the wait was given up"},
	501: {outage, status, 0.7, "the upstream does not implement the call"},
	504: {timeout, status, 0.95, "a gateway waited for the upstream for too long"},
	509: {rateLimited, status, 0.9, "the bandwidth is used up"},
	511: {auth, status, 0.9, "the network wants a sign-in"},
	522: {outage, status, 0.85, "the edge could not reach the origin"},
	524: {timeout, status, 0.93, "the edge waited for the origin for too long"},
	529: {outage, status, 0.8, "the upstream is overloaded"},
	561: {auth, status, 0.9, "the sign-in failed"},
	598: {timeout, status, 0.9, "the wait for the answer ran out"},
	599: {timeout, status, 0.9, "the wait for the answer ran out"},
}

// ofStatus says what an HTTP status is a sign of; nothing below 400.
func ofStatus(code int) (verdict, bool) {
	if v, ok := statusVerdicts[code]; ok {
		return v, true
	}
	switch {
	case code >= 500 && code < 600:
		return verdict{outage, status, 0.95, "the upstream failed"}, true
	case code >= 400 && code < 500:
		return verdict{invalidInput, refusal, 0.85, "the upstream refused the request"}, true
	}
	return verdict{}, false
}

// Words that make a number beside them an HTTP status: before it, or after it
// as the first word of its reason phrase.
var (
	beforeStatus = []string{
		"status", "code", "statuscode", "status_code", "httpstatus", "httpcode", "http_status", "http", "responded", "httpstatuscode", "responsecode", "returned", "answered", "got", "received", "response", "failed", "error",
	}
	reasonPhrases = map[int]string{
		400: "bad", 401: "unauthorized", 402: "payment", 403: "forbidden", 404: "not found", 405: "method", 406: "not acceptable", 407: "proxy", 408: "request", 409: "conflict", 410: "gone", 411: "length",
		412: "precondition", 413: "", 415: "unsupported", 422: "unprocessable", 423: "locked", 424: "failed", 429: "too many", 431: "request header", 500: "internal", 501: "not implemented", 502: "bad", 503: "service", 504: "gateway",
	}
)

// statusAt reads the HTTP status that the word text[from:to] is, judging by
// the words around it.
func statusAt(text string, from, to int) (int, bool) {
	if to-from != 3 || text[from] < '4' || text[from] > '5' {
		return 0, false
	}
	code, err := strconv.Atoi(text[from:to])
	if err != nil || !standsAlone(text, from, to) {
		return 0, false
	}
	next := strings.TrimLeft(text[to:min(len(text), to+24)], " \t\"':()[]-")
	if isUnit(next) {
		return 0, false
	}
	if reason := reasonPhrases[code]; reason != "" && strings.HasPrefix(next, reason) {
		return code, true
	}
	for _, word := range [...]string{"server error", "client error", "server unavailable", "error for url", "response", "errors", "error response"} {
		if strings.HasPrefix(next, word) {
			return code, true
		}
	}
	return code, slices.Contains(beforeStatus, wordBefore(text, from))
}

// standsAlone says whether a number is no part of an address, a path, a
// decimal, a version or a time.
func standsAlone(text string, from, to int) bool {
	if from > 0 && strings.IndexByte("./-#$+@", text[from-1]) >= 0 {
		return false
	}
	if from > 0 && text[from-1] == ':' && !slices.Contains(beforeStatus, wordBefore(text, from)) {
		return false // a port
	}
	if to+1 < len(text) && strings.IndexByte(".:/-%", text[to]) >= 0 && text[to+1] >= '0' && text[to+1] <= '9' {
		return false
	}
	return true
}

// isUnit says whether a text begins with a unit, so that the number before it
// is a quantity.
func isUnit(s string) bool {
	switch firstWord(s) {
	case "ms", "s", "milliseconds", "seconds", "sec", "bytes", "kb", "mb", "rows", "records", "items", "characters", "chars", "minutes", "times", "requests", "attempts":
		return true
	}
	return false
}

// wordBefore is the word that stands before text[from:], with nothing but
// punctuation between.
func wordBefore(text string, from int) string {
	end := from
	for end > 0 && strings.IndexByte(" \t\"'=:([{,", text[end-1]) >= 0 {
		end--
	}
	start := end
	for start > 0 && isWord[text[start-1]] {
		start--
	}
	return text[start:end]
}
