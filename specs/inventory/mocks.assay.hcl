# The servers that stand in for others. The SKU chooses what goes wrong: the
# first route whose `when` holds answers, and it really happens on the wire.

mock "erp" {
  route "POST /v1/inventory/sync" {
    when   = request.json.sku == "SKU-UNKNOWN"
    status = 400
    json   = { error = "no such SKU" }
  }

  # Throttles the first two tries, then lets the third through.
  route "POST /v1/inventory/sync" {
    when  = request.json.sku == "SKU-BUSY"
    fault = { kind = "status", status = 429, retry_after = "1", first = 2 }
    json  = { updated_at = "2026-01-02T03:04:05Z" }
  }

  # Throttles for good.
  route "POST /v1/inventory/sync" {
    when    = request.json.sku == "SKU-429"
    status  = 429
    headers = { "Retry-After" = "1" }
  }

  # Takes the request and never answers.
  route "POST /v1/inventory/sync" {
    when  = request.json.sku == "SKU-HANG"
    fault = "hang"
  }

  route "POST /v1/inventory/sync" {
    when   = request.json.sku == "SKU-503"
    status = 503
    body   = "upstream maintenance"
  }

  # Resets the connection.
  route "POST /v1/inventory/sync" {
    when  = request.json.sku == "SKU-RESET"
    fault = "reset"
  }

  # 200 OK, and bytes that are no JSON.
  route "POST /v1/inventory/sync" {
    when  = request.json.sku == "SKU-GARBAGE"
    fault = "garbage"
  }

  # 200 OK and JSON, but the field has another name since the ERP's upgrade.
  route "POST /v1/inventory/sync" {
    when = request.json.sku == "SKU-RENAMED"
    json = { modified = "2026-01-02T03:04:05Z" }
  }

  route "POST /v1/inventory/sync" {
    json = { updated_at = "2026-01-02T03:04:05Z" }
  }
}

# Takes the webhook's deliveries.
mock "dashboard" {
  route "POST /hook" {}
}
