# One result for each row of the data file: known_contact["C-1001"] and so on.
# The key of for_each becomes part of the name, so it must not be personal data.

vector "known_contact" {
  for_each = { for c in local.contacts : c.id => c }
  action   = action.contact_lookup
  tags     = ["smoke"]
  # Without the columns that are empty in this row.
  input = { for name, value in { phone = each.value.phone, email = each.value.email } : name => value if value != "" }
  expect {
    output = { found = true, contactId = each.key, tier = each.value.tier }
  }
  check "no personal data comes back" {
    condition     = !strcontains(jsonencode(result.output), each.value.phone)
    error_message = "the output holds the caller's phone number"
  }
}

vector "by_email_alone" {
  action = action.contact_lookup
  input  = { email = local.contacts[0].email }
  expect {
    output = { contactId = local.contacts[0].id }
  }
}

# A stranger is not a failure.
vector "unknown_caller" {
  action = action.contact_lookup
  tags   = ["smoke"]
  input  = { phone = "+12025550199" }
  expect {
    output = { found = false, contactId = null }
  }
  check "answers at once" {
    condition     = result.duration_ms < 2000
    error_message = "a caller waited ${result.duration_ms} ms on the line"
  }
}

vector "rejected" {
  for_each = {
    not_a_number  = { phone = "call me" }
    not_an_email  = { email = "ada" }
    nothing       = {}
    unknown_field = { phone = "+12025550101", fax = "+12025550101" }
  }
  action = action.contact_lookup
  tags   = ["contract"]
  input  = each.value
  expect {
    status = "REJECTED"
  }
}

# A table of failures: a new one is a row here and a route in the mock.
vector "failure" {
  for_each = local.failures
  action   = action.contact_lookup
  tags     = ["resilience"]
  input    = { phone = each.value.phone }
  expect {
    error_code     = each.value.error_code
    classification = each.value.classification
    category       = each.value.category
    min_confidence = 0.8
    max_duration   = "5s"
  }
  check "the error carries its trace id" {
    condition     = can(regex("^[0-9a-f-]{36}$", result.error.details.trace))
    error_message = "without the trace id nobody finds the execution in the log"
  }
}

threshold "pass_rate" {
  metric = "run.pass_rate" # percent of this run's vectors
  min    = 100
}

threshold "callers_wait" {
  metric = "run.p95_ms"
  warn   = 2000 # told, and the run still passes
  max    = 5000
}
