# The loyalty service. The customer chooses what goes wrong.

mock "loyalty" {
  route "GET /v1/customers/C-1/points" {
    json = { balance = 1250, tier = "gold" }
  }
  route "GET /v1/customers/C-BUSY/points" {
    json = { balance = 40, tier = "basic" }
  }

  route "GET /v1/customers/C-401/points" {
    status = 401
    json   = { error = "key revoked" }
  }
  route "GET /v1/customers/C-429/points" {
    status  = 429
    headers = { "Retry-After" = "30" }
  }
  route "GET /v1/customers/C-503/points" {
    status = 503
    body   = "nightly batch"
  }
  route "GET /v1/customers/C-HANG/points" {
    fault = "hang"
  }
  route "GET /v1/customers/C-RESET/points" {
    fault = "reset"
  }

  # 200 OK, but nothing that the output can be made of.
  route "GET /v1/customers/C-PAGE/points" {
    fault = "content_type"
  }
  route "GET /v1/customers/C-RENAMED/points" {
    json = { points = 1250, tier = "gold" }
  }
  route "GET /v1/customers/C-TEXT/points" {
    json = { balance = "plenty", tier = "gold" }
  }

  route "GET /v1/customers/{id}/points" {
    status = 404
  }
}

# The platform throttles one vector's first test.
sandbox {
  fault "test" {
    kind   = "status"
    status = 429
    vector = "busy_platform"
    first  = 1
  }
}
