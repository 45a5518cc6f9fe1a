# The phone number chooses what the CRM does; see failures.csv.

locals {
  contacts = csvdecode(file("contacts.csv"))
  failures = { for f in csvdecode(file("failures.csv")) : f.name => f }
}

mock "crm" {
  # The mock holds the action to its credentials.
  route "POST /v3/contacts/search" {
    when   = request.headers["authorization"] != "Bearer ${var.crm_token}"
    status = 401
  }

  route "POST /v3/contacts/search" {
    when   = try(request.json.phone, "") == local.failures.refused_key.phone
    status = 401
    json   = { code = "INVALID_SESSION_ID", message = "Session expired or invalid" }
  }
  route "POST /v3/contacts/search" {
    when  = try(request.json.phone, "") == local.failures.lost_connection.phone
    fault = "close" # does the work, and closes the connection without an answer
  }
  route "POST /v3/contacts/search" {
    when  = try(request.json.phone, "") == local.failures.slow_search.phone
    delay = "2s" # more than the handler's timeout
    json  = { results = [] }
  }
  route "POST /v3/contacts/search" {
    when    = try(request.json.phone, "") == local.failures.daily_limit.phone
    status  = 429
    headers = { "Retry-After" = "86400" } # a day: longer than a step may take, so it is not waited for
  }
  route "POST /v3/contacts/search" {
    when  = try(request.json.phone, "") == local.failures.sign_in_page.phone
    fault = "content_type" # an HTML page with status 200
  }
  route "POST /v3/contacts/search" {
    when  = try(request.json.phone, "") == local.failures.half_an_answer.phone
    fault = "truncate"
    json  = { results = [{ id = "C-1006", tier = "gold" }] }
  }
  route "POST /v3/contacts/search" {
    when = try(request.json.phone, "") == local.failures.unknown_tier.phone
    json = { results = [{ id = "C-1007", tier = "platinum" }] }
  }

  # Everybody else: the contacts of the data file.
  route "POST /v3/contacts/search" {
    json = {
      results = [
        for c in local.contacts : { id = c.id, tier = c.tier }
        if c.phone == try(request.json.phone, "") || c.email == try(request.json.email, "none")
      ]
    }
  }
}

mock "dashboard" {
  route "POST /hook" {}
}
