package classify

// throttleSigns tell of rate limits and quotas, whatever the HTTP status.
var throttleSigns = []sign{
	{
		category: rateLimited, tier: cause, confidence: 0.96, means: "the upstream throttles or a quota is used up",
		phrases: []string{
			"rate limit exceeded", "rate limits exceeded", "rate limit * exceeded", "rate limit * reached", "rate limit reached", "rate limit hit", "exceeded * rate limit*", "reached * rate limit*", "hit * rate limit*", "rate limited", "rate-limited", "rate_limited", "rate_limit_exceeded", "ratelimit exceeded", "ratelimited", "ratelimitexceeded", "userratelimitexceeded", "ratelimitexceededexception", "ratelimiterror", "ratelimiter * not permit*", "exceeded the rate", "would exceed context deadline",
			"rate exceeded", "request rate", "requests rate", "too many requests", "toomanyrequests", "toomanyrequestsexception", "too_many_requests", "toomanyrequestserror", "requestnotpermitted",
			"throttl*", "throttlingexception", "throttledexception", "throttlingerror", "provisionedthroughputexceeded*", "provisionedthroughputexceededexception", "requestlimitexceeded", "request_limit_exceeded",
			"requestthrottled", "requestthrottledexception", "bandwidthlimitexceeded", "slowdown", "slow down", "quota exceeded", "quota * exceeded", "exceeded * quota", "quotaexceeded*", "quotaexceededexception",
			"quota_exceeded", "over_query_limit", "over quota", "quota has been *", "quota limit", "quota is exhausted", "out of call volume quota", "insufficient_quota", "dailylimitexceeded*", "resource_exhausted", "resourceexhausted",
			"usage limit", "daily limit", "hourly limit", "monthly limit", "secondly limit", "limit of * requests", "limit of * calls", "requests per second", "requests per minute", "requests per hour", "requests per day",
			"calls per second", "calls per minute", "queries per minute", "queries per second", "api limit*", "api calls * exceeded", "api call limit*", "request limit", "requests limit", "limit exceeded$", "limit exceeded for",
			"limit exceeded\"", "totalrequests limit exceeded", "concurrent request limit*", "concurrent requests limit*", "concurrency limit*", "concurrentperorgapex", "sss_request_limit_exceeded",
			"number of requests exceeded", "number of concurrent requests exceeded", "combined execution time of incoming requests", "allowed api requests", "maximum number of requests", "max requests",
			"reduce your request rate", "reduce request rate", "reduce the frequency", "request was throttled", "burst limit", "spike arrest", "spikearrestviolation", "policies.ratelimit.*", "quotaviolation",
			"exceeded * calls per", "exceeded * requests per", "exceeded the * limit of", "retry-after:", "try again in * seconds", "api_limit*", "limit_exceeded", "exceeded_limit", "limitexceededexception",
			"servicequotaexceededexception", "maximum requests", "request quota", "you have reached your * limit", "too many calls", "too many api", "trial limit", "secondary rate", "abuse detection", "retry after * second*",
			"reached the limit of", "you are being limited", "over the limit", "over rate limit", "0x80072322", "0x80072321", "0x80072326", "rate of requests", "query rate", "transactions per second", "tps limit", "error code: 1015", "error 1015",
		},
	},
	{
		category: rateLimited, tier: class, confidence: 0.85, means: "the text speaks of a rate limit",
		phrases:  []string{"rate limit", "rate limits", "rate limiting", "rate-limit", "rate-limiting", "rate_limit*", "ratelimit"},
	},
}

// authSigns tell of credentials, tokens, scopes and permissions.
var authSigns = []sign{
	{
		category: auth, tier: cause, confidence: 0.95, means: "a credential, token or permission was refused",
		phrases: []string{
			"invalid_grant", "invalid_client", "invalid_token", "unauthorized_client", "invalid_scope", "insufficient_scope", "expired_token", "invalid_api_key", "invalid_session_id", "invalid_login", "invalid_auth", "token_expired", "not_authed",
			"invalid_auth_header", "insufficient_access*", "api_disabled_for_org", "consent_required", "interaction_required", "login_required", "token_revoked", "account_inactive", "bad_oauth_token", "oauthexception",
			"jwt expired", "jwt malformed", "jwt must be provided", "jwt not active", "jwt signature", "jwt audience invalid", "jwt issuer invalid", "tokenexpirederror", "jsonwebtokenerror", "invalid signature", "expiredsignatureerror", "expiredjwtexception", "invalidsignatureerror",
			"signature has expired", "signature verification failed", "signaturedoesnotmatch", "invalidsignatureexception", "request signature we calculated", "requesttimetooskewed", "signature expired", "invalid hmac",
			"expiredtoken", "expiredtokenexception", "unrecognizedclientexception", "invalidclienttokenid", "accessdenied", "accessdeniedexception", "authorizationfailed", "authfailure", "incompletesignature", "missingauthenticationtoken*", "notauthorizedexception", "optinrequired",
			"invalidaccesskeyid", "security token included in the request", "is not authorized to perform", "explicit deny", "could not load credentials", "unable to locate credentials", "nocredentialserror", "credentialsprovidererror",
			"unable to load credentials", "unable to load aws credentials", "unable to load aws credentials", "could not load the default credentials", "no credentials", "missing credentials", "bad credentials", "invalid credential*", "wrong credentials", "incorrect credentials",
			"credentials expired", "credentials have expired", "credentials are invalid", "credential * expired", "credential expired", "expired credential*", "credentials were rejected", "credentials were refused", "credentials are not valid", "credentials rejected",
			"session expired", "session has expired", "session id is not valid", "session is invalid", "session not valid", "session is not valid", "invalid session", "token expired", "token is expired", "token has expired", "expired token", "token has been revoked", "token was revoked", "token revoked", "token is invalid", "invalid token", "token is not valid",
			"token not valid", "token invalid", "token is not active", "token validation failed", "invalid access token", "invalid oauth", "invalid bearer", "invalid authentication", "invalid refresh token", "refresh token * expired", "refresh token is invalid", "bearer token", "access token * expired", "access token is missing",
			"access token has expired", "access token expired", "access token is invalid", "access token could not", "missing token", "missing bearer", "missing authorization", "missing authentication", "authorization header", "no authorization", "authorization required", "authorization failed", "authorization denied",
			"invalid api key", "invalid api-key", "invalid apikey", "api key is invalid", "api key not valid", "api key * disabled", "api key * expired", "api key is missing", "api key expired", "no api key", "api_key_invalid", "missing api key", "incorrect api key", "key is disabled", "key has been disabled", "subscription key", "invalid subscription key",
			"account is locked", "account locked", "account is disabled", "account has been *", "user locked out", "user account is", "user is disabled", "password has expired", "password expired", "incorrect password", "invalid password", "wrong password", "incorrect username or password", "invalid username", "invalid user name",
			"username or password", "username and password", "user name or password", "invalid login", "login failed*", "login incorrect", "logon denied", "logon failed", "sign-in failed", "sign in failed", "failed to authenticate", "authentication failed", "authentication failure", "authentication required", "authentication is required", "authentication error",
			"authentication unsuccessful", "authentication credentials", "authentication was unsuccessful", "could not be authenticated", "could not authenticate", "not authenticated", "unable to authenticate", "requires authentication", "require authentication", "re-authenticate", "reauthenticate", "re-authorize", "unauthenticated", "unauthenticatedexception", "auth failed", "authfailed", "auth error",
			"proxy authentication required", "proxyauthenticationrequired", "password authentication failed", "no pg_hba.conf entry", "er_access_denied_error", "access denied for user", "er_dbaccess_denied_error", "er_tableaccess_denied_error", "command denied to user", "permission denied for", "permission was denied",
			"ora-01017", "ora-28000", "ora-28001", "ora-01031", "ora-01045", "28p01", "'28000'", "(28000", "sqlstate 28000", "sqlstate: 28000", "\"28000\"", "noauth", "noperm", "wrongpass", "invalid username-password pair", "saslauthenticationexception", "topicauthorizationexception", "groupauthorizationexception", "clusterauthorizationexception", "not authorized to access topics", "mongoerror: not authorized", "not authorized on",
			"permission_denied", "permissiondenied", "permission denied", "access denied", "access_denied", "access is denied", "access forbidden", "access to * denied", "access to * forbidden", "insufficient permission*", "insufficient privilege*", "insufficient scope*", "insufficient authentication", "insufficient rights", "insufficient_permissions", "insufficientauthenticationexception",
			"missing scope*", "missing required scope*", "missing * scope", "required scope*", "missing permission*", "required permission*", "does not have permission*", "do not have permission*", "lacks permission*", "no permission*", "not permitted to access", "lacks the * permission", "lacks role", "lacks scope", "not allowed to access", "do not have access", "does not have access", "do not have the required", "does not have required",
			"not authorized", "not authorised", "not_authorized", "unauthorised", "unauthorizedexception", "unauthorizedaccessexception", "unauthorizederror", "forbiddenexception", "httpclienterrorexception$unauthorized", "httpclienterrorexception$forbidden", "accessdeniederror", "authenticationexception: bad", "badcredentialsexception", "authorizationexception", "securityexception", "consent to use the application", "ip address * not allowed", "ip address is not", "ip not allowed", "not whitelisted", "not in the allowlist", "not on the allow*", "custom authorizer",
			"client is not in * workspace", "certificate thumbprint", "aadsts*", "invalid client secret", "client secret is expired", "client secret * expired", "client assertion", "invalid issuer", "invalid audience", "audience is invalid", "csrf token*", "secretorprivatekey", "kms key * denied", "clientauthenticationexception", "clientauthenticationerror", "oauth token * expired", "missing analytics:*", "oauth token is", "invalid audience claim", "two-factor", "mfa required",
		},
	},
	{
		category: auth, tier: words, confidence: 0.8, means: "the text speaks of a missing right",
		phrases: []string{"unauthorized", "forbidden", "credential", "credentials", "authenticationexception", "authenticationerror", "permission", "permissions", "unauthenticated", "authorization", "oauth", "not allowed", "api key", "apikey"},
	},
}

// suffixes are endings of error classes, looked up in this order.
var suffixes = []suffix{
	{"timeoutexception", sign{category: timeout, tier: class, confidence: 0.88, means: "the error's class names a timeout"}},
	{"timeouterror", sign{category: timeout, tier: class, confidence: 0.88, means: "the error's class names a timeout"}},
	{"throttledexception", sign{category: rateLimited, tier: cause, confidence: 0.93, means: "the error's class names a throttle"}},
	{"throttlingexception", sign{category: rateLimited, tier: cause, confidence: 0.93, means: "the error's class names a throttle"}},
	{"ratelimiterror", sign{category: rateLimited, tier: cause, confidence: 0.93, means: "the error's class names a rate limit"}},
	{"ratelimitexception", sign{category: rateLimited, tier: cause, confidence: 0.93, means: "the error's class names a rate limit"}},
	{"ratelimitexceeded", sign{category: rateLimited, tier: cause, confidence: 0.93, means: "the error names a rate limit"}},
	{"unavailableexception", sign{category: outage, tier: class, confidence: 0.88, means: "the error's class names something unavailable"}},
	{"unavailableerror", sign{category: outage, tier: class, confidence: 0.88, means: "the error's class names something unavailable"}},
	{"validationexception", sign{category: invalidInput, tier: words, confidence: 0.7, means: "the error's class names a validation", ofAnswer: schemaMismatch}},
	{"validationerror", sign{category: invalidInput, tier: words, confidence: 0.7, means: "the error's class names a validation", ofAnswer: schemaMismatch}},
	{"unauthorizedexception", sign{category: auth, tier: class, confidence: 0.88, means: "the error's class names a missing right"}},
	{"forbiddenexception", sign{category: auth, tier: class, confidence: 0.88, means: "the error's class names a missing right"}},
	{"connectionexception", sign{category: outage, tier: hint, confidence: 0.6, means: "the error's class names a connection"}},
	{"connectionerror", sign{category: outage, tier: hint, confidence: 0.6, means: "the error's class names a connection"}},
	{"error", sign{category: logicFault, tier: hint, confidence: 0.35, means: "the error has a class but nothing points outside the action"}},
	{"exception", sign{category: logicFault, tier: hint, confidence: 0.35, means: "the error has a class but nothing points outside the action"}},
}

// suffix is the end of a word, and what a word with that end is a sign of.
type suffix struct {
	text string
	sign sign
}
