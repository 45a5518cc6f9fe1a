package hook

import _ "embed"

//go:embed assay.d.lua
var types string

// Types is what scripts and their tests see, as annotations for the Lua
// language server.
func Types() string { return types }
