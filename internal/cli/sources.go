package cli

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/assay-cx/assay/internal/pluginsource"
)

// finder knows where this user's plugins are.
func (p *process) finder() pluginsource.Finder {
	path, _ := p.lookupEnv("ASSAY_PLUGIN_PATH")
	finder := pluginsource.Finder{
		Folders:  slices.DeleteFunc(filepath.SplitList(path), func(folder string) bool { return folder == "" }),
		Dev:      map[string]pluginsource.Program{},
		Platform: runtime.GOOS + "/" + runtime.GOARCH,
	}
	if home, err := os.UserHomeDir(); err == nil {
		finder.Folders = append(finder.Folders, filepath.Join(home, ".assay", "plugins"))
	}
	if cache, err := os.UserCacheDir(); err == nil {
		finder.Cache.Dir = filepath.Join(cache, "assay", "plugins")
	}
	return finder
}
