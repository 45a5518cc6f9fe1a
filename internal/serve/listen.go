package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
)

const (
	maxConnections = 512              // further ones wait to be accepted
	stopGrace      = 10 * time.Second // for requests under way, at the end
)

// Run answers on the listener, which it closes, until stop is closed; then it
// finishes the requests under way, within 10 s or until ctx ends, but for the
// streams of events, which end at once. certificates may be nil: plain HTTP. It
// runs once.
func (m *Monitor) Run(ctx context.Context, stop <-chan struct{}, listener net.Listener, certificates *tls.Config) error {
	listener = netutil.LimitListener(listener, maxConnections)
	server := &http.Server{
		Handler:           m,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      patience + 15*time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		TLSConfig:         certificates,
		ErrorLog:          slog.NewLogLogger(m.Logger.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() {
		if certificates != nil {
			ended <- server.ServeTLS(listener, "", "")
			return
		}
		ended <- server.Serve(listener)
	}()
	select {
	case err := <-ended:
		return fmt.Errorf("the monitor cannot listen any more: %w", err)
	case <-stop:
	}
	close(m.ending)
	grace, cancel := context.WithTimeout(ctx, stopGrace)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		m.Logger.Warn("requests under way were cut off", "after", stopGrace)
		_ = server.Close()
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
