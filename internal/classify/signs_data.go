package classify

// databaseSigns tell of databases, caches and queues, by whose fault it is:
// theirs, the query's or the values'.
var databaseSigns = []sign{
	{
		category: outage, tier: cause, confidence: 0.95, means: "the database, cache or queue is down or exhausted",
		phrases: []string{
			"too many clients", "too many connections", "too_many_connections", "remaining connection slots", "er_con_count_error", "'53300'", "(53300", "sqlstate 53300", "sqlstate: 53300", "\"53300\"", "max_user_connections", "connection limit exceeded", "max number of clients reached",
			"database system is starting up", "database system is shutting down", "database system is in recovery", "terminating connection due to", "57p01", "57p03", "'08006'", "(08006", "sqlstate 08006", "sqlstate: 08006", "\"08006\"", "'08001'", "(08001", "sqlstate 08001", "sqlstate: 08001", "\"08001\"", "cannot connect now", "server closed the connection unexpectedly",
			"server has gone away", "lost connection to mysql", "can't connect to mysql", "can't connect to local mysql", "protocol_connection_lost", "communications link failure", "the last packet sent successfully", "cannotgetjdbcconnectionexception",
			"connection is not available", "could not open jdbc connection", "unable to acquire jdbc connection", "cannot acquire connection", "timeout acquiring a connection", "unable to acquire a connection", "connection pool is full", "pool is exhausted", "pool exhausted", "connection pool exhausted", "poolexhaustedexception", "no connections available", "queuepool limit", "obtaining a connection from the pool", "pool is closed", "unable to get a connection, pool", "cannot get a connection",
			"timeout waiting for connection from pool", "connectionpooltimeoutexception",
			"network-related or instance-specific", "database * is not currently available", "cannot open database", "is being recovered", "could not open a connection to sql server", "resource limit for database",
			"ora-12541", "ora-12514", "ora-12505", "ora-03113", "ora-03114", "ora-03135", "ora-01034", "ora-01033", "ora-00018", "ora-00020", "ora-12519", "ora-12520", "ora-12537", "ora-12547", "ora-12560", "ora-01089", "ora-27101", "ora-12154", "ora-17002", "ora-12505", "tns:no listener",
			"mongonetworkerror", "mongoserverselectionerror", "mongonetworktimeouterror", "no primary", "not primary", "notwritableprimary", "no suitable servers found", "topology is closed", "serverselectionerror", "serverselectiontimeouterror", "no replica set", "server selection error",
			"loading redis", "is loading the dataset", "clusterdown", "masterdown", "tryagain", "readonly you can't write", "misconf redis", "oom command not allowed", "maxretriesperrequesterror", "max retries per request", "maxretriesperrequest", "connection is closed.", "busy redis", "noreplicas", "redisconnectionfailureexception", "redisconnectionexception",
			"maximum number of clients", "unable to connect to redis", "could not connect to redis", "jedisconnectionexception",
			"not present in metadata", "leader_not_available", "not_leader_*", "not_enough_replicas", "broker not available", "brokernotavailable*", "no brokers available", "nobrokersavailable", "kafkajsconnectionerror", "kafkajsnumberofretriesexceeded", "coordinator is not available", "leadernotavailableexception", "notleaderforpartitionexception", "no leader for", "bootstrap broker * disconnected", "all brokers down", "disconnectexception", "kafkajsbrokernotfound",
			"deadlock detected", "deadlock found", "deadlock victim", "was deadlocked", "ora-00060", "40p01", "could not serialize access", "disk full", "no space left on device", "could not extend file", "ora-01653", "tablespace is full", "read-only transaction", "read only replica", "sqlite_busy", "database is locked",
			"ora-01555", "internal error in database", "no nodes available", "noconnectionserror", "no living connections", "cluster_block_exception", "all shards failed", "circuit_breaking_exception", "es_rejected_execution_exception", "no host available", "nohostavailable*", "nohostavailableexception", "unavailableexception", "unavailable_shards_exception",
			"amqp connection", "connection_forced", "channel is closed", "alreadyclosedexception", "amqpconnectexception", "could not connect to any", "couldn't connect to any", "unable_to_lock_row", "unable to obtain exclusive access",
		},
	},
	{
		category: logicFault, tier: cause, confidence: 0.94, means: "the action's own query is wrong",
		phrases: []string{
			"syntax error at or near", "syntax error at end of input", "syntax error in sql", "sqlsyntaxerrorexception", "badsqlgrammarexception", "bad sql grammar", "error in your sql syntax", "er_parse_error", "er_bad_field_error", "er_no_such_table", "unknown column", "unknown table", "incorrect syntax near",
			"column * does not exist", "relation * does not exist", "table * does not exist", "table * doesn't exist", "function * does not exist", "operator does not exist", "no such table", "no such column", "no such function", "invalid column name", "invalid object name", "must appear in the group by", "unterminated quoted string", "could not find stored procedure", "procedure or function * expects parameter",
			"must declare the scalar variable", "ambiguous column", "column reference * is ambiguous", "column * is ambiguous", "more expressions than target columns", "more target columns than", "bind message supplies", "could not determine data type of parameter", "there is no parameter", "wrong number of bindings", "column count doesn't match", "not enough arguments for format string",
			"ora-00942", "ora-00904", "ora-00933", "ora-00936", "ora-00900", "ora-00907", "ora-00911", "ora-00917", "ora-00918", "ora-00923", "ora-00979", "ora-01008", "ora-01036", "ora-06550", "ora-00903", "ora-00906", "ora-01747", "ora-01006", "ora-00947", "pls-00*",
			"42601", "42p01", "'42703'", "(42703", "sqlstate 42703", "sqlstate: 42703", "\"42703\"", "'42883'", "(42883", "sqlstate 42883", "sqlstate: 42883", "\"42883\"", "42s02", "42s22", "sqlstate[42*", "missing from-clause entry", "unexpected token in soql", "malformed_query", "no such column", "invalid_field", "malformedqueryexception", "sobject type * is not supported", "unknown function", "parsing_exception", "unknown top level operator", "unknown operator", "failed to parse query",
			"wrongtype operation", "wrong number of arguments for", "err unknown command", "unrecognized expression", "crossslot", "noscript", "unable to parse the query", "invalid expression", "invalid filterexpression", "invalid keyconditionexpression", "invalid updateexpression", "invalid projectionexpression", "attribute name is a reserved keyword", "index_not_found_exception", "fielddata is disabled",
			"invalid filter clause", "could not find a property named", "odata query", "unsupported query option", "syntax error: expected name",
		},
	},
	{
		category: invalidInput, tier: cause, confidence: 0.92, means: "the store refuses the values",
		phrases: []string{
			"duplicate key", "duplicate entry", "duplicatekeyexception", "dup key", "er_dup_entry", "e11000", "unique constraint", "unique_violation", "unique key constraint", "'23505'", "(23505", "sqlstate 23505", "sqlstate: 23505", "\"23505\"", "'23503'", "(23503", "sqlstate 23503", "sqlstate: 23503", "\"23503\"", "'23502'", "(23502", "sqlstate 23502", "sqlstate: 23502", "\"23502\"", "'23514'", "(23514", "sqlstate 23514", "sqlstate: 23514", "\"23514\"", "22p02", "'22001'", "(22001", "sqlstate 22001", "sqlstate: 22001", "\"22001\"", "'22003'", "(22003", "sqlstate 22003", "sqlstate: 22003", "\"22003\"", "'22007'", "(22007", "sqlstate 22007", "sqlstate: 22007", "\"22007\"", "'22008'", "(22008", "sqlstate 22008", "sqlstate: 22008", "\"22008\"", "sqlstate[23*",
			"violates foreign key constraint", "violates check constraint", "violates not-null constraint", "violates unique constraint", "foreign key constraint fails", "er_no_referenced_row*", "check constraint", "foreign key constraint", "integrity constraint violation", "dataintegrityviolationexception", "constraintviolationexception", "integrityerror", "conflicted with the",
			"invalid input syntax for", "value too long for", "data too long for column", "er_data_too_long", "out of range value for column", "out of range for type", "numeric field overflow", "date/time field value out of range", "string or binary data would be truncated", "cannot insert the value null", "cannot be null", "conversion failed when converting", "error converting data type", "incorrect integer value", "incorrect datetime value", "incorrect decimal value", "truncated incorrect", "arithmetic overflow error",
			"ora-00001", "ora-01400", "ora-12899", "ora-02291", "ora-02292", "ora-02290", "ora-01722", "ora-01830", "ora-01843", "ora-01861", "ora-01438", "ora-01847", "ora-01858", "ora-01403", "no data found", "conditional request failed", "conditionalcheckfailedexception", "sequelizeuniqueconstrainterror", "sequelizevalidationerror", "document failed validation", "duplicate_value", "duplicates_detected", "required_field_missing", "field_custom_validation_exception", "invalid_email_address",
			"string_too_long", "field_integrity_exception", "malformed_id", "invalid_cross_reference_key", "entity_is_deleted", "number_outside_valid_range", "invalid_or_null_for_restricted_picklist", "invalid_id_field", "bsontypeerror", "cast to objectid failed", "cast to * failed", "argument passed in must be a *", "already exists", "resourcenotfoundexception", "nosuchkey", "entitynotfoundexception", "record not found", "recordnotfound", "no record found", "entity_not_found", "document_not_found", "activerecord::recordnotfound", "objectnotfound", "invalid_cross_reference*", "duplicate_name",
		},
	},
}

// cloudSigns tell of gRPC, cloud functions and SDKs.
var cloudSigns = []sign{
	{
		category: outage, tier: cause, confidence: 0.92, means: "the remote service says that it is unavailable",
		phrases: []string{
			"14 unavailable", "code = unavailable", "unavailable: *", "status{code=unavailable*", "statuscode.unavailable", "grpc-status: 14", "statuscode=\"unavailable\"", "13 internal:", "code = internal", "statuscode.internal", "15 data_loss", "code = dataloss",
			"ec2throttledexception", "enilimitreachedexception", "kmsinternalexception", "serviceunavailableexception", "service is currently unavailable", "service is temporarily unavailable", "server_busy", "server is busy", "servertoobusyexception", "busy to process", "serverbusy", "system overloaded", "overloaded_error", "backend_error", "backenderror", "internalerror: we encountered an internal error",
			"system is down for maintenance", "instance is hibernating", "instance hibernating", "instance is not running", "hibernating instance", "data not available. the data you were trying to access",
			"no available instances", "unknown_exception", "unexpected exception on the server", "service_unavailable", "aadsts90033", "aadsts90002*", "this web app is stopped", "site disabled", "no such app", "default backend - 404", "err_ngrok_*", "error 1033",
		},
	},
	{
		category: auth, tier: cause, confidence: 0.95, means: "the remote service refused the caller",
		phrases: []string{"16 unauthenticated", "7 permission_denied", "code = unauthenticated", "code = permissiondenied", "statuscode.unauthenticated", "statuscode.permission_denied"},
	},
	{
		category: timeout, tier: cause, confidence: 0.95, means: "the remote call's deadline passed",
		phrases: []string{"4 deadline_exceeded", "code = deadlineexceeded", "statuscode.deadline_exceeded", "1 cancelled", "code = canceled"},
	},
	{
		category: invalidInput, tier: cause, confidence: 0.91, means: "the remote service refuses the values",
		phrases: []string{
			"3 invalid_argument", "invalid_argument", "code = invalidargument", "statuscode.invalid_argument", "5 not_found", "code = notfound", "statuscode.not_found", "6 already_exists", "code = alreadyexists", "statuscode.already_exists", "9 failed_precondition", "code = failedprecondition", "failed_precondition", "11 out_of_range", "code = outofrange", "invalidparametervalue*", "invalidparameterexception", "invalidparameterexception",
			"parameter values were invalid", "invalidparametercombination", "missingparameter", "message too long", "invalidrequestexception", "when calling * validationexception", "invalidargumentexception: *",
		},
	},
	{
		category: logicFault, tier: cause, confidence: 0.9, means: "the remote service has no such method",
		phrases: []string{"12 unimplemented", "code = unimplemented", "statuscode.unimplemented", "unimplemented:", "unknown service", "unknown method"},
	},
	{
		category: logicFault, tier: cause, confidence: 0.93, means: "the action's own function does not start, or outgrows its memory",
		phrases: []string{
			"runtime.importmoduleerror", "runtime.usercodesyntaxerror", "runtime.handlernotfound", "runtime.malformedhandlername", "runtime.exiterror", "runtime.outofmemory", "runtime.unknownreason", "unable to import module", "heap out of memory", "reached heap limit", "java heap space", "gc overhead limit exceeded", "outofmemoryerror",
			"memoryerror", "out of memory", "outofmemoryexception", "oomkilled", "metaspace", "allocation failed - javascript heap", "cannot allocate memory", "memory limit exceeded", "memory size of * exhausted", "exceeded memory limit", "memory used: *", "signal: killed", "runtime exited with error", "array buffer allocation failed", "err_worker_out_of_memory", "bad handler", "handler * undefined or not exported", "handler * missing on module", "is undefined or not exported", "entrypoint requires the handler name", "could not find or load main class", "fork/exec", "exec format error", "unable to create new native thread", "cannot find package", "no such file or directory", "enoent", "eacces", "eacces: permission denied", "eperm", "erofs", "eisdir", "enotdir", "emfile", "enomem", "eaddrinuse", "too many open files", "err_module_not_found", "err_require_esm", "unable to resolve service for type",
		},
	},
}
