package pluginhost

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

func TestLinesOfPluginsKeepTheirLevel(t *testing.T) {
	for line, want := range map[string]string{
		`{"time":"2026-01-02T03:04:05Z","level":"WARN","msg":"odd answer","hook":"classify"}`: `level=WARN msg="odd answer" plugin=lua hook=classify`,
		`{"level":"ERROR","msg":"gone"}`: `level=ERROR msg=gone plugin=lua`,
		`panic: boom`:                    `level=DEBUG msg="plugin wrote" plugin=lua line="panic: boom"`,
		`{"level":"LOUD","msg":"x"}`:     `level=DEBUG msg="plugin wrote" plugin=lua line="{\"level\":\"LOUD\",\"msg\":\"x\"}"`,
	} {
		var out bytes.Buffer
		logLine(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})), "lua", line)
		_, got, _ := strings.Cut(strings.TrimSpace(out.String()), " ")
		if got != want {
			t.Errorf("%s is logged as %s, want %s", line, got, want)
		}
	}
}
