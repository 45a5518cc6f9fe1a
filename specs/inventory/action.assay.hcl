# What the action promises: what it takes, what it answers, and what it may
# fail with. The handler is what it does; the embedded tenant runs it.

variable "erp_url" {
  type        = string
  default     = null
  description = "The ERP that the handler calls; unset calls the mock"
}

variable "erp_timeout" {
  type        = string
  default     = "500ms" # the mock answers at once; a real ERP gets 8s
  description = "Time for one try of the ERP call"
}

action "inventory_sync" {
  id          = "a1b2c3d4-e5f6-4890-abcd-ef1234567890"
  name        = "InventorySyncAction"
  description = "Synchronizes inventory data with external ERP system"

  input  = object({ sku = string, warehouseId = string })
  output = object({ synced = bool, lastModified = optional(string) })

  # The category says what kind of failure a code stands for.
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

  handler {
    # A rule of the action's own. The expression reads nothing but the input,
    # so where it fails the failure is invalid_input.
    step "validate" {
      set = { sku = regex("^SKU-[A-Z0-9]+$", input.sku) }
    }

    step "sync" {
      request {
        method  = "POST"
        url     = "${coalesce(var.erp_url, mock.erp.url)}/v1/inventory/sync"
        json    = { sku = step.validate.set.sku, warehouseId = input.warehouseId }
        timeout = var.erp_timeout
      }
      # Tried again after a timeout, a lost connection, 429 and 5xx; never
      # after another 4xx or a body that cannot be read.
      retry {
        attempts   = 3
        base_delay = "100ms"
        max_delay  = "2s"
      }
    }

    output = { synced = true, lastModified = step.sync.response.json.updated_at }

    errors = {
      invalid_input = "INVALID_INPUT_FORMAT"    # the validate step
      rejected      = "INVALID_INPUT_FORMAT"    # the ERP answered 4xx
      rate_limited  = "RATE_LIMIT_EXCEEDED"     # 429 to the last try
      decode        = "DESERIALIZATION_FAILURE" # not JSON, or updated_at is not in it
      default       = "UPSTREAM_TIMEOUT"        # timeouts, lost connections, 5xx
    }
  }
}
