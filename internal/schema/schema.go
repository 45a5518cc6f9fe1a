// Package schema checks JSON documents against what an action declares of
// them: an HCL type constraint or a JSON Schema file. A type constraint is
// turned into a JSON Schema, so both are checked alike and can be deployed
// alike.
package schema
