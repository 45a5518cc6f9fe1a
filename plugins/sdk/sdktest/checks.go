package sdktest

import "context"

// check is one thing that the host relies on.
type check struct {
	name string // the same in every version, for reports
	must string // what a plugin's author must do
	try  func(t *trial, ctx context.Context) (seen string, err error)
}

// checks are all of them, in the order in which they are made: what the later
// ones build on comes first.
func checks() []check {
	return []check{
		{"describe", "answer the arguments `describe --json` on stdout with one JSON document (name, version, summary, protocol 1, kinds, schema) and exit status 0, without a handshake, the same each time", (*trial).describes},
		{"schema", "describe its attributes in words that the host knows: a lower-case name that is not the host's own, a type, a description, a default of that type", (*trial).hasSchema},
		{"cookie", "end with another status than 0, with a plain sentence on stderr and nothing on stdout, where ASSAY_PLUGIN does not hold the cookie", (*trial).refusesByHand},
		{"handshake", "write one line to stdout within 10 s, 1|1|unix|SOCKET|grpc|CERTIFICATE, with a socket in the folder PLUGIN_UNIX_SOCKET_DIR and a certificate of its own for localhost", (*trial).shakesHands},
		{"mutual-tls", "talk over TLS 1.3, and only to the client whose certificate is in PLUGIN_CLIENT_CERT", (*trial).trustsTheHostOnly},
		{"services", "serve go-plugin's health service (\"plugin\" is SERVING), and the services of the kinds that it describes and of no other", (*trial).serves},
		{"long-temporary-path", "start where TMPDIR is too long for the path of a socket: the socket goes to PLUGIN_UNIX_SOCKET_DIR", (*trial).startsInLongPath},
		{"unconfigured", "answer an operation before Configure with an error", (*trial).refusesUnconfigured},
		{"configure", "take settings that are right", (*trial).takesSettings},
		{"config-errors", "answer wrong settings with problems that name the attribute, or a path that starts with it, and say in summary and detail what is wrong", (*trial).namesWrongAttributes},
		{"auth", "answer Token with a token that fits a header, anew at each call: the host caches", (*trial).givesTokens},
		{"target", "answer Submit with a session or an execution, Poll with a status and, at the end, an execution; the other operations with an answer or an error of kind unsupported", (*trial).runsActions},
		{"sink", "take events in any number, an event a second time, and types and fields of events that it does not know", (*trial).takesEvents},
		{"hook", "answer a hook with JSON, and one that is not defined with null or an error of kind unsupported", (*trial).answersHooks},
		{"one-attempt", "make one attempt of an operation and say what came of it: the kind of error, retry_after, and sent = false only where no byte of the request left", (*trial).typesErrors},
		{"deadline", "answer with an error of kind timeout a moment before the deadline of the call, and give up the request to its peer", (*trial).keepsDeadline},
		{"cancel", "give up what it does, its request to the peer too, when the call is cancelled", (*trial).stopsWhenCanceled},
		{"independence", "go on with other calls while one waits", (*trial).worksWhileOneWaits},
		{"large-documents", "take and answer messages of up to 16 MB: a document of 5 MB is passed", (*trial).takesLargeDocuments},
		{"concurrency", "answer 128 calls at once", (*trial).worksConcurrently},
		{"hostile-documents", "answer documents that are not what it expects, with an answer or an error, and go on", (*trial).survivesDocuments},
		{"panics", "answer a panic, or an exception, with an error of kind internal, and go on", (*trial).answersPanic},
		{"stdout", "write nothing to stdout but the handshake: logs belong on stderr", (*trial).keepsStdout},
		{"secrets", "keep the values of sensitive attributes out of its errors and its stderr", (*trial).keepsSecrets},
		{"shutdown", "answer Shutdown and then go-plugin's GRPCController.Shutdown, and end within 2 s", (*trial).shutsDown},
		{"host-death", "end within 2 s once the file descriptor that ASSAY_PLUGIN_LIFELINE names reaches its end", (*trial).diesWithHost},
	}
}
