package pluginhost

import (
	"context"
	"encoding/json"
	"log/slog"
)

// logLine passes on a line that a plugin wrote to its stderr: a record of
// log/slog's JSON handler, as the SDK writes them, at its own level, anything
// else at debug level.
func logLine(logger *slog.Logger, plugin, line string) {
	ctx := context.Background() //nolint:forbidigo // lines come outside any call
	record := map[string]any{}
	var level slog.Level
	word, message := "", ""
	if json.Unmarshal([]byte(line), &record) == nil {
		word, _ = record[slog.LevelKey].(string)
		message, _ = record[slog.MessageKey].(string)
	}
	if level.UnmarshalText([]byte(word)) != nil || message == "" {
		logger.LogAttrs(ctx, slog.LevelDebug, "plugin wrote", slog.String("plugin", plugin), slog.String("line", line))
		return
	}
	attrs := []slog.Attr{slog.String("plugin", plugin)}
	for name, value := range record {
		if name != slog.LevelKey && name != slog.MessageKey && name != slog.TimeKey {
			attrs = append(attrs, slog.Any(name, value))
		}
	}
	logger.LogAttrs(ctx, level, message, attrs...)
}
