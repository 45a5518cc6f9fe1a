//go:build race

package cli_test

// buildFlags let the built binary look for data races too where the tests do.
var buildFlags = []string{"-race"}
