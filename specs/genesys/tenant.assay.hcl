# Where the suite runs. With nothing set it runs on the tenant that is built
# into assay; with GENESYS_REGION, GENESYS_CLIENT_ID and GENESYS_CLIENT_SECRET
# in the environment it runs on your organization of Genesys Cloud.

assay {
  required_version = ">= 0.1.0"
}

suite {
  name    = "genesys"
  tags    = ["loyalty"]
  timeout = "5m"
}

variable "region" {
  type        = string
  default     = null
  env         = "GENESYS_REGION"
  description = "Domain of the organization's region, such as mypurecloud.de; unset runs on the embedded tenant"
}

variable "client_id" {
  type    = string
  default = "local-development"
  env     = "GENESYS_CLIENT_ID"
}

variable "client_secret" {
  type      = string
  default   = "local-development-only"
  env       = "GENESYS_CLIENT_SECRET"
  sensitive = true
}

# A client of the grant type "client credentials", whose roles have the
# permission integrations:action:execute.
plugin "auth" {
  token_url     = var.region == null ? "${sandbox.url}/oauth/token" : "https://login.${var.region}/oauth/token"
  client_id     = var.client_id
  client_secret = var.client_secret
}

plugin "genesys" {
  auth         = plugin.auth
  region       = var.region
  base_url     = var.region == null ? sandbox.url : null
  test_timeout = "20s" # the action's own time included

  # The platform takes 300 requests a minute of one token. Where others use the
  # client, too, its 429 says how long to wait, and that is waited for.
  rate_limit {
    per_second = 5
    burst      = 20
  }
}

plugin "audit" {}
