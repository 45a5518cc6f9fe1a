// Command assay tries the vectors of a folder of spec files against a CXone
// tenant, or an embedded one, and says of each failure whose fault it is.
package main

import (
	"os"

	"github.com/assay-cx/assay/internal/cli"
)

func main() { os.Exit(cli.Main()) }
