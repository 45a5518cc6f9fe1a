package sandbox

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The analytics are kept by the minute, for a week.
const (
	bucketWidth = time.Minute
	retention   = 7 * 24 * time.Hour
)

// analytics count the executions of a tenant.
type analytics struct {
	now func() time.Time

	mutex   sync.Mutex
	buckets map[bucket]*tally
	pruned  time.Time
}

// bucket is what executions are counted by.
type bucket struct {
	action string // id, in lower case
	minute int64
	status string
	code   string
}

type tally struct {
	count int64
	total time.Duration
}

func newAnalytics(now func() time.Time) *analytics {
	return &analytics{now: now, buckets: map[bucket]*tally{}}
}

func (a *analytics) count(action, status, code string, took time.Duration) {
	now := a.now()
	key := bucket{action, now.Unix() / int64(bucketWidth/time.Second), status, code}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.prune(now)
	found := a.buckets[key]
	if found == nil {
		found = &tally{}
		a.buckets[key] = found
	}
	found.count++
	found.total += took
}

// prune drops what is too old, once an hour.
func (a *analytics) prune(now time.Time) {
	if now.Sub(a.pruned) < time.Hour {
		return
	}
	a.pruned = now
	oldest := now.Add(-retention).Unix() / int64(bucketWidth/time.Second)
	for key := range a.buckets {
		if key.minute < oldest {
			delete(a.buckets, key)
		}
	}
}

// row is one row of an answer.
type row struct {
	Status          string  `json:"status"`
	ErrorCode       string  `json:"errorCode,omitempty"`
	ExecutionCount  int64   `json:"executionCount"`
	ErrorCount      int64   `json:"errorCount"`
	AverageDuration float64 `json:"averageDuration"` // ms
}

// rows sums the executions of an action since a moment, by status and code.
func (a *analytics) rows(action string, since time.Time) []row {
	first := since.Unix() / int64(bucketWidth/time.Second)
	sums := map[bucket]tally{}
	a.mutex.Lock()
	for key, t := range a.buckets {
		if key.action == action && key.minute >= first {
			sum := sums[bucket{status: key.status, code: key.code}]
			sums[bucket{status: key.status, code: key.code}] = tally{sum.count + t.count, sum.total + t.total}
		}
	}
	a.mutex.Unlock()
	rows := make([]row, 0, len(sums))
	for key, sum := range sums {
		r := row{Status: key.status, ErrorCode: key.code, ExecutionCount: sum.count}
		if key.status == statusFailed {
			r.ErrorCount = sum.count
		}
		r.AverageDuration = float64(sum.total) / float64(time.Millisecond) / float64(sum.count)
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(x, y row) int {
		return cmp.Or(cmp.Compare(x.Status, y.Status), cmp.Compare(x.ErrorCode, y.ErrorCode))
	})
	return rows
}

// details is the body of an analytics query.
type details struct {
	Interval string `json:"interval"`
	Filter   struct {
		Type  string `json:"type"`
		Path  string `json:"path"`
		Value string `json:"value"`
	} `json:"filter"`
	NextPageToken string `json:"nextPageToken"`
}

// query answers one page of an analytics details query.
func (t *tenant) query(c *call) reply {
	var q details
	if err := json.Unmarshal(c.body, &q); err != nil {
		return problem(http.StatusBadRequest, "the body is not an analytics query: "+jsonFault(err))
	}
	window, err := parseInterval(q.Interval)
	if err != nil {
		return problem(http.StatusBadRequest, err.Error())
	}
	if q.Filter.Path != "actionId" || q.Filter.Type != "equals" {
		return problem(http.StatusBadRequest, "the filter must be equals on actionId")
	}
	start, err := parsePageToken(q.NextPageToken)
	if err != nil {
		return problem(http.StatusBadRequest, err.Error())
	}
	rows := t.analytics.rows(strings.ToLower(q.Filter.Value), t.now().Add(-window))
	first := min(start, len(rows))
	end := min(first+t.pageSize, len(rows))
	answer := map[string]any{"data": rows[first:end]}
	switch {
	case c.struck.has(kindRepeatPageToken):
		answer["nextPageToken"] = pageToken(start)
	case c.struck.has(kindEndlessPages):
		answer["nextPageToken"] = pageToken(start + 1)
	case end < len(rows):
		answer["nextPageToken"] = pageToken(end)
	}
	return document(http.StatusOK, answer)
}

func pageToken(start int) string { return fmt.Sprintf("row-%d", start) }

func parsePageToken(token string) (int, error) {
	if token == "" {
		return 0, nil
	}
	digits, ok := strings.CutPrefix(token, "row-")
	start, err := strconv.Atoi(digits)
	if !ok || err != nil || start < 0 {
		return 0, fmt.Errorf("the nextPageToken is not one of this query's")
	}
	return start, nil
}
