package sandbox

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gowebpki/jcs"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/assay-cx/assay/internal/action"
)

// FaultHits says how often a fault struck.
type FaultHits struct {
	Place string `json:"place"` // such as sandbox.submit or mock.erp "POST /v1/inventory/sync"
	Kind  string `json:"kind"`
	Seen  int64  `json:"seen"` // requests that it could have struck
	Hits  int64  `json:"hits"`
}

// Faults are the hit counts of every fault, in the order of the spec.
func (s *Sandbox) Faults() []FaultHits {
	var all []FaultHits
	for _, f := range s.faults {
		all = append(all, f.count())
	}
	for _, m := range s.mocks {
		for _, r := range m.routes {
			if r.fault != nil {
				all = append(all, r.fault.count())
			}
		}
	}
	return all
}

// fault is something that goes wrong on purpose.
type fault struct {
	place string
	kind  string

	// When it strikes: every condition that is set must hold.
	operation   operation
	action      string          // id, in lower case
	inputs      map[string]bool // of the vectors that it is for, canonical; nil for all
	when        hcl.Expression  // over input
	every       int
	first       int
	probability float64 // negative where not set
	after       time.Duration
	lasts       time.Duration // from after on; 0 for ever

	// What it does, as far as its kind asks.
	status      int
	body        string
	retryAfter  string
	contentType string
	bytes       int
	delay       latency
	quota       int
	window      time.Duration
	uses        int

	scope   *hcl.EvalContext
	seed    uint64
	started time.Time
	seen    atomic.Int64
	hits    atomic.Int64
	mutex   sync.Mutex
	draws   map[uint64]uint64 // by request key, how often it was drawn for
	quotaAt time.Time         // start of the current quota window
	used    int               // requests in it
}

// maxDraws bounds the memory of a fault with a probability.
const maxDraws = 100_000

func (f *fault) count() FaultHits {
	return FaultHits{Place: f.place, Kind: f.kind, Seen: f.seen.Load(), Hits: f.hits.Load()}
}

// strike decides whether the fault strikes a request. key names what the
// request is about, so that the same seed strikes the same vectors in
// whatever order they come. The random source is that of this strike.
func (f *fault) strike(key uint64, now time.Time) (*rand.Rand, bool) {
	seen := f.seen.Add(1)
	if since := now.Sub(f.started); since < f.after || f.lasts > 0 && since >= f.after+f.lasts {
		return nil, false
	}
	if f.first > 0 && seen > int64(f.first) || f.every > 0 && seen%int64(f.every) != 0 {
		return nil, false
	}
	random := rand.New(rand.NewPCG(f.seed^key, f.draw(key)))
	if f.probability >= 0 && random.Float64() >= f.probability {
		return nil, false
	}
	if f.kind == kindQuota && !f.overQuota(now) {
		return nil, false
	}
	f.hits.Add(1)
	return random, true
}

func (f *fault) draw(key uint64) uint64 {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.draws == nil || len(f.draws) >= maxDraws {
		f.draws = map[uint64]uint64{}
	}
	f.draws[key]++
	return f.draws[key]
}

func (f *fault) overQuota(now time.Time) bool {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if now.Sub(f.quotaAt) >= f.window {
		f.quotaAt, f.used = now, 0
	}
	f.used++
	return f.used > f.quota
}

// latency is a delay: fixed, between two bounds, or log-normal about a median.
type latency struct {
	low, high time.Duration
	sigma     float64 // of a log-normal one, whose median is low
}

func (l latency) draw(random *rand.Rand) time.Duration {
	switch {
	case l.sigma > 0:
		return min(maxLatency, logNormal(l.low, l.sigma, random))
	case l.high > l.low:
		return l.low + time.Duration(random.Int64N(int64(l.high-l.low)))
	default:
		return l.low
	}
}

// meets reports whether a call is at the point that the fault's kind is for.
func (f *fault) meets(c *call) bool {
	if f.kind == kindConflict {
		return c.Method == http.MethodPost
	}
	return slices.Contains(endKinds, f.kind) == c.ended
}

// concerns reports whether the fault is for what a call is about.
func (f *fault) concerns(about subject) bool {
	if f.action != "" && f.action != about.action {
		return false
	}
	if f.inputs != nil && !f.inputs[canonical(about)] {
		return false
	}
	if f.when == nil {
		return true
	}
	value, err := action.DecodeValue(about.input)
	if err != nil {
		return false
	}
	holds, err := evaluate(f.when, withVariable(f.scope, "input", value), cty.Bool)
	return err == nil && holds.True()
}

// canonical is what a call is about, the same for the same JSON.
func canonical(about subject) string {
	text, err := jcs.Transform(about.input)
	if err != nil {
		return ""
	}
	return about.action + " " + string(text)
}

// unconditional reports whether the fault strikes every request.
func (f *fault) unconditional() bool {
	return f.every == 0 && f.first == 0 && f.probability < 0 && f.after == 0 && f.lasts == 0
}
