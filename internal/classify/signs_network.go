package classify

// networkSigns tell of a peer that cannot be reached or breaks off: libuv and
// libc error codes, and the sentences of Node, undici, Python, Java, Go, .NET
// and libcurl.
var networkSigns = []sign{
	{
		category: outage, tier: cause, confidence: 0.97, means: "the connection was refused",
		phrases: []string{
			"econnrefused", "wsaeconnrefused", "connection refused", "connectionrefusederror", "actively refused",
			"errno 111", "errno 61", "os error 111", "socketexception (10061", "socketexception (111",
			"connection was refused", "connect call failed", "failed to connect to * port",
			"couldn't connect to server", "could not connect to server", "could not connect to the endpoint",
			"endpointconnectionerror", "failed to establish a new connection", "all connection attempts failed",
			"cannot connect to host", "unable to connect to the remote server", "no connection could be made",
			"curl: (7", "curl error 7", "failed to connect to all addresses", "no connection established",
			"connect: cannot assign requested address",
		},
	},
	{
		category: outage, tier: cause, confidence: 0.97, means: "the connection broke off",
		phrases: []string{
			"econnreset", "wsaeconnreset", "connection reset*", "connectionreseterror", "errno 104",
			"os error 104", "socket hang up", "other side closed", "und_err_socket", "err_socket_closed",
			"err_stream_premature_close", "premature close", "premature end of *", "epipe", "broken pipe",
			"brokenpipeerror", "errno 32", "remote end closed connection", "remotedisconnected",
			"server disconnected", "serverdisconnectederror", "connection aborted", "connection was aborted",
			"connectionabortederror", "software caused connection abort", "forcibly closed by the remote host",
			"connection closed by *", "connection was closed", "connection is closed", "closed the connection",
			"connection lost", "connection terminated", "connection_closed", "econnaborted: *reset",
			"incompleteread", "chunkedencodingerror", "unexpected end of stream",
			"unexpected end of file from server", "nohttpresponseexception", "failed to respond",
			"response ended prematurely", "empty reply from server", "transfer closed with", "curl: (18",
			"curl error 18", "curl: (52", "curl error 52", "connection broken", "end of stream",
			"http2: client connection lost", "server sent goaway", "err_http2_stream_error", "stream was reset",
			"err_http2_goaway_session", "transport is closing", "use of closed network connection",
			"remoteprotocolerror", "prematurely closed", "protocol_error", "refused_stream",
			"underlying connection was closed", "the server closed the connection", "connection has been closed",
			"err_connection_*", "connection dropped", "received no bytes", "eof reached while reading",
			"socket has been ended", "channel closed",
		},
	},
	{
		category: outage, tier: cause, confidence: 0.97, means: "the host's name did not resolve",
		phrases: []string{
			"enotfound", "eai_again", "eai_noname", "eai_fail", "eai_nodata", "name or service not known",
			"no such host*", "temporary failure in name resolution", "nodename nor servname",
			"could not resolve host", "couldn't resolve host", "could not resolve", "failed to resolve",
			"name resolution", "nameresolutionerror", "unknownhostexception", "unknown host", "server misbehaving",
			"name does not resolve", "gaierror", "remote name could not be resolved", "unresolvedaddressexception",
			"servfail", "nxdomain", "no address associated with hostname", "dns lookup failed", "dns resolution",
			"dns error", "queryaaaa", "querya *", "querysrv", "getaddrinfo failed", "failed to lookup address",
			"curl: (6", "curl error 6", "host not found", "dns_probe_*", "host is unknown",
			"err_name_not_resolved",
		},
	},
	{
		category: outage, tier: cause, confidence: 0.94, means: "the host or network cannot be reached",
		phrases: []string{
			"ehostunreach", "enetunreach", "ehostdown", "enetdown", "enonet", "no route to host",
			"host is unreachable", "host unreachable", "host is down", "network is unreachable", "network is down",
			"network unreachable", "noroutetohostexception", "unreachable host", "destination host unreachable",
			"errno 113", "errno 101", "network_unreachable", "portunreachableexception", "unreachable network",
		},
	},
	{
		category: outage, tier: cause, confidence: 0.93, means: "a circuit breaker keeps calls from a failing upstream",
		phrases: []string{
			"circuit breaker * open", "circuit breaker is open", "circuitbreaker * open", "circuit is open",
			"circuit open", "breaker is open", "breaker open", "callnotpermittedexception",
			"brokencircuitexception", "opencircuitexception", "circuitbreakeropenexception",
			"circuitbreakeropenerror", "circuitbreakererror", "eopenbreaker", "circuit is now open",
			"short-circuited and", "isolatedcircuitexception",
		},
	},
}

// tlsSigns tell of TLS handshakes that fail, by whose certificate or setting
// it is: the peer's, ours, or the address's.
var tlsSigns = []sign{
	{
		category: outage, tier: cause, confidence: 0.91, means: "the peer's certificate is not trusted, not valid or not its own",
		phrases: []string{
			"cert_has_expired", "certificate has expired", "certificate_verify_failed",
			"certificate verify failed", "sslcertverificationerror", "depth_zero_self_signed_cert",
			"self_signed_cert_in_chain", "self signed certificate", "self-signed certificate",
			"unable_to_verify_leaf_signature", "unable to verify the first certificate",
			"unable_to_get_issuer_cert*", "unable to get local issuer certificate",
			"unable to get issuer certificate", "err_tls_cert_altname_invalid", "altnames",
			"pkix path building failed", "pkix path validation failed", "sslpeerunverifiedexception",
			"certpathvalidatorexception", "unable to find valid certification path", "x509: *",
			"failed to verify certificate", "certificate is not trusted", "cert_not_yet_valid",
			"remote certificate is invalid", "remotecertificate*", "certificate is not valid",
			"certificate is not yet valid", "certificateexpiredexception", "ssl certificate problem",
			"certificate subject name * does not match", "no subject alternative *", "hostname mismatch",
			"doesn't match certificate", "certificatenotyetvalidexception",
			"could not establish trust relationship", "curl: (60", "curl error 60",
			"certificate chain was issued by an authority that is not trusted", "cert_untrusted",
			"certificate has been revoked", "cert_revoked", "not in the cert's altnames",
			"certificate unknown to *", "hostname * doesn't match",
		},
	},
	{
		category: outage, tier: cause, confidence: 0.9, means: "the TLS handshake with the peer failed",
		phrases: []string{
			"ssl handshake failed", "ssl validation failed", "tls handshake failed", "handshake_failure",
			"handshake failure", "sslhandshakeexception", "handshake failed",
			"remote host terminated the handshake", "remote host closed connection during handshake",
			"peer shut down incorrectly", "ssl connection could not be established", "ssl connect error",
			"ssl_error_syscall", "alert internal error", "unexpected_eof_while_reading",
			"eof occurred in violation of protocol", "alert protocol version", "unsupported protocol version",
			"tls: protocol version not supported", "tlsv1 alert *", "no cipher suites in common",
			"no shared cipher", "err_ssl_*", "secure tls connection was established",
			"err_ssl_tlsv1_unrecognized_name", "tls: internal error", "received fatal alert", "unrecognized_name",
			"alert number 40", "sslzeroreturnerror", "ssleoferror", "ssl connection has been closed",
			"could not create ssl/tls secure channel", "dh key too small", "dh_key_too_small",
			"unsafe legacy renegotiation", "unsupported_protocol",
		},
	},
	{
		category: auth, tier: cause, confidence: 0.92, means: "the peer refuses the client certificate",
		phrases: []string{
			"alert bad certificate", "alert certificate required", "alert certificate expired",
			"alert certificate unknown", "alert unknown ca", "alert certificate revoked", "alert access denied",
			"alert_bad_certificate", "alert_certificate_*", "alert_unknown_ca", "tls: bad certificate",
			"tls: certificate required", "tls: unknown certificate*", "remote error: tls: expired certificate",
			"bad_certificate", "certificate_required", "certificate_unknown",
			"no required ssl certificate was sent", "client certificate", "the ssl certificate error",
			"alert number 42", "alert number 116", "alert number 46", "alert number 48", "alert number 45", "mtls",
			"mutual tls", "curl: (58",
		},
	},
	{
		category: logicFault, tier: cause, confidence: 0.91, means: "https is spoken to a port that speaks plain http, or the other way round",
		phrases: []string{
			"wrong version number", "wrong_version_number", "server gave http response to https client",
			"plain http request was sent to https port", "http_request", "unrecognized ssl message",
			"packet length too long", "not an ssl/tls record", "first record does not look like a tls handshake",
			"unsupported or unrecognized ssl message", "err_ssl_wrong_version_number",
			"http request to an https server", "requires tls", "cannot determine the frame size",
		},
	},
}

// timeoutSigns tell of a wait that ran out.
var timeoutSigns = []sign{
	{
		category: timeout, tier: cause, confidence: 0.95, means: "the wait for an answer ran out",
		phrases: []string{
			"etimedout", "esockettimedout", "wsaetimedout", "etime", "und_err_connect_timeout",
			"und_err_headers_timeout", "und_err_body_timeout", "connecttimeouterror", "headerstimeouterror",
			"bodytimeouterror", "connect timeout*", "headers timeout*", "body timeout*", "connection timeout*",
			"response timeout", "request timeout*", "read timeout*", "write timeout", "socket timeout*",
			"timeout of * exceeded", "timeout awaiting", "timed out after",
			"timeout waiting for connection from pool", "connectionpooltimeoutexception", "timed out waiting",
			"timed out while", "timed out.", "timed out (", "read timed out", "connect timed out",
			"connection timed out", "request timed out", "operation timed out", "operation timed-out",
			"handshake timed out", "connection attempt timed out", "call timed out", "query timed out",
			"read operation timed out", "timeout exceeded", "timeout expired", "timeout was reached",
			"timeout after", "timeout reached", "timeout period elapsed", "timeout elapsed",
			"aborted due to timeout", "i/o timeout", "context deadline exceeded", "deadline exceeded",
			"deadlineexceeded", "deadline_exceeded", "client.timeout exceeded", "httpclient.timeout",
			"handshake timeout", "sockettimeoutexception", "connecttimeoutexception", "httptimeoutexception",
			"httpconnecttimeoutexception", "interruptedioexception: timeout", "readtimeout", "connecttimeout",
			"readtimeouterror", "writetimeout", "pooltimeout", "asyncio.timeouterror", "servertimeouterror",
			"sockettimeout", "timeouterror: the operation", "gateway timeout", "gateway time-out",
			"gateway_timeout", "gatewaytimeout", "endpoint request timed out", "upstream timed out",
			"upstream request timeout", "upstream response timeout", "response_timeout", "stream timeout",
			"request_timeout", "did not respond within", "no response within", "not respond in time",
			"no response received within", "did not properly respond after a period",
			"connected host has failed to respond", "failed to respond within", "response not received within",
			"did not answer within", "did not complete within", "within the allotted time", "within the timeout",
			"within the configured timeout", "exceeded the timeout", "exceeded timeout", "exceeded its timeout",
			"aborted after * without a response", "no reply within", "timed-out", "timedout", "statement timeout",
			"query timeout", "requested cancel of current operation", "command timeout",
			"cancelled due to timeout", "canceled due to timeout", "curl: (28", "curl error 28",
			"socketexception (10060", "socketexception (110", "tns:connect timeout*", "task timed out",
			"timelimit exceeded", "maxtimemsexpired", "operation exceeded time limit", "lock wait timeout",
			"lock request time out", "took too long", "taking too long", "execution timeout expired",
			"polling timed out", "gave up waiting", "waited too long", "waiting for a response",
			"awaiting headers", "awaiting response",
		},
	},
	{
		category: timeout, tier: class, confidence: 0.8, means: "the call was given up before an answer came",
		phrases: []string{
			"aborterror", "operation was aborted", "user aborted a request", "request aborted",
			"request was aborted", "err_canceled", "operation was canceled", "taskcanceledexception",
			"context canceled",
		},
	},
	{
		category: timeout, tier: words, confidence: 0.75, means: "the text speaks of time that ran out",
		phrases: []string{
			"timed out", "time out", "time-out", "timeouterror", "timeoutexception", "timeout", "too slow",
			"limit of * second*", "limit of * ms", "limit of * minute*", "no response", "deadline",
			"upstream_timeout", "not responding",
		},
	},
	{
		category: logicFault, tier: cause, confidence: 0.91, means: "the script itself ran for too long",
		phrases: []string{
			"script execution timed out", "script timed out", "err_script_execution_timeout", "infinite loop",
			"script exceeded", "cpu time limit exceeded", "maximum cpu time", "cpu time exceeded", "loop limit",
			"maximum iterations", "exceeded the maximum number of iterations", "exceeded cpu", "instruction limit",
			"execution step limit", "event loop blocked", "script took too long",
		},
	},
}

// gatewaySigns tell of proxies, meshes and edges that find no upstream.
var gatewaySigns = []sign{
	{
		category: outage, tier: cause, confidence: 0.95, means: "a proxy reached no working upstream",
		phrases: []string{
			"no healthy upstream", "no live upstreams", "upstream connect error", "upstream prematurely closed",
			"upstream connection failure", "upstream_reset*", "remote connection failure", "no healthy host*",
			"host not found in upstream", "web server is down", "origin is unreachable",
			"web server is returning an unknown error", "ssl handshake failed with origin",
			"no server is available to handle this request", "backend fetch failed", "no available server",
			"cluster_not_found", "no_healthy_upstream", "connection_failure", "no cluster match",
			"failure to get a peer", "name resolution failed",
			"an invalid response was received from the upstream server", "error 521", "error 522",
			"error 522: connection timed out", "error code: 522", "error code: 521", "error code: 523",
			"error 523", "error 520", "error 530", "invalid response from an upstream",
			"received an invalid response from", "proxyconnect tcp", "proxy error",
			"tunneling socket could not be established", "tunnel connection failed: 5*",
			"the proxy server received an invalid response", "error reading from remote server",
			"connect() failed", "delayed_connect_error", "upstream reset", "backend connection",
			"application failed to respond", "no backend", "no endpoints available",
			"server is temporarily unable to service your request", "the service is unavailable",
			"upstream is down", "origin dns error",
		},
	},
	{
		category: outage, tier: status, confidence: 0.9, means: "the answer was a server's or gateway's failure",
		phrases: []string{
			"bad gateway", "bad_gateway", "badgateway", "service unavailable", "serviceunavailable",
			"service temporarily unavailable", "internal server error", "internal_server_error",
			"internalservererror", "server unavailable", "servererror", "internal service error",
			"internalservererrorexception", "internalfailure", "internalserviceerror", "server_error",
			"too many 5xx", "serverunavailable", "server_unavailable", "httpservererrorexception",
			"site is overloaded", "website is overloaded", "application error", "bad response from server",
			"temporarily_unavailable", "5xx", "internal error occurred on the server",
		},
	},
}
