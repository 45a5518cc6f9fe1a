package classify

// inputSigns tell of values that are refused, by validators and by parsers of
// numbers and dates.
var inputSigns = []sign{
	{
		category: invalidInput, tier: class, confidence: 0.9, means: "a value does not parse",
		phrases: []string{
			"numberformatexception", "for input string", "invalid literal for int", "could not convert string to float", "does not match format", "unconverted data remains", "invalid isoformat string", "strconv.*", "parsing time", "cannot parse *", "invalid date", "datetimeparseexception", "unparseable date", "could not be parsed at index", "was not in a correct format", "was not recognized as a valid", "formatexception", "input string was not",
			"day is out of range for month", "month must be in", "invalid value for monthofyear", "badly formed hexadecimal uuid", "invalid uuid*", "uuid string too large", "cannot convert * to a bigint", "invalid number", "not a valid number", "not a valid date", "not a valid email", "decimal.invalidoperation", "conversionsyntax", "invalid time zone", "invalid phone number", "not a valid phone", "overflowexception", "invalid base64", "incorrect padding", "illegal base64", "invalid currency", "invalid country", "invalid postal code", "invalid zip",
		},
	},
	{
		category: invalidInput, tier: class, confidence: 0.86, means: "a validator refuses the values", ofAnswer: schemaMismatch,
		phrases: []string{
			"is a required property", "must have required property", "missing required propert*", "required property", "missing propert*", "missing required field*", "missing required parameter*", "missing required argument*", "missing required value*", "missing required input*", "missing mandatory", "required field*", "required parameter*", "field required", "field is required", "is required", "are required", "is mandatory", "required fields are missing", "must not be empty", "must not be null", "must not be blank", "may not be null", "may not be empty", "may not be blank", "cannot be empty", "cannot be blank", "can't be blank", "can't be empty", "should not be empty",
			"validation error for", "validation errors for", "failed validation", "failed validating", "failed schema validation", "schema validation failed", "did not pass validation", "input validation", "constraint violation*", "constraintviolation*", "zoderror", "joi", "methodargumentnotvalidexception", "missingservletrequestparameterexception", "methodargumenttypemismatchexception", "httpmessagenotreadableexception", "bindexception: *field", "rejected value", "requestvalidationerror", "ajv", "fastify * validation", "unprocessable entity", "unprocessable_entity", "unprocessableentity", "invalid_request", "invalid request", "invalid parameter*", "invalid_parameter*", "invalid value*", "invalid_value", "invalid field*", "invalid payload", "invalid body", "invalid request body", "invalid input*", "invalid_input*", "invalidinput*", "invalid format", "invalid argument*", "invalid data", "invalid id", "illegal value", "bad input", "malformed request", "malformed id", "unacceptable value", "input payload does not match", "does not match expected schema", "request does not match", "payload does not match", "input does not match", "does not conform to", "not conform to",
			"must be a *", "must be an *", "must be of type", "must be one of", "must be boolean", "must be string", "must be number", "must be integer", "must be object", "must be array", "must be greater", "must be less", "must be positive", "must be at least", "must be at most", "must be between", "must be equal to one of", "must be valid", "must match pattern", "must match format", "must match the", "must not have additional properties", "must not exceed", "must contain", "must start with", "must exist", "must have", "should be a valid", "should be one of", "should be a *", "is not one of", "is not of type", "is not a valid", "is not valid", "is invalid", "not a valid", "does not match pattern", "does not match the regex*", "does not match '^", "should match pattern", "additional properties are not allowed", "additional property", "additionalproperties", "unexpected property", "unknown property", "unknown field", "unknown parameter", "unrecognized parameter", "unrecognized key", "is too long", "is too short", "too long", "too large", "is too large", "out of range", "outside the allowed range", "exceeds maximum length", "exceeds the maximum", "exceeds max*", "less than the minimum", "greater than the maximum", "minimum length", "maximum length", "not allowed value", "unsupported value", "expected string, received", "expected number, received", "expected object, received", "expected array, received", "expected boolean, received", "invalid_type", "too_small", "too_big", "invalid_string", "invalid_enum_value", "payload too large", "request entity too large", "content too large", "entity too large", "length required",
		},
	},
	{
		category: invalidInput, tier: words, confidence: 0.72, means: "the record or value that was asked for is refused or missing",
		phrases: []string{"not found", "not_found", "notfound", "notfoundexception", "notfounderror", "no such *", "does not exist", "doesn't exist", "unknown sku", "unknown customer", "unknown id", "no match for", "conflict", "conflictexception", "precondition failed", "already been *", "already processed", "already exist*", "not exist", "client error", "invalid", "gone", "insufficient stock", "insufficient funds", "out of stock", "no longer available", "cannot be processed", "not eligible", "unsupported country", "validation", "validation failed*", "validation error*", "validationerror", "validationexception", "badrequestexception", "bad request", "bad_request", "badrequest", "rejected"},
	},
}

// contractSigns tell of an answer or an output that breaks its contract while
// the service is up.
var contractSigns = []sign{
	{
		category: schemaMismatch, tier: contract, confidence: 0.86, means: "the answer does not parse or is not of the type that was agreed",
		phrases: []string{
			"in json at position", "is not valid json", "unexpected end of json input", "unexpected non-whitespace character after json", "unterminated string in json", "expected property name or", "expected ',' or '}' after", "expected ',' or ']' after", "expected double-quoted property name", "bad control character in string literal", "json.parse", "json parse error", "json parsing error", "invalid json", "invalid json response body", "not valid json", "malformed json", "error parsing json", "failed to parse json", "could not parse json", "cannot parse json", "unable to parse json", "json decode error", "could not decode json", "unexpected token <", "unexpected token '<'", "unexpected token u", "unexpected token o", "jsonexception", "json_parse_error", "json syntax error", "failed to parse response", "could not parse response", "error parsing response",
			"expecting value: line", "jsondecodeerror", "extra data: line", "expecting property name enclosed", "expecting ',' delimiter", "expecting ':' delimiter", "unterminated string starting at", "invalid control character at", "unexpected mimetype", "contenttypeerror", "unexpected content type", "unexpected content-type", "unknowncontenttypeexception", "no suitable httpmessageconverter", "could not extract response", "unsupported content type", "expected content type", "content type text/html", "content-type text/html", "content-type: text/html", "content type 'text/html", "returned html", "html instead of json", "got html", "received html", "<!doctype html", "contentdecodingerror", "decodingerror",
			"jsonparseexception", "jsonmappingexception", "mismatchedinputexception", "unrecognizedpropertyexception", "invalidformatexception", "unrecognized token '", "unexpected character ('", "unexpected end-of-input", "unrecognized field", "cannot deserialize", "cannot construct instance of", "invaliddefinitionexception", "httpmessageconversionexception", "malformedjsonexception", "jsonsyntaxexception", "expected begin_object but was", "expected begin_array but was", "expected a * but was", "jsonencodingexception", "json data * has the wrong", "jsondataexception", "end of input at line", "use jsonreader.setlenient", "decodeexception", "failed to decode", "no content to map", "can not deserialize", "not of expected type", "jsonobject[", "jsonarray[",
			"cannot unmarshal", "json: *", "invalid character * looking for", "invalid character * after", "invalid character * in", "unexpected end of json", "unmarshaltypeerror", "yaml: unmarshal", "xml: *", "expected element type", "error decoding response", "decode response", "decoding response", "unmarshal*", "unknown field \"",
			"json value could not be converted", "is an invalid start of a value", "jsonreaderexception", "jsonserializationexception", "error converting value", "unexpected character encountered while parsing", "could not cast or convert", "unexpected end when", "error reading json*", "the input does not contain any json tokens", "there is an error in xml document", "deserializationexception", "deserialization failed", "deserialization error", "deserialization_failure", "failed to deserialize", "could not be deserialized",
			"saxparseexception", "content is not allowed in prolog", "premature end of file", "xmlsyntaxerror", "xml parse error", "malformed xml", "data at the root level is invalid", "start tag expected", "mismatched tag", "not well-formed", "end tag name", "xmlstreamexception", "unmarshalexception", "mismatched input", "invalid wire type", "protocol message contained an invalid tag", "invalidprotocolbufferexception", "avrotypeexception", "unknown magic byte", "serializationexception",
			"response payload could not be parsed", "payload could not be parsed", "response could not be parsed", "could not parse the response", "unable to parse response", "unable to parse the response", "cannot parse response", "unexpected response", "unexpected response format", "unexpected payload", "unexpected shape", "malformed response", "invalid response", "bad response format", "garbled response", "truncated body", "truncated response", "empty response body", "empty body", "response body is empty", "response is not", "response was not", "body is not", "contentlengtherror", "payload is not complete", "clientpayloaderror", "content-length mismatch", "invalid gzip", "incorrect header check", "z_data_error", "not in gzip format",
		},
	},
	{
		category: schemaMismatch, tier: words, confidence: 0.8, means: "the template for the answer found no such value",
		phrases:  []string{"successtemplate", "success template", "translationmap", "translation map"},
	},
	{
		category: schemaMismatch, tier: cause, confidence: 0.91, means: "an answer or output is not what its schema declares",
		phrases: []string{
			"output does not match", "output did not match", "output * does not match * schema", "output schema", "response schema", "response does not match", "response did not match", "response does not conform", "does not match the declared", "does not match declared", "does not match output", "invalid output", "output validation", "response validation", "response failed validation", "result does not match", "provider response schema", "response violates", "schema drift", "contract violation", "breaks contract", "breaks the contract",
			"undeclared error code", "undeclared code", "not declare", "not declared", "is not a declared", "unknown error code", "not in errorcodes", "error code * not defined in", "unexpected error code", "details must be an object", "details is not an object",
			"no results for path", "missing property in path", "pathnotfoundexception", "jsonpath*", "json path", "path * not found in response", "missing path", "could not find path", "missing in response", "missing from response", "missing from the response", "missing in the response", "not present in response", "not present in the response", "absent from the response", "not found in response", "field * in the response", "in response: expected", "unexpected type in response", "property * in response", "response is missing", "response missing", "response lacks", "got string, want", "got number, want", "got null, want", "got object, want", "got array, want", "got boolean, want", "expected string, got", "expected number, got", "expected object, got", "expected array, got", "expected boolean, got", "expected type",
			"cannot return null for non-nullable field", "cannot query field", "unknown argument", "graphql validation", "graphql_validation_failed", "must have a selection of subfields", "response shape", "unsupported schema version", "schema version mismatch", "schema_mismatch", "incompatible schema", "error 404 from schema", "wsdl * mismatch", "unexpected element", "does not match the expected format", "schema mismatch", "schemamismatch*", "contract mismatch",
		},
	},
}

// weakSigns are wrappers and words that decide only where nothing else does.
var weakSigns = []sign{
	{
		category: outage, tier: words, confidence: 0.85, means: "the text says that a service is down",
		phrases: []string{
			"upstream * unavailable", "provider unavailable", "provider is unavailable", "provider * unavailable", "service * unavailable", "backend * unavailable", "server * unavailable", "temporarily unavailable", "is unavailable", "currently unavailable", "service degraded", "service is degraded", "degraded performance", "partial outage", "major outage", "an outage", "instance is down", "is unreachable", "not reachable", "unreachable", "cannot be reached", "could not be reached", "can't be reached", "not be reached", "currently down", "site is down", "service is down", "is down", "is offline", "went offline", "down for * maintenance", "under maintenance", "maintenance mode", "maintenance window", "scheduled maintenance", "transport: error while dialing",
		},
	},
	{
		category: outage, tier: words, confidence: 0.7, means: "the text speaks of a network failure without its cause",
		phrases: []string{
			"fetch failed", "failed to fetch", "network error", "err_network", "networkerror", "network request failed", "load failed", "terminated$", "max retries exceeded", "connecterror", "clientconnectorerror", "clientconnectionerror", "networkexception", "socketexception", "connectexception", "apiconnectionerror",
			"unable to connect", "failed to connect", "could not connect", "cannot connect", "can't connect", "connection failed", "connection failure", "connection error", "connect failed", "error connecting", "connection could not be established", "failed to establish", "i/o error on", "lost connection", "disconnected", "not connected", "no connection", "retries exhausted", "retry attempts exhausted", "giving up after", "exhausted retries", "retryerror", "all retries failed", "write eproto", "ssl error", "sslerror", "sslexception", "ssl routines", "tls error", "econnaborted",
			"unavailable", "outage", "downtime", "degraded", "offline", "overloaded", "overload", "maintenance", "upstream error", "upstream failed", "upstream failure", "upstream unavailable", "provider error", "backend error", "dependency failed", "failed dependency", "server error", "server failure", "third-party", "no healthy", "not available", "unexpected server", "vendor", "temporarily", "try again later", "socketerror", "proxyerror", "restarting", "system error", "could not complete the request on the server",
		},
	},
	{
		category: outage, tier: hint, confidence: 0.5, means: "only a wrapper for failed calls is seen",
		phrases: []string{
			"axioserror", "requesterror", "resourceaccessexception", "httprequestexception", "webexception", "clienterror", "apierror", "httperror", "fetcherror", "urlerror", "operationalerror", "databaseerror", "requestexception", "ioexception", "oserror", "webclientrequestexception", "feignexception", "sqlexception", "mongoerror", "upstream", "request failed",
		},
	},
	{
		category: rateLimited, tier: words, confidence: 0.72, means: "the text speaks of a limit or of waiting",
		phrases: []string{"retry-after", "retry after", "retryafter", "quota", "limit exceeded", "limit reached", "too many", "exceeded the limit", "exceeded your"},
	},
}
