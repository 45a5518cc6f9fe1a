package pluginhost

import (
	"encoding/json"
	"log/slog"
)

// logLine passes on a line that a plugin wrote to its stderr: a record of
// log/slog's JSON handler, as the SDK writes them, at its own level, anything
// else at debug level.
func logLine(logger *slog.Logger, plugin, line string) {
	record := map[string]any{}
	var level slog.Level
	word, message := "", ""
	if json.Unmarshal([]byte(line), &record) == nil {
		word, _ = record[slog.LevelKey].(string)
		message, _ = record[slog.MessageKey].(string)
	}
	if level.UnmarshalText([]byte(word)) != nil || message == "" {
		logger.Debug("plugin wrote", "plugin", plugin, "line", line)
		return
	}
	attrs := []any{slog.String("plugin", plugin)}
	for name, value := range record {
		if name != slog.LevelKey && name != slog.MessageKey && name != slog.TimeKey {
			attrs = append(attrs, slog.Any(name, value))
		}
	}
	switch {
	case level >= slog.LevelError:
		logger.Error(message, attrs...)
	case level >= slog.LevelWarn:
		logger.Warn(message, attrs...)
	case level >= slog.LevelInfo:
		logger.Info(message, attrs...)
	default:
		logger.Debug(message, attrs...)
	}
}
