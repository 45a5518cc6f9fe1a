assay {
  required_version = ">= 0.1.0"
}

suite {                                   # optional
  name     = "inventory"                  # default: the folder's name
  tags     = ["erp"]
  parallel = 8                            # vectors in flight; default 10, always bounded
  timeout  = "10m"
}

variable "cxone_url" {
  type        = string
  default     = null
  env         = "CXONE_BASE_URL"          # precedence: -var, -var-file, ASSAY_VAR_cxone_url, env, default
  description = "Tenant API base URL; unset runs on the embedded sandbox"
}

variable "client_secret" {
  type      = string
  default   = "sandbox"
  env       = "CXONE_CLIENT_SECRET"
  sensitive = true                        # never printed, logged, reported, sent or audited
}

locals {
  base_url = coalesce(var.cxone_url, sandbox.url)   # the sandbox starts because something refers to it
}

plugin "auth" {                           # label = local name; source defaults to "builtin/<label>"
  token_url      = "${local.base_url}/api/v2/oauth/token"
  client_id      = "demo"
  client_secret  = var.client_secret
  scopes         = ["data:execute", "data:read", "trace:read", "analytics:read", "dataactions:write"]
  refresh_before = "60s"
}

plugin "cxone" {
  auth        = plugin.auth
  base_url    = local.base_url
  environment = "test"                    # dev | test | prod
  poll        = { initial = "200ms", max = "3s", attempts = 60, timeout = "2m" }
  retry {
    attempts   = 3
    base_delay = "200ms"
    max_delay  = "5s"
  }
  breaker {
    failures = 5                          # consecutive failures that open it
    open_for = "30s"
  }
  rate_limit {
    per_second = 20
    burst      = 5
  }
}

plugin "webhook" {
  url    = "${mock.dashboard.url}/hook"
  secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
  # allow_cidrs = ["10.0.0.0/8"]          # private or loopback addresses it may reach; mocks of this suite always
}

plugin "audit" {
  path           = ".assay/audit"
  retention_days = 90
}

action "inventory_sync" {
  id          = "a1b2c3d4-e5f6-4890-abcd-ef1234567890"
  name        = "InventorySyncAction"
  description = "Synchronizes inventory data with external ERP system"
  input       = object({ sku = string, warehouseId = string })              # a type constraint …
  output      = object({ synced = bool, lastModified = optional(string) })
  # input_schema = "schemas/input.json"                                     # … or a JSON Schema file
  sensitive   = ["warehouseId"]           # input paths masked wherever input may show
  # target    = plugin.cxone              # needed only where a suite has several targets

  error "INVALID_INPUT_FORMAT" {
    message  = "Input payload does not match expected schema"
    category = "invalid_input"
  }
  error "UPSTREAM_TIMEOUT" {
    message  = "External service did not respond within threshold"
    category = "timeout"
  }
  error "RATE_LIMIT_EXCEEDED" {
    message  = "External API returned 429 status"
    category = "rate_limited"
  }
  error "DESERIALIZATION_FAILURE" {
    message  = "Response payload could not be parsed"
    category = "schema_mismatch"
  }

  handler {                               # what the action does: run by the sandbox, and by `assay invoke`
    step "sync" {
      request {
        method  = "POST"
        url     = "${mock.erp.url}/v1/inventory/sync"
        headers = { Authorization = "Bearer ${var.client_secret}" }
        json    = { sku = input.sku, warehouseId = input.warehouseId }
        timeout = "8s"
      }
      retry {
        attempts   = 3
        base_delay = "500ms"
        max_delay  = "5s"
      }
    }
    output = { synced = true, lastModified = step.sync.response.json.updated_at }
    errors = {                            # which declared code each failure becomes; `default` catches the rest
      invalid_input = "INVALID_INPUT_FORMAT"
      timeout       = "UPSTREAM_TIMEOUT"
      unreachable   = "UPSTREAM_TIMEOUT"
      rate_limited  = "RATE_LIMIT_EXCEEDED"
      decode        = "DESERIALIZATION_FAILURE"
      default       = "UPSTREAM_TIMEOUT"
    }
  }
}

mock "erp" {                              # an HTTP upstream, for handlers in the sandbox
  route "POST /v1/inventory/sync" {       # first route whose `when` holds answers
    when    = request.json.sku == "SKU-429"
    status  = 429
    headers = { "Retry-After" = "1" }
  }
  route "POST /v1/inventory/sync" {
    when  = request.json.sku == "SKU-HANG"
    fault = "hang"                        # the fault catalogue: refuse reset hang truncate garbage slow …
  }
  route "POST /v1/inventory/sync" {
    json = { updated_at = "2026-01-02T03:04:05Z" }
  }
}

mock "dashboard" {
  route "POST /hook" {}
}

sandbox {                                 # optional settings of the embedded CXone
  fault "submit" {
    kind = "status"                       # status, latency, reset, hang, malformed, …
    status = 503
    every  = 20                           # or probability = 0.05, first = 2; seeded by --seed
  }
}

classifier {
  script = "classify.lua"                 # asked first; nil passes on to the rules, then to the built-in rules
  rule "erp-maintenance" {
    match      = "(?i)erp.*maintenance window"
    category   = "outage"
    confidence = 0.95
  }
}

hooks {
  script = "hooks.lua"                    # before_vector, after_vector, on_event: each optional
}

vector "happy_path" {
  action = action.inventory_sync
  # with = { environment = "dev" }        # overrides the target plugin's settings for this vector
  tags   = ["smoke"]
  input  = { sku = "SKU-1", warehouseId = "W-1" }
  expect {
    status = "COMPLETED"
    output = { synced = true }            # a subset must match
  }
  check "has a date" {
    condition     = result.output.lastModified != null
    error_message = "lastModified is missing"
  }
}

vector "throttled" {
  for_each = toset(["W-1", "W-2"])        # result names: throttled["W-1"]
  action   = action.inventory_sync
  input    = { sku = "SKU-429", warehouseId = each.key }
  expect {
    status         = "FAILED"
    error_code     = "RATE_LIMIT_EXCEEDED"
    classification = "EXTERNAL_DEPENDENCY_OUTAGE"
    category       = "rate_limited"
    min_confidence = 0.8
    max_duration   = "30s"
  }
}

threshold "error_rate" {                  # from the platform's analytics …
  action         = action.inventory_sync
  metric         = "error_rate"           # percent; also error_count, total_executions, average_duration_ms
  window         = "PT24H"
  max            = 5                      # above it fails; `warn` warns; `min` for lower bounds
  min_executions = 1
}
threshold "p95" {                         # … or from this run
  metric = "run.p95_ms"                   # also run.pass_rate, run.error_rate, run.max_ms, run.unknown_rate
  max    = 60000
}
