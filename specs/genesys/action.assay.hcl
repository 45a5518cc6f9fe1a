# A data action of Genesys Cloud is one request to a service and the template
# that makes its output of the answer. It declares no error codes: what it fails
# with is the platform's.

variable "loyalty_url" {
  type        = string
  default     = null
  description = "The loyalty service that the handler calls; unset calls the mock"
}

action "loyalty_points" {
  id          = "custom_-_5b0d8f4e-9a27-4c3b-8e51-6d1f2a7c9b30" # as the action's page shows it
  name        = "Get Loyalty Points"
  description = "Looks a caller's points up, for the greeting and the queue"

  input  = object({ customerId = string })
  output = object({ points = number, tier = string })

  handler {
    step "look_up" {
      request {
        url     = "${coalesce(var.loyalty_url, mock.loyalty.url)}/v1/customers/${urlencode(input.customerId)}/points"
        timeout = "500ms" # the mock answers at once
      }
    }
    output = {
      points = step.look_up.response.json.balance
      tier   = step.look_up.response.json.tier
    }
  }
}
