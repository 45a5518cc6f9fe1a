# Two systems, one after the other: the customer directory turns the number
# that a caller gives into a customer's id, and the order system is asked with
# that id.

action "order_status" {
  id          = "5f0c6a54-2b9d-4c1e-9d53-8a7f6e21b0c4"
  name        = "OrderStatusAction"
  description = "Tells a caller where an order is"

  input = object({ customerNumber = string, orderNumber = string })
  output = object({
    customerId = string
    status     = string
    eta        = optional(string) # open orders only
  })

  error "NOT_AVAILABLE" {
    message  = "The customer or the order cannot be read"
    category = "invalid_input"
  }
  error "TOO_SLOW" {
    message  = "A system did not answer in time"
    category = "timeout"
  }
  error "UNREADABLE" {
    message  = "A system's answer is not understood"
    category = "schema_mismatch"
  }
  error "UNAVAILABLE" {
    message  = "A system is not available"
    category = "outage"
  }

  handler {
    step "find_customer" {
      request {
        url     = "${mock.directory.url}/v1/customers/${urlencode(input.customerNumber)}"
        timeout = "500ms"
      }
      retry {
        attempts   = 2
        base_delay = "100ms"
      }
    }

    step "find_order" {
      request {
        # A step sees the steps before it.
        url     = "${mock.orders.url}/v1/customers/${step.find_customer.response.json.id}/orders/${urlencode(input.orderNumber)}"
        timeout = "500ms"
      }
      retry {
        attempts   = 2
        base_delay = "100ms"
      }
    }

    output = {
      customerId = step.find_order.response.json.customer
      status     = step.find_order.response.json.status
      eta        = try(step.find_order.response.json.eta, null)
    }

    errors = {
      rejected = "NOT_AVAILABLE"
      timeout  = "TOO_SLOW"
      decode   = "UNREADABLE"
      default  = "UNAVAILABLE"
    }
  }
}
