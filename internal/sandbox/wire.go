package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// reply is an answer before it is written, so that a fault can spoil it.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// hit is a fault that strikes a request, with its source of chance.
type hit struct {
	*fault
	random *rand.Rand
}

// hits are the faults that strike one request.
type hits []hit

// has reports whether a fault of a kind is among the hits.
func (h hits) has(kind string) bool {
	return slices.ContainsFunc(h, func(f hit) bool { return f.kind == kind })
}

// strike asks each fault whether it strikes a request.
func strike(faults []*fault, key uint64, now time.Time) hits {
	var struck hits
	for _, f := range faults {
		if random, ok := f.strike(key, now); ok {
			struck = append(struck, hit{f, random})
		}
	}
	return struck
}

// answer writes what work answers, with the struck faults in its way. Delays
// add up; of the others the first one counts.
func answer(w http.ResponseWriter, r *http.Request, struck hits, work func() reply) {
	for _, f := range struck {
		if f.kind == kindLatency && !pause(r.Context(), f.delay.draw(f.random)) {
			panic(http.ErrAbortHandler)
		}
	}
	i := slices.IndexFunc(struck, func(f hit) bool {
		return f.kind != kindLatency && slices.Contains(wireKinds, f.kind)
	})
	if i < 0 {
		send(w, work())
		return
	}
	struck[i].spoil(w, r, work)
}

func (f hit) spoil(w http.ResponseWriter, r *http.Request, work func() reply) {
	switch f.kind {
	case kindHang:
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case kindRefuse, kindReset:
		reset(w)
	case kindStatus, kindQuota:
		send(w, f.refusal())
	case kindClose:
		work()
		panic(http.ErrAbortHandler)
	case kindCut:
		f.cut(w, work())
	case kindSlow:
		f.drip(r.Context(), w, work())
	case kindOversized:
		f.flood(w, work())
	default:
		send(w, f.distort(work()))
	}
}

// send writes a reply as it is.
func send(w http.ResponseWriter, answer reply) {
	header := w.Header()
	for name, values := range answer.header {
		header[name] = values
	}
	if header.Get("Content-Type") == "" && len(answer.body) > 0 {
		header.Set("Content-Type", "application/json")
	}
	header.Set("Content-Length", strconv.Itoa(len(answer.body)))
	w.WriteHeader(answer.status)
	w.Write(answer.body)
}

// refusal is the reply of a status or quota fault.
func (f *fault) refusal() reply {
	answer := reply{status: f.status, header: http.Header{}, body: []byte(f.body)}
	if f.contentType != "" {
		answer.header.Set("Content-Type", f.contentType)
	}
	if f.retryAfter != "" {
		answer.header.Set("Retry-After", f.retryAfterHeader(time.Now()))
	}
	if f.body == "" {
		answer.body = f.operation.problem(f.status, f.reason(time.Now())).body
	}
	return answer
}

// retryAfterHeader is the header as the spec wants it: "date:5s" is the date
// five seconds from now, everything else is sent as it is.
func (f *fault) retryAfterHeader(now time.Time) string {
	if offset, ok := strings.CutPrefix(f.retryAfter, "date:"); ok {
		if wait, err := time.ParseDuration(offset); err == nil {
			return now.Add(wait).UTC().Format(http.TimeFormat)
		}
	}
	return f.retryAfter
}

// distort changes the body and keeps the framing right.
func (f hit) distort(answer reply) reply {
	answer.header = answer.header.Clone()
	switch f.kind {
	case kindGarbage:
		answer.body = garbage(f.random)
	case kindMalformed:
		answer.body = slices.Concat(bytes.TrimRight(answer.body, "}] \n"), []byte(`,"`))
	case kindTruncate:
		answer.body = answer.body[:len(answer.body)/2]
	case kindContentType:
		answer.status = http.StatusOK
		answer.body = []byte("<!doctype html><html><head><title>Service</title></head><body><h1>Please sign in</h1></body></html>")
		answer.header = http.Header{"Content-Type": {"text/html; charset=utf-8"}}
	}
	return answer
}

// garbage is bytes that are no text, let alone JSON.
func garbage(random *rand.Rand) []byte {
	noise := make([]byte, 64)
	for i := range noise {
		noise[i] = byte(random.IntN(256))
	}
	noise[0] = 0xff // neither a digit nor the start of any JSON
	return noise
}

// reset breaks the connection so that the client's next read fails with
// "connection reset by peer".
func reset(w http.ResponseWriter) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := connection.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = connection.Close()
}

// cut promises the whole body and closes the connection after some of it.
func (f hit) cut(w http.ResponseWriter, answer reply) {
	sent := len(answer.body) / 2
	if f.bytes >= 0 {
		sent = min(f.bytes, len(answer.body))
	}
	for name, values := range answer.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", fmt.Sprint(max(len(answer.body), sent+1)))
	w.WriteHeader(answer.status)
	w.Write(answer.body[:sent])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// dribs is how many pieces a slow body is sent in.
const dribs = 20

func (f hit) drip(ctx context.Context, w http.ResponseWriter, answer reply) {
	pauses := f.delay.draw(f.random) / dribs
	for name, values := range answer.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(answer.body)))
	w.WriteHeader(answer.status)
	flusher := http.NewResponseController(w)
	size := max(1, len(answer.body)/dribs)
	for piece := range slices.Chunk(answer.body, size) {
		_ = flusher.Flush()
		if !pause(ctx, pauses) {
			panic(http.ErrAbortHandler)
		}
		w.Write(piece)
	}
}

// flood sends a JSON document of many bytes in pieces.
func (f hit) flood(w http.ResponseWriter, answer reply) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(answer.status)
	piece := bytes.Repeat([]byte("x"), 64<<10)
	w.Write([]byte(`{"padding":"`))
	for left := f.bytes; left > 0; left -= len(piece) {
		if _, err := w.Write(piece[:min(left, len(piece))]); err != nil {
			return
		}
	}
	w.Write([]byte(`"}`))
}

// pause waits, and reports whether it did so to the end.
func pause(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
