.DEFAULT_GOAL := help
GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.PHONY: help
help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build the assay binary into this folder
	go build -o assay ./cmd/assay

.PHONY: test
test: ## Run all tests
	go test ./...

.PHONY: race
race: ## Run all tests with the race detector
	go test -race ./...

.PHONY: lint
lint: ## Lint, and check formatting and the direction of imports
	go run $(GOLANGCI_LINT) run ./...

.PHONY: format
format: ## Format all Go files
	go run $(GOLANGCI_LINT) fmt ./...

.PHONY: generate
generate: ## Write generated files anew (needs protoc, Debian's protobuf-compiler)
	go generate ./...

.PHONY: bench
bench: ## Run the benchmarks; BenchmarkRun holds a whole run against a bare client
	go test -run '^$$' -bench . -benchmem ./...

.PHONY: run
run: ## Run the example suites on the embedded tenant
	go run ./cmd/assay run ./specs/...
