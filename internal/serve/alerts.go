package serve

import _ "embed"

// AlertRules are rules for Prometheus on what the monitor tells it.
//
//go:embed alerts.yml
var AlertRules string
