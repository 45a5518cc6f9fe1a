// Package specfile reads a suite: the *.assay.hcl and *.assay.json files of a
// folder, merged and decoded into a Suite with source ranges. What is wrong
// with them is told as HCL diagnostics, all of it at once.
//
// It evaluates only what must be constant; internal/plan does the rest.
// Start reading at Load.
package specfile
