package classify

// weakSigns are wrappers and words that decide only where nothing else does.
var weakSigns = []sign{
	{
		category: outage, tier: words, confidence: 0.85, means: "the text says that a service is down",
		phrases: []string{
			"upstream * unavailable", "provider unavailable", "provider is unavailable", "provider * unavailable",
			"service * unavailable", "backend * unavailable", "server * unavailable", "temporarily unavailable",
			"is unavailable", "currently unavailable", "service degraded", "service is degraded",
			"degraded performance", "partial outage", "major outage", "an outage", "instance is down",
			"is unreachable", "not reachable", "unreachable", "cannot be reached", "could not be reached",
			"can't reach", "cannot reach", "could not reach", "unable to reach", "can't be reached",
			"not be reached", "currently down", "site is down", "service is down", "is down", "is offline",
			"went offline", "down for * maintenance", "under maintenance", "maintenance mode",
			"maintenance window", "scheduled maintenance", "transport: error while dialing",
		},
	},
	{
		category: outage, tier: words, confidence: 0.7, means: "the text speaks of a network failure without its cause",
		phrases: []string{
			"typeerror: fetch failed", "typeerror: failed to fetch", "typeerror: terminated",
			"typeerror: networkerror", "typeerror: network request failed", "typeerror: load failed",
			"fetch failed", "failed to fetch", "network error", "err_network", "networkerror",
			"network request failed", "load failed", "terminated$", "max retries exceeded", "connecterror",
			"clientconnectorerror", "clientconnectionerror", "networkexception", "socketexception",
			"connectexception", "apiconnectionerror", "communication failure", "communication_failure",
			"rfc_communication_failure", "transport failure", "connect to * failed", "unable to connect",
			"curl: (56", "curl error 56", "curl: (35", "curl error 35", "err_http2_error", "failed to connect",
			"could not connect", "cannot connect", "can't connect", "connection failed", "connection failure",
			"connection error", "connect failed", "error connecting", "connection could not be established",
			"failed to establish", "i/o error on", "lost connection", "disconnected", "not connected",
			"no connection", "retries exhausted", "retry attempts exhausted", "giving up after",
			"exhausted retries", "retryerror", "all retries failed", "write eproto", "ssl error", "sslerror",
			"sslexception", "ssl routines", "tls error", "econnaborted", "unavailable", "outage", "downtime",
			"degraded", "offline", "overloaded", "overload", "maintenance", "upstream error", "upstream failed",
			"upstream failure", "upstream unavailable", "provider error", "backend error", "dependency failed",
			"failed dependency", "server error", "server failure", "third-party", "no healthy", "not available",
			"unexpected server", "vendor", "temporarily", "try again later", "socketerror", "proxyerror",
			"restarting", "system error", "could not complete the request on the server",
		},
	},
	{
		category: schemaMismatch, tier: words, confidence: 0.74, means: "the text speaks of an answer of another kind",
		phrases: []string{
			"html", "text/html", "hpe_*", "parse error: expected http", "non-json", "not json", "unparseable",
			"unparsable", "malformed", "invalid status line", "received http/0.9",
			"response does not match the http/1.1 protocol",
		},
	},
	{
		category: outage, tier: hint, confidence: 0.5, means: "only a wrapper for failed calls is seen",
		phrases: []string{
			"socket closed", "axioserror", "requesterror", "resourceaccessexception", "httprequestexception",
			"webexception", "clienterror", "apierror", "httperror", "fetcherror", "urlerror", "operationalerror",
			"databaseerror", "requestexception", "ioexception", "oserror", "webclientrequestexception",
			"feignexception", "sqlexception", "mongoerror", "upstream", "request failed",
		},
	},
	// What Genesys Cloud says of each failure, whether or not it says why.
	{
		category: outage, tier: words, confidence: 0.66, means: "the platform says that the service it called failed",
		phrases: []string{"action.remote_endpoint", "request to backend service failed"},
	},
	{
		category: logicFault, tier: words, confidence: 0.66, means: "the platform could not process what the action is made of",
		phrases: []string{"action.processing"},
	},
	{
		category: rateLimited, tier: words, confidence: 0.72, means: "the text speaks of a limit or of waiting",
		phrases: []string{
			"retry-after", "retry after", "retryafter", "quota", "limit exceeded", "limit reached", "too many",
			"exceeded the limit", "exceeded your",
		},
	},
	// Single words decide only where nothing else does, and say so by their
	// confidence.
	{
		category: outage, tier: hint, confidence: 0.42, means: "the text speaks of a connection or a server",
		phrases: []string{
			"connection", "connections", "connect", "socket", "network", "dns", "tls", "ssl", "certificate",
			"broker", "gateway", "server", "cluster", "proxy", "transport", "crashed", "restarted", "failover",
			"shutdown",
		},
	},
	{
		category: auth, tier: hint, confidence: 0.44, means: "the text speaks of signing in",
		phrases: []string{
			"token", "password", "login", "logon", "saml", "sso", "expired", "denied", "secret", "scope",
			"identity",
		},
	},
	{
		category: timeout, tier: hint, confidence: 0.4, means: "the text speaks of waiting",
		phrases: []string{
			"slow", "elapsed", "waiting", "waited", "interrupted", "cancelled", "canceled", "aborted",
		},
	},
	{
		category: logicFault, tier: hint, confidence: 0.43, means: "the text speaks of code",
		phrases: []string{
			"script", "template", "expression", "syntax", "variable", "function", "method", "undefined", "null",
			"compile", "module", "import", "statement", "stack", "handler", "sql", "macro",
		},
	},
	{
		category: invalidInput, tier: hint, confidence: 0.41, means: "the text speaks of values",
		phrases: []string{
			"value", "values", "field", "fields", "parameter", "parameters", "argument", "input", "required",
			"duplicate", "missing", "record", "mandatory", "blocked", "cannot create", "cannot update",
		},
		ofAnswer: schemaMismatch,
	},
	{
		category: schemaMismatch, tier: hint, confidence: 0.42, means: "the text speaks of the form of data",
		phrases: []string{
			"schema", "parse", "json", "xml", "csv", "decode", "deserialize", "format", "content-type", "payload",
		},
	},
}
