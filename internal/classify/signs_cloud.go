package classify

// cloudSigns tell of gRPC, cloud functions and SDKs.
var cloudSigns = []sign{
	{
		category: outage, tier: cause, confidence: 0.92, means: "the remote service says that it is unavailable",
		phrases: []string{
			"14 unavailable", "code = unavailable", "unavailable: *", "status{code=unavailable*",
			"statuscode.unavailable", "grpc-status: 14", "statuscode=\"unavailable\"", "13 internal:",
			"code = internal", "statuscode.internal", "15 data_loss", "code = dataloss", "ec2throttledexception",
			"enilimitreachedexception", "kmsinternalexception", "serviceunavailableexception",
			"service is currently unavailable", "service is temporarily unavailable", "server_busy",
			"server is busy", "servertoobusyexception", "busy to process", "serverbusy", "system overloaded",
			"overloaded_error", "backend_error", "backenderror", "internalerror: we encountered an internal error",
			"system is down for maintenance", "instance is hibernating", "instance hibernating",
			"instance is not running", "hibernating instance",
			"data not available. the data you were trying to access", "no available instances",
			"unknown_exception", "unexpected exception on the server", "service_unavailable", "aadsts90033",
			"aadsts90002*", "this web app is stopped", "site disabled", "no such app", "default backend - 404",
			"err_ngrok_*", "error 1033",
		},
	},
	{
		category: auth, tier: cause, confidence: 0.95, means: "the remote service refused the caller",
		phrases: []string{
			"16 unauthenticated", "7 permission_denied", "code = unauthenticated", "code = permissiondenied",
			"statuscode.unauthenticated", "statuscode.permission_denied",
		},
	},
	{
		category: timeout, tier: cause, confidence: 0.95, means: "the remote call's deadline passed",
		phrases: []string{
			"4 deadline_exceeded", "code = deadlineexceeded", "statuscode.deadline_exceeded", "1 cancelled",
			"code = canceled",
		},
	},
	{
		category: invalidInput, tier: cause, confidence: 0.91, means: "the remote service refuses the values",
		phrases: []string{
			"3 invalid_argument", "invalid_argument", "code = invalidargument", "statuscode.invalid_argument",
			"5 not_found", "code = notfound", "statuscode.not_found", "6 already_exists", "code = alreadyexists",
			"statuscode.already_exists", "9 failed_precondition", "code = failedprecondition",
			"failed_precondition", "11 out_of_range", "code = outofrange", "invalidparametervalue*",
			"invalidparameterexception", "parameter values were invalid", "invalidparametercombination",
			"missingparameter", "message too long", "invalidrequestexception",
			"when calling * validationexception", "invalidargumentexception: *",
		},
	},
	{
		category: logicFault, tier: cause, confidence: 0.9, means: "the remote service has no such method",
		phrases: []string{
			"12 unimplemented", "code = unimplemented", "statuscode.unimplemented", "unimplemented:",
			"unknown service",
		},
	},
	{
		category: logicFault, tier: cause, confidence: 0.93, means: "the action's own function does not start, or outgrows its memory",
		phrases: []string{
			"runtime.importmoduleerror", "runtime.invalidentrypoint", "unable to access jarfile",
			"runtime.usercodesyntaxerror", "runtime.handlernotfound", "runtime.malformedhandlername",
			"runtime.exiterror", "runtime.outofmemory", "runtime.unknownreason", "unable to import module",
			"heap out of memory", "reached heap limit", "java heap space", "gc overhead limit exceeded",
			"outofmemoryerror", "memoryerror", "out of memory", "outofmemoryexception", "oomkilled", "metaspace",
			"allocation failed - javascript heap", "cannot allocate memory", "memory limit exceeded",
			"memory size of * exhausted", "exceeded memory limit", "memory used: *", "signal: killed",
			"runtime exited with error", "array buffer allocation failed", "err_worker_out_of_memory",
			"bad handler", "handler * undefined or not exported", "handler * missing on module",
			"is undefined or not exported", "entrypoint requires the handler name",
			"could not find or load main class", "fork/exec", "exec format error",
			"unable to create new native thread", "cannot find package", "no such file or directory", "enoent",
			"eacces", "eacces: permission denied", "eperm", "erofs", "eisdir", "enotdir", "emfile", "enomem",
			"eaddrinuse", "too many open files", "err_require_esm", "unable to resolve service for type",
		},
	},
}
