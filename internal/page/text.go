package page

import (
	"net/url"
	"strconv"
	"time"

	"github.com/assay-cx/assay/internal/history"
	"github.com/assay-cx/assay/internal/look"
)

// maxText is how much of a text a page shows where look does not say.
const maxText = 300

func clip(text string) string { return look.Clip(text, maxText) }

// count groups a number's digits by thousands.
func count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "\u202f" + digits[i:]
	}
	return digits
}

// A time is told in UTC; the script tells it in the viewer's zone.

func iso(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func utc(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func short(t time.Time) string { return t.UTC().Format("2 Jan, 15:04:05 UTC") }

// shortID is enough of a run's id for a person.
func shortID(id string) string { return id[:min(8, len(id))] }

func runLink(id string) string { return "/runs/" + url.PathEscape(id) }

func actionLink(name string) string { return "/actions/" + url.PathEscape(name) }

// vectorLink leads to a vector, as of a run; of its latest where run is empty.
func vectorLink(name, run string) string {
	query := url.Values{"name": {name}}
	if run != "" {
		query.Set("run", run)
	}
	return "/vector?" + query.Encode()
}

// reasonOf is why a vector did not pass, in a line.
func reasonOf(o history.Outcome) string {
	if o.Error != "" {
		return clip(o.Error)
	}
	return clip(o.FailingCheck)
}
