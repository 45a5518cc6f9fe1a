# What is tried, and what must come of it. A vector without an expect block
# must complete.

vector "happy_path" {
  action = action.inventory_sync
  tags   = ["smoke"]
  input  = { sku = "SKU-1", warehouseId = "W-1" }
  expect {
    status = "COMPLETED"
    output = { synced = true } # a subset: other keys may be there
  }
  check "has a date" {
    condition     = can(formatdate("YYYY", result.output.lastModified))
    error_message = "lastModified is not an RFC 3339 date"
  }
}

vector "throttling_that_recovers" {
  action = action.inventory_sync
  tags   = ["resilience"]
  input  = { sku = "SKU-BUSY", warehouseId = "W-1" }
  expect {
    status       = "COMPLETED"
    max_duration = "10s"
  }
  check "waited as Retry-After asks" {
    condition     = result.duration_ms >= 2000
    error_message = "two 429 with Retry-After: 1 mean two seconds of waiting, not ${result.duration_ms} ms"
  }
}

# --- Input that the handler refuses: FAILED, with a declared code

vector "malformed_sku" {
  action = action.inventory_sync
  input  = { sku = "not a sku", warehouseId = "W-1" }
  expect {
    status         = "FAILED"
    error_code     = "INVALID_INPUT_FORMAT"
    classification = "INTERNAL_LOGIC_FAULT"
    category       = "invalid_input"
  }
  check "the ERP is not asked" {
    condition     = result.failing_step.step_id == "validate" && length(result.trace) == 1
    error_message = "a malformed SKU must not reach the ERP"
  }
}

vector "unknown_sku" {
  action = action.inventory_sync
  input  = { sku = "SKU-UNKNOWN", warehouseId = "W-1" }
  expect {
    error_code     = "INVALID_INPUT_FORMAT" # an error code means status = "FAILED"
    classification = "INTERNAL_LOGIC_FAULT"
    category       = "invalid_input"
  }
  check "a refusal is not tried again" {
    condition     = result.error.details.attempts == 1
    error_message = "the ERP was asked ${result.error.details.attempts} times"
  }
}

# --- Input that the platform rejects before any code runs

vector "rejected" {
  for_each = {
    wrong_type  = { sku = 42, warehouseId = "W-1" }
    missing_key = { sku = "SKU-1" }
    extra_key   = { sku = "SKU-1", warehouseId = "W-1", quantity = 3 }
  }
  action = action.inventory_sync
  tags   = ["contract"]
  input  = each.value
  expect {
    status = "REJECTED" # only such a vector may carry input that breaks the schema
  }
}

# --- What the ERP does to the action

vector "throttling_that_stays" {
  for_each = toset(["W-1", "W-2"]) # two results: throttling_that_stays["W-1"] and ["W-2"]
  action   = action.inventory_sync
  tags     = ["resilience"]
  input    = { sku = "SKU-429", warehouseId = each.key }
  expect {
    error_code     = "RATE_LIMIT_EXCEEDED"
    classification = "EXTERNAL_DEPENDENCY_OUTAGE"
    category       = "rate_limited"
    min_confidence = 0.8
    max_duration   = "10s"
  }
  check "all tries were used" {
    condition     = result.error.details.attempts == 3
    error_message = "gave up after ${result.error.details.attempts} tries"
  }
}

vector "timeout" {
  action = action.inventory_sync
  tags   = ["resilience"]
  input  = { sku = "SKU-HANG", warehouseId = "W-1" }
  expect {
    error_code     = "UPSTREAM_TIMEOUT"
    classification = "EXTERNAL_DEPENDENCY_OUTAGE"
    category       = "timeout"
    min_confidence = 0.8
  }
}

# The action has one code for three kinds of trouble. The classification reads
# the trace, so it still tells them apart.

vector "unavailable" {
  action = action.inventory_sync
  tags   = ["resilience"]
  input  = { sku = "SKU-503", warehouseId = "W-1" }
  expect {
    error_code     = "UPSTREAM_TIMEOUT"
    classification = "EXTERNAL_DEPENDENCY_OUTAGE"
    category       = "outage"
    min_confidence = 0.8
  }
}

vector "connection_reset" {
  action = action.inventory_sync
  tags   = ["resilience"]
  input  = { sku = "SKU-RESET", warehouseId = "W-1" }
  expect {
    error_code     = "UPSTREAM_TIMEOUT"
    classification = "EXTERNAL_DEPENDENCY_OUTAGE"
    category       = "outage"
    min_confidence = 0.8
  }
}

vector "garbage_body" {
  action = action.inventory_sync
  input  = { sku = "SKU-GARBAGE", warehouseId = "W-1" }
  expect {
    error_code     = "DESERIALIZATION_FAILURE"
    classification = "INTERNAL_LOGIC_FAULT"
    category       = "schema_mismatch"
  }
}

vector "renamed_field" {
  action = action.inventory_sync
  input  = { sku = "SKU-RENAMED", warehouseId = "W-1" }
  expect {
    error_code     = "DESERIALIZATION_FAILURE"
    classification = "INTERNAL_LOGIC_FAULT"
    category       = "schema_mismatch"
  }
}

# --- Bounds on the whole

threshold "error_rate" {
  action         = action.inventory_sync
  metric         = "error_rate" # percent, from the platform's analytics
  window         = "PT24H"
  max            = 90 # most of these vectors fail on purpose; 5 is usual in production
  min_executions = 10 # a run of one vector says nothing about the rate
}

threshold "slowest" {
  metric = "run.max_ms" # of this run
  max    = 20000
}

threshold "nothing_unexplained" {
  metric = "run.unknown_rate" # percent of the failures that nothing could explain
  max    = 0
}
