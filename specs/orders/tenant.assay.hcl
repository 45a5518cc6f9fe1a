# Where the suite runs, and who is told. With nothing set it runs on the tenant
# that is built into assay; with CXONE_BASE_URL, CXONE_CLIENT_ID and
# CXONE_CLIENT_SECRET in the environment it runs on yours.

assay {
  required_version = ">= 0.1.0"
}

suite {
  name     = "orders"
  tags     = ["orders"]
  parallel = 8 # vectors in flight
  timeout  = "5m"
}

variable "cxone_url" {
  type        = string
  default     = null
  env         = "CXONE_BASE_URL"
  description = "Base URL of the tenant's API; unset runs on the embedded tenant"
}

variable "client_id" {
  type    = string
  default = "local-development"
  env     = "CXONE_CLIENT_ID"
}

variable "client_secret" {
  type      = string
  default   = "local-development-only"
  env       = "CXONE_CLIENT_SECRET"
  sensitive = true # masked wherever it would show: output, logs, reports, sinks
}

variable "webhook_secret" {
  type      = string
  default   = "whsec_bG9jYWwtZGV2ZWxvcG1lbnQtb25seQ=="
  env       = "WEBHOOK_SECRET"
  sensitive = true
}

locals {
  # The embedded tenant starts because something refers to sandbox.url.
  base_url = coalesce(var.cxone_url, sandbox.url)
}

plugin "auth" {
  token_url      = "${local.base_url}/api/v2/oauth/token"
  client_id      = var.client_id
  client_secret  = var.client_secret
  scopes         = ["data:execute", "data:read", "trace:read", "analytics:read", "dataactions:read", "dataactions:write"]
  refresh_before = "60s"
}

plugin "cxone" {
  auth        = plugin.auth
  base_url    = local.base_url
  environment = "test" # dev | test | prod
  poll        = { initial = "100ms", max = "1s", attempts = 60, timeout = "2m" }

  # Blocks are the host's: it retries, breaks and limits for every plugin alike.
  retry {
    attempts   = 3
    base_delay = "200ms"
    max_delay  = "5s"
  }
  breaker {
    failures = 5 # failures of the tenant in a row, not of the actions it runs
    open_for = "30s"
  }
  rate_limit {
    per_second = 20
    burst      = 5
  }
}

plugin "webhook" {
  url    = "${mock.dashboard.url}/hook" # a receiver in a private network of yours needs allow_cidrs
  secret = var.webhook_secret           # signs each delivery, as Standard Webhooks has it
}

plugin "audit" {
  path           = ".assay/audit" # required: a run that cannot be audited decides nothing
  retention_days = 90
}
