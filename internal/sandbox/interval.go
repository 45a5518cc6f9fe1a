package sandbox

import (
	"errors"
	"regexp"
	"strconv"
	"time"
)

// intervalPattern is an ISO 8601 duration of fixed units: no months and years.
var intervalPattern = regexp.MustCompile(`^P(?:(\d{1,4})W)?(?:(\d{1,5})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,8})M)?(?:(\d{1,9})S)?)?$`)

var intervalUnits = []time.Duration{7 * 24 * time.Hour, 24 * time.Hour, time.Hour, time.Minute, time.Second}

// parseInterval reads an ISO 8601 duration such as PT24H or P7D.
func parseInterval(text string) (time.Duration, error) {
	parts := intervalPattern.FindStringSubmatch(text)
	var total time.Duration
	if parts != nil {
		for i, digits := range parts[1:] {
			amount, _ := strconv.Atoi(digits) // absent is 0
			total += time.Duration(amount) * intervalUnits[i]
		}
	}
	if total <= 0 {
		return 0, errors.New("the interval is not an ISO 8601 duration such as PT24H")
	}
	return total, nil
}
