# What is tried, and what must come of it.

vector "known_customer" {
  action = action.loyalty_points
  tags   = ["smoke"]
  input  = { customerId = "C-1" }
  expect {
    output = { points = 1250, tier = "gold" }
  }
  check "the platform tells of each operation" {
    condition     = length(result.trace) == 2 && result.trace[1].step_name == "look_up"
    error_message = "the trace has ${length(result.trace)} operations"
  }
}

# What is being worked on, before it is published.
vector "draft" {
  action = action.loyalty_points
  with   = { draft = true }
  input  = { customerId = "C-1" }
  expect {
    output = { points = 1250 }
  }
}

vector "busy_platform" {
  action = action.loyalty_points
  tags   = ["resilience"]
  input  = { customerId = "C-BUSY" }
  expect {
    output = { tier = "basic" }
  }
}

# --- Input that the platform rejects before the action runs

vector "rejected" {
  for_each = {
    wrong_type  = { customerId = 42 }
    missing_key = {}
  }
  action = action.loyalty_points
  tags   = ["contract"]
  input  = each.value
  expect {
    status = "REJECTED"
  }
}

# --- What the service does to the action

vector "service" {
  for_each = {
    refuses_the_key = { customer = "C-401", code = "unauthorized", category = "auth" }
    throttles       = { customer = "C-429", code = "too.many.requests", category = "rate_limited" }
    is_down         = { customer = "C-503", code = "service.unavailable", category = "outage" }
    hangs           = { customer = "C-HANG", code = "gateway.timeout", category = "timeout" }
    hangs_up        = { customer = "C-RESET", code = "internal.server.error", category = "outage" }
  }
  action = action.loyalty_points
  tags   = ["resilience"]
  input  = { customerId = each.value.customer }
  expect {
    error_code     = each.value.code
    classification = "EXTERNAL_DEPENDENCY_OUTAGE"
    category       = each.value.category
    min_confidence = 0.8
  }
  check "the platform names who failed" {
    condition     = result.error.details.errorCode == "ACTION.REMOTE_ENDPOINT"
    error_message = "it is ${result.error.details.errorCode}"
  }
}

vector "unknown_customer" {
  action = action.loyalty_points
  input  = { customerId = "C-NOBODY" }
  expect {
    error_code     = "not.found"
    classification = "INTERNAL_LOGIC_FAULT"
    category       = "invalid_input"
  }
}

# --- What the action makes of the answer

vector "template" {
  for_each = {
    page          = "C-PAGE"
    renamed_field = "C-RENAMED"
    wrong_type    = "C-TEXT"
  }
  action = action.loyalty_points
  input  = { customerId = each.value }
  expect {
    error_code     = "bad.request"
    classification = "INTERNAL_LOGIC_FAULT"
    category       = "schema_mismatch"
  }
  check "the platform names who failed" {
    condition     = result.error.details.errorCode == "ACTION.PROCESSING"
    error_message = "it is ${result.error.details.errorCode}"
  }
}

# --- Bounds on the whole. The platform has no analytics of single actions, so
# they are of this run.

threshold "slowest" {
  metric = "run.max_ms"
  max    = 20000
}

threshold "nothing_unexplained" {
  metric = "run.unknown_rate"
  max    = 0
}
