package cli

import (
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assay-cx/assay/lua/hook"
	"github.com/assay-cx/assay/plugins/audit"
	"github.com/assay-cx/assay/plugins/auth"
	"github.com/assay-cx/assay/plugins/cxone"
	"github.com/assay-cx/assay/plugins/genesys"
	"github.com/assay-cx/assay/plugins/sdk"
	"github.com/assay-cx/assay/plugins/webhook"
)

// builtins are the plugins that this binary serves, by name.
func builtins() map[string]sdk.Plugin {
	return map[string]sdk.Plugin{
		"auth":    auth.New(),
		"cxone":   cxone.New(),
		"genesys": genesys.New(),
		"webhook": webhook.New(),
		"audit":   audit.New(),
		"lua":     hook.New(),
	}
}

func newPlugin(p *process) *cobra.Command {
	command := &cobra.Command{
		Use:   "plugin",
		Short: "Write, test, list, lock and publish plugins, and serve the built-in ones",
		Args:  cobra.NoArgs,
		RunE:  func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	command.AddCommand(newPluginNew(p), newPluginTest(p), newPluginList(p), newPluginLock(p), newPluginPush(p), newPluginServe(p))
	return command
}

func newPluginServe(p *process) *cobra.Command {
	names := slices.Sorted(maps.Keys(builtins()))
	return &cobra.Command{
		Use:   "serve NAME [describe --json]",
		Short: "Be a built-in plugin's process",
		Long: `Be the process of a built-in plugin. assay starts it by itself; by hand it only
answers what the plugin is.

Names: ` + strings.Join(names, ", "),
		Example: `  # What settings does the webhook plugin take?
  assay plugin serve webhook describe --json`,
		DisableFlagParsing: true, // what follows NAME is the plugin's own
		RunE: func(command *cobra.Command, args []string) error {
			if len(args) == 0 || args[0] == "--help" || args[0] == "-h" {
				return command.Help()
			}
			plugin := builtins()[args[0]]
			if plugin == nil {
				return usageError("there is no built-in plugin %q: use one of %s", args[0], strings.Join(names, ", "))
			}
			if code := sdk.Main(plugin, args[1:], p.stdout); code != 0 {
				return &exitError{code: code}
			}
			return nil
		},
	}
}
