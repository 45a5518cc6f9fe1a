package auditlog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"time"

	"github.com/assay-cx/assay/plugins/audit/auditfile"
)

// Removed is what a prune removed.
type Removed struct {
	Records  int64
	Segments []string
	Others   []string // files from quarantine
}

// IsOutdated reports whether Prune would remove anything.
func (l *Log) IsOutdated(ctx context.Context) (is bool, err error) {
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	err = l.locked(ctx, func() error {
		if err := l.refresh(); err != nil {
			return err
		}
		removed, _, err := l.outdated()
		is = len(removed.Segments)+len(removed.Others) > 0
		return err
	})
	return is, err
}

// Prune removes the segments of which every record is older than the retention
// asks for, and records before that who had it done, with which command. Their
// hashes stay, so that the log can still be verified and what is kept can still
// be proved.
func (l *Log) Prune(ctx context.Context, command string, by auditfile.Actor) (Removed, error) {
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	var removed Removed
	err := l.locked(ctx, func() (err error) {
		removed, err = l.prune(command, by)
		return err
	})
	return removed, err
}

func (l *Log) prune(command string, by auditfile.Actor) (Removed, error) {
	if err := l.refresh(); err != nil {
		return Removed{}, err
	}
	removed, before, err := l.outdated()
	if err != nil || len(removed.Segments)+len(removed.Others) == 0 {
		return Removed{}, err
	}
	if removed.Records > 0 {
		record := l.ownRecord(auditfile.EventPruned)
		record.Count, record.Pruned = removed.Records, &auditfile.Pruned{Before: before}
		record.Command, record.Actor = command, &by
		record.ComplianceFlags.PIIExcluded = by.User == ""
		if err := l.commit([]auditfile.Record{record}); err != nil {
			return Removed{}, err
		}
	}
	// The journal holds the last lines as well.
	if err := l.renewJournal(); err != nil {
		return Removed{}, err
	}
	for _, name := range append(removed.Segments, removed.Others...) {
		err = errors.Join(err, auditfile.IgnoreMissing(l.folder.Remove(name)))
	}
	return removed, errors.Join(err, syncFolder(l.folder))
}

// outdated finds what the retention removes, and the number of the first record that is kept.
func (l *Log) outdated() (removed Removed, before int64, err error) {
	now := l.options.Now().UTC()
	cutoff := now.AddDate(0, 0, -l.options.RetentionDays)
	segments, err := listSegments(l.folder)
	if err != nil {
		return removed, 0, err
	}
	today := now.Format("20060102")
	count := 0 // of the segments to be removed
	for i, s := range segments {
		if isAhead(s.day, now) {
			continue // its age cannot be told; what follows it is younger
		}
		old, err := l.isOutdated(s, today, cutoff)
		if err != nil {
			return Removed{}, 0, err
		}
		if !old {
			break
		}
		count = i + 1
	}
	for _, s := range segments[:count] {
		removed.Segments = append(removed.Segments, s.name)
	}
	if count > 0 {
		before = l.tip.tree.Size
		if count < len(segments) {
			before = segments[count].first
		}
		removed.Records = before - segments[0].first
	}
	removed.Others, err = l.outdatedQuarantine(cutoff)
	return removed, before, err
}

// isOutdated reports whether the last record of a segment is older than the
// cut-off, and another segment follows or will.
func (l *Log) isOutdated(s segment, today string, cutoff time.Time) (bool, error) {
	if s.day >= today || s.day > cutoff.Format("20060102") {
		return false, nil
	}
	file, err := l.folder.Open(s.name)
	if err != nil {
		return false, err
	}
	defer func() { _ = file.Close() }()
	if info, err := file.Stat(); err != nil || s.name == l.tip.segment && info.Size() > l.tip.segmentEnd {
		return false, err // the next record, of what follows there, goes here
	}
	last, err := lastLine(file)
	if err != nil {
		return false, err
	}
	return loggedBefore(last, cutoff), nil
}

func (l *Log) outdatedQuarantine(cutoff time.Time) ([]string, error) {
	dir, err := l.folder.Open(".")
	if err != nil {
		return nil, err
	}
	defer func() { _ = dir.Close() }()
	entries, err := dir.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		info, err := entry.Info()
		if err == nil && isQuarantine(entry.Name()) && info.ModTime().Before(cutoff) {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}

// lastLine is the last whole line of a file.
func lastLine(file *os.File) ([]byte, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	from := max(0, info.Size()-auditfile.LongestLine)
	tail, err := io.ReadAll(io.NewSectionReader(file, from, auditfile.LongestLine))
	if err != nil {
		return nil, err
	}
	tail = tail[:bytes.LastIndexByte(tail, '\n')+1]
	tail = bytes.TrimSuffix(tail, []byte("\n"))
	return tail[bytes.LastIndexByte(tail, '\n')+1:], nil
}

// loggedBefore reports whether a line was logged before a time; what is no
// record was not.
func loggedBefore(line []byte, cutoff time.Time) bool {
	var r auditfile.Record
	if json.Unmarshal(line, &r) != nil {
		return false
	}
	at, err := time.Parse(time.RFC3339Nano, r.LoggedAt)
	return err == nil && at.Before(cutoff)
}
