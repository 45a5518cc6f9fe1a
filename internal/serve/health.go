package serve

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assay-cx/assay/internal/health"
)

// patience is how long a request waits for a platform that has never answered.
const patience = 30 * time.Second

// health answers the contract's question: how is the action of this id?
func (m *Monitor) health(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("action_id")
	if id == "" {
		refuse(w, http.StatusBadRequest, "action_id is missing: ask with /health?action_id=ID, where ID is one of %s", m.known())
		return
	}
	i := slices.IndexFunc(m.Actions, func(a health.Action) bool { return a.Is(id) })
	if i < 0 {
		refuse(w, http.StatusNotFound, "suite %s has no action with the id or name %q; it has %s", m.Suite, shorten(id), m.known())
		return
	}
	action := m.Actions[i]
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	readings := m.Health.Readings(ctx, action, action.Windows())
	if current := readings[health.DefaultWindow]; current.At.IsZero() {
		unread(w, current.Err)
		return
	}
	answer(w, http.StatusOK, action.Document(readings))
}

// unread answers where the platform has told nothing yet.
func unread(w http.ResponseWriter, err error) {
	status := http.StatusBadGateway
	var denied *health.DeniedError
	var limited *health.LimitedError
	switch {
	case errors.As(err, &denied):
		status = http.StatusForbidden
	case errors.As(err, &limited):
		status = http.StatusServiceUnavailable
		if wait := time.Until(limited.Until); wait > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		}
	case errors.Is(err, context.DeadlineExceeded):
		status = http.StatusGatewayTimeout
	}
	answer(w, status, refusal{Detail: health.Detail(err), Reason: health.Reason(err)})
}

// known lists the suite's actions, as far as that helps.
func (m *Monitor) known() string {
	const enough = 20
	var names []string
	for _, a := range m.Actions[:min(len(m.Actions), enough)] {
		names = append(names, fmt.Sprintf("%s (%s)", a.ID, a.Name))
	}
	if more := len(m.Actions) - enough; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, ", ")
}

func shorten(text string) string {
	const enough = 80
	if len(text) <= enough {
		return text
	}
	return strings.ToValidUTF8(text[:enough], "") + "…"
}
