# Who decides whose fault a failure is: the script, then these rules in their
# order, then the rules built into assay. The first that has an answer counts.

classifier {
  script = "classify.lua"

  # 423 is usually the caller's problem. Here the warehouse is counting stock.
  rule "stock-count" {
    step       = "find_order"
    status     = 423
    category   = "outage"
    confidence = 0.95
  }

  rule "mistyped-number" {
    match      = "^GET /v1/customers/[^/]+: 404"
    category   = "invalid_input"
    confidence = 0.95
  }
}

vector "open_order" {
  action = action.order_status
  tags   = ["smoke"]
  input  = { customerNumber = "1001", orderNumber = "A-1" }
  expect {
    output = { status = "shipped", eta = "2026-01-05" }
  }
  check "asked with the id that the directory gave" {
    condition     = result.output.customerId == "C-1001"
    error_message = "the order system was asked for customer ${result.output.customerId}"
  }
  check "two steps" {
    condition     = [for s in result.trace : s.step_id] == ["find_customer", "find_order"]
    error_message = "the trace holds ${jsonencode([for s in result.trace : s.step_id])}"
  }
}

vector "delivered_order" {
  action = action.order_status
  input  = { customerNumber = "1001", orderNumber = "A-DONE" }
  expect {
    output = { status = "delivered" }
  }
  check "no eta any more" {
    condition     = try(result.output.eta, null) == null
    error_message = "a delivered order has no eta"
  }
}

# --- Decided by the script

vector "nightly_batch" {
  action = action.order_status
  input  = { customerNumber = "1001", orderNumber = "A-NIGHT" }
  expect {
    error_code     = "UNREADABLE" # the handler sees an answer without an order …
    classification = "EXTERNAL_DEPENDENCY_OUTAGE"
    category       = "outage" # … and the script sees OMS-1009
    min_confidence = 0.95
  }
}

vector "archived_order" {
  action = action.order_status
  input  = { customerNumber = "1001", orderNumber = "A-OLD" }
  expect {
    error_code     = "UNAVAILABLE" # a 500 …
    classification = "INTERNAL_LOGIC_FAULT"
    category       = "invalid_input" # … that is no outage: OMS-2040
  }
}

# --- Decided by a rule

vector "locked_for_stock_count" {
  action = action.order_status
  input  = { customerNumber = "1001", orderNumber = "A-LOCKED" }
  expect {
    error_code     = "NOT_AVAILABLE"
    classification = "EXTERNAL_DEPENDENCY_OUTAGE"
    category       = "outage"
  }
}

vector "unknown_customer" {
  action = action.order_status
  input  = { customerNumber = "404", orderNumber = "A-1" }
  expect {
    error_code     = "NOT_AVAILABLE"
    classification = "INTERNAL_LOGIC_FAULT"
    category       = "invalid_input"
    min_confidence = 0.95
  }
  check "stops at the first step" {
    condition     = result.failing_step.step_id == "find_customer" && length(result.trace) == 1
    error_message = "the order system must not be asked for a customer that does not exist"
  }
}

# --- Decided by the built-in rules

vector "unknown_order" {
  action = action.order_status
  input  = { customerNumber = "1001", orderNumber = "A-404" }
  expect {
    error_code     = "NOT_AVAILABLE"
    classification = "INTERNAL_LOGIC_FAULT"
    category       = "invalid_input"
  }
  check "fails at the second step" {
    condition     = result.failing_step.step_id == "find_order"
    error_message = "failed at ${result.failing_step.step_id}"
  }
}

vector "slow_directory" {
  action = action.order_status
  input  = { customerNumber = "slow", orderNumber = "A-1" }
  expect {
    error_code     = "TOO_SLOW"
    classification = "EXTERNAL_DEPENDENCY_OUTAGE"
    category       = "timeout"
    min_confidence = 0.8
  }
}

vector "cut_answer" {
  action = action.order_status
  input  = { customerNumber = "1001", orderNumber = "A-CUT" }
  expect {
    error_code     = "UNAVAILABLE"
    classification = "EXTERNAL_DEPENDENCY_OUTAGE"
    category       = "outage"
    min_confidence = 0.8
  }
}

vector "unknown_vendor_code" {
  action = action.order_status
  input  = { customerNumber = "1001", orderNumber = "A-NEW-CODE" }
  expect {
    error_code     = "UNAVAILABLE"
    classification = "EXTERNAL_DEPENDENCY_OUTAGE"
    category       = "outage"
  }
}

threshold "average_duration" {
  action         = action.order_status
  metric         = "average_duration_ms" # from the platform's analytics
  window         = "PT24H"
  max            = 5000
  min_executions = 5
}

threshold "nothing_unexplained" {
  metric = "run.unknown_rate" # percent of this run's failures
  max    = 0
}
