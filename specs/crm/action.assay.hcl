# Who is calling? The action looks a caller up in the CRM by phone or e-mail.
# Both are personal data, so they are sensitive: wherever the input would show,
# they are masked. The handler's output leaves them out altogether.

variable "crm_token" {
  type      = string
  default   = "local-crm-token"
  env       = "CRM_TOKEN"
  sensitive = true
}

action "contact_lookup" {
  id          = "0d9f3c71-6a58-47d2-b1a4-f2c85e4d7a96"
  name        = "ContactLookupAction"
  description = "Finds the caller's contact in the CRM"

  # JSON Schemas say more than types do: patterns, formats, enums.
  input_schema  = "schemas/input.json"
  output_schema = "schemas/output.json"
  sensitive     = ["phone", "email"]

  error "CRM_REFUSED" {
    message  = "The CRM refused the request"
    category = "auth"
  }
  error "CRM_UNAVAILABLE" {
    message  = "The CRM is not available"
    category = "outage"
  }
  error "CRM_TIMEOUT" {
    message  = "The CRM did not answer in time"
    category = "timeout"
  }
  error "CRM_BUSY" {
    message  = "The CRM's daily limit is used up"
    category = "rate_limited"
  }
  error "CRM_UNREADABLE" {
    message  = "The CRM's answer is not understood"
    category = "schema_mismatch"
  }

  handler {
    step "search" {
      request {
        method  = "POST" # personal data in a URL would stand in every access log
        url     = "${mock.crm.url}/v3/contacts/search"
        headers = { Authorization = "Bearer ${var.crm_token}" }
        json    = input
        timeout = "500ms"
      }
      retry {
        attempts   = 2
        base_delay = "100ms"
        max_delay  = "1s"
      }
    }

    # Computed values, without a request: the first result, or nobody.
    step "pick" {
      set = concat(step.search.response.json.results, [{ id = null, tier = null }])[0]
    }

    output = {
      found     = step.pick.set.id != null
      contactId = step.pick.set.id
      tier      = step.pick.set.tier
    }

    errors = {
      rejected       = "CRM_REFUSED"
      timeout        = "CRM_TIMEOUT"
      rate_limited   = "CRM_BUSY"
      decode         = "CRM_UNREADABLE"
      invalid_output = "CRM_UNREADABLE" # the output breaks schemas/output.json
      default        = "CRM_UNAVAILABLE"
    }
  }
}
