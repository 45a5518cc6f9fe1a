mock "directory" {
  route "GET /v1/customers/404" {
    status = 404
    json   = { error = "no such customer" }
  }

  # Takes two seconds, and the handler has no more than 500 ms.
  route "GET /v1/customers/slow" {
    delay = "2s"
    json  = { id = "C-1001" }
  }

  # The words in braces are request.params.
  route "GET /v1/customers/{number}" {
    json = { id = "C-${request.params.number}" }
  }
}

# The order system has its own codes and sends them with whatever status it
# likes, 200 among them.
mock "orders" {
  route "GET /v1/customers/{customer}/orders/A-404" {
    status = 404
    json   = { fault = { code = "OMS-3004" } }
  }
  route "GET /v1/customers/{customer}/orders/A-LOCKED" {
    status = 423
  }
  route "GET /v1/customers/{customer}/orders/A-NIGHT" {
    json = { fault = { code = "OMS-1009", text = "batch window" } }
  }
  route "GET /v1/customers/{customer}/orders/A-OLD" {
    status = 500
    json   = { fault = { code = "OMS-2040", text = "see archive" } }
  }
  route "GET /v1/customers/{customer}/orders/A-NEW-CODE" {
    status = 500
    json   = { fault = { code = "OMS-9999" } }
  }

  # Sends half of its answer and closes the connection.
  route "GET /v1/customers/{customer}/orders/A-CUT" {
    fault = { kind = "cut", bytes = 20 }
    json  = { customer = request.params.customer, status = "shipped" }
  }

  route "GET /v1/customers/{customer}/orders/A-DONE" {
    json = { customer = request.params.customer, status = "delivered" }
  }
  route "GET /v1/customers/{customer}/orders/{order}" {
    json = { customer = request.params.customer, status = "shipped", eta = "2026-01-05" }
  }
}

mock "dashboard" {
  route "POST /hook" {}
}
