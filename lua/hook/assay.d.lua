---@meta assay

-- What the Lua scripts of a suite see, for the Lua language server. Written by
-- `assay hook types`; lua/README.md explains it.

-- The documents ----------------------------------------------------------

---@alias assay.Class "EXTERNAL_DEPENDENCY_OUTAGE" | "INTERNAL_LOGIC_FAULT" | "UNKNOWN"
---@alias assay.Category "outage" | "timeout" | "rate_limited" | "auth" | "logic_fault" | "invalid_input" | "schema_mismatch" | "unknown"
---@alias assay.Status "pass" | "fail" | "error" | "skip"
---@alias assay.ExecutionStatus "COMPLETED" | "FAILED" | "REJECTED"

---What classify gets: a failed execution. Secrets and sensitive values are masked.
---@class assay.Failure
---@field vector string the vector's name; empty where it is not known
---@field action assay.Action
---@field status assay.ExecutionStatus
---@field duration_ms integer
---@field error? assay.ExecutionError what the action failed with
---@field failing_step? assay.TraceStep the first step of the trace that has an error
---@field trace assay.TraceStep[]

---@class assay.Action
---@field id string
---@field name string
---@field errors string[] the error codes that the action declares

---@class assay.TraceStep
---@field step_id string
---@field step_name string
---@field timestamp? string
---@field error? assay.StepError
---@field output? any what the step gave, up to 64 KiB

---@class assay.Step
---@field step_id string
---@field step_name string
---@field timestamp? string
---@field error? assay.StepError

---@class assay.StepError
---@field message string
---@field stack? string
---@field code? string
---@field status? integer the HTTP status that the step saw

---@class assay.ExecutionError
---@field code? string
---@field message string
---@field stack? string
---@field details? any

---What classify answers. A category alone will do; nil passes the failure on.
---@class assay.Judgement
---@field category assay.Category
---@field confidence? number 0 to 1; 0.9 where it is left out
---@field reason? string

---What before_vector gets and answers.
---@class assay.Vector
---@field suite string
---@field name string
---@field action assay.Action
---@field tags string[]
---@field input any

---What after_vector gets: a vector's result, as reports have it.
---@class assay.Result
---@field suite string
---@field name string
---@field action string
---@field tags string[]
---@field status assay.Status
---@field duration_ms integer
---@field execution? assay.Execution
---@field classification? assay.Classification
---@field checks assay.Check[]
---@field error? assay.Error

---@class assay.Execution
---@field status? assay.ExecutionStatus absent where the end is not known
---@field session_id? string
---@field duration_ms integer
---@field polls integer
---@field input_hash string
---@field output? any
---@field error? assay.ExecutionError
---@field trace? assay.Step[]

---@class assay.Classification
---@field classification assay.Class
---@field category assay.Category
---@field confidence number
---@field reason string
---@field source string builtin, rule:NAME or script:FILE

---@class assay.Check
---@field name string
---@field status assay.Status
---@field expected? string
---@field actual? string
---@field message? string

---@class assay.Error
---@field summary string
---@field detail string

---What after_vector answers, in a list: one more check.
---@class assay.NewCheck
---@field name string
---@field pass boolean
---@field message? string

---What on_event gets and answers; false drops it.
---@class assay.Event
---@field id string
---@field type "session" | "not_started" | "not_finished" | "delivery_given_up" | "run_started" | "run_ended" | "submitting" | "refused" | "opt_in" | "dev_plugin" | "deployed" | "pruned"
---@field time string
---@field run_id string
---@field suite string
---@field vector? string
---@field action_id? string
---@field action_name? string
---@field session_id? string
---@field input_hash? string
---@field input? any only for sinks that opted in, masked
---@field verdict? assay.Status
---@field status? assay.ExecutionStatus
---@field duration_ms integer
---@field classification? assay.EventClassification
---@field correlation? assay.Correlation
---@field error? assay.EventError
---@field submission_id? string
---@field actor? assay.Actor
---@field command? string
---@field summary? assay.RunSummary
---@field plugin? string
---@field setting? string
---@field sha256? string
---@field count? integer
---@field masked boolean

---@class assay.Actor
---@field user? string
---@field host? string
---@field ci? string
---@field job? string
---@field commit? string

---@class assay.RunSummary
---@field total integer
---@field passed integer
---@field failed integer
---@field errored integer
---@field skipped integer

---@class assay.EventClassification
---@field classification assay.Class
---@field category assay.Category
---@field confidence number
---@field reason? string
---@field source? string

---@class assay.Correlation
---@field failing_step_id string
---@field failing_step_name string
---@field timestamp? string
---@field raw_error string
---@field stack_trace? string

---@class assay.EventError
---@field kind string
---@field message string
---@field http_status? integer

-- The library ------------------------------------------------------------

---@class assay
assay = {}

---Writes one line to the plugin's log. The level is "info" where it is left out.
---@overload fun(message: any)
---@param level "debug" | "info" | "warn" | "error"
---@param message any
function assay.log(level, message) end

---Seconds since 1970, UTC, with a fraction.
---@return number
function assay.time() end

---A number from 0 to below 1; a whole number from 1 to m; or from m to n. The same seed gives the same numbers.
---@param m? number
---@param n? number
---@return number
function assay.random(m, n) end

---@class assay.json
---@field null userdata JSON's null within a list
assay.json = {}

---A JSON text, with fields in the order of their names.
---@param value any
---@return string
function assay.json.encode(value) end

---@param text string
---@return any
function assay.json.decode(text) end

---Go's regular expressions (RE2).
---@class re
re = {}

---The captures of the first match, or the match where there are none; nil.
---@param text string
---@param pattern string
---@param from? integer
---@return string?
---@return string? ...
function re.match(text, pattern, from) end

---Start and end of the first match and its captures; nil.
---@param text string
---@param pattern string
---@param from? integer
---@return integer?
---@return integer?
---@return string? ...
function re.find(text, pattern, from) end

---An iterator over the matches.
---@param text string
---@param pattern string
---@return fun(): string?, string?
function re.gmatch(text, pattern) end

---The text with matches replaced, and how many.
---@param text string
---@param pattern string
---@param by string | table | fun(...): any a text with %0 to %9, a table or a function
---@param times? integer
---@return string
---@return integer
function re.gsub(text, pattern, by, times) end

-- Tests: files called *_test.lua, run by `assay hook test` ---------------

---Groups tests under a name.
---@param name string
---@param body fun()
function describe(name, body) end

---A test. It runs alone: what it does, no other test sees.
---@param name string
---@param body fun()
function it(name, body) end

---@class assay.Expectation
local expectation = {}

---The same in every field.
---@param expected any
function expectation.to_equal(expected) end

---The very same.
---@param expected any
function expectation.to_be(expected) end

function expectation.to_be_nil() end

---A text that matches a regular expression (RE2).
---@param pattern string
function expectation.to_match(pattern) end

---A text that holds another, or a table that holds an equal value.
---@param part any
function expectation.to_contain(part) end

---A function that raises an error, whose text matches the pattern (RE2) if there is one.
---@param pattern? string
function expectation.to_fail(pattern) end

---@param actual any
---@return assay.Expectation
function expect(actual) end

---What classify gets of a failure that `assay run --save-failures` kept.
---@param path string relative to the suite
---@return assay.Failure
function fixture(path) end

---The suite's hooks, called as a run calls them.
---@class assay.hooks
hooks = {}

---@param failure assay.Failure | table
---@return assay.Judgement?
function hooks.classify(failure) end

---@param vector assay.Vector | table
---@return assay.Vector?
function hooks.before_vector(vector) end

---@param result assay.Result | table
---@return assay.NewCheck[]?
function hooks.after_vector(result) end

---@param event assay.Event | table
---@return assay.Event | false | nil
function hooks.on_event(event) end
