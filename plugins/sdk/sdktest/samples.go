package sdktest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"

	"github.com/assay-cx/assay/plugins/sdk"
)

// Samples are settings that the plugin takes, and documents that its
// operations understand. In JSON they are the file of
// `assay plugin test --config`.
type Samples struct {
	// Operation is one that works.
	Operation
	// Workspace is the suite's folder; in a file, relative to the file's. It
	// is absolute for Run.
	Workspace string `json:"workspace,omitempty"`
	// Wrong holds, by attribute, a value that the plugin refuses.
	Wrong map[string]json.RawMessage `json:"wrong,omitempty"`
	// Peer lets the checks play the platform that the plugin speaks to.
	Peer *Peer `json:"peer,omitempty"`
	// Hang is an operation that ends only when it is told to. A plugin with a
	// Peer needs none: the peer does not answer.
	Hang *Operation `json:"hang,omitempty"`
	// Panic is an operation that panics, or throws.
	Panic *Operation `json:"panic,omitempty"`
}

// Operation is how to call the operations of a plugin's kinds. In Hang and
// Panic, what is absent is as in the operation that works.
type Operation struct {
	// Attributes are the settings. Those that are absent get their defaults.
	Attributes map[string]json.RawMessage `json:"attributes,omitempty"`
	Target     *TargetSample              `json:"target,omitempty"`
	Sink       *SinkSample                `json:"sink,omitempty"`
	Hook       *HookSample                `json:"hook,omitempty"`
}

// TargetSample is an action on the platform.
type TargetSample struct {
	ActionID string          `json:"action_id"`
	Input    json.RawMessage `json:"input"` // a JSON object
}

// SinkSample is an event to deliver; without it the checks deliver their own.
type SinkSample struct {
	Event sdk.Event `json:"event"`
}

// HookSample is a call of a hook.
type HookSample struct {
	Name     string          `json:"name"`
	Document json.RawMessage `json:"document"` // a JSON object
}

// Peer is a platform of HTTP and JSON, as the checks play it.
type Peer struct {
	// Attribute holds the platform's URL. The checks put their own scheme,
	// host and port there, and keep the path.
	Attribute string `json:"attribute"`
	// Answers are what the platform answers when all is well, by the patterns
	// of http.ServeMux, such as "POST /actions/{id}". Other requests get 404.
	// Without answers the URL of the settings is used where all is to go well.
	Answers map[string]Answer `json:"answers,omitempty"`
}

// Answer is one answer of a Peer.
type Answer struct {
	Status  int               `json:"status,omitempty"` // 0 is 200
	Headers map[string]string `json:"headers,omitempty"`
	Body    json.RawMessage   `json:"body,omitempty"`
}

// ReadSamples reads a file of samples.
func ReadSamples(path string) (Samples, error) {
	var s Samples
	content, err := os.ReadFile(path)
	if err != nil {
		return s, err
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&s); err != nil {
		return s, fmt.Errorf("%s: %w", path, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return s, fmt.Errorf("%s: more than one JSON document", path)
	}
	if s.Peer != nil {
		if s.Peer.Attribute == "" {
			return s, fmt.Errorf("%s: peer.attribute must name the attribute that holds the platform's URL", path)
		}
		if _, err := s.Peer.handler(); err != nil {
			return s, fmt.Errorf("%s: %w", path, err)
		}
	}
	s.Workspace, err = filepath.Abs(filepath.Join(filepath.Dir(path), s.Workspace))
	return s, err
}

// over lays an operation over the one that works.
func (s *Samples) over(o *Operation) Operation {
	laid := s.Operation
	if o == nil {
		return laid
	}
	laid.Attributes = maps.Clone(s.Attributes)
	if laid.Attributes == nil {
		laid.Attributes = map[string]json.RawMessage{}
	}
	maps.Copy(laid.Attributes, o.Attributes)
	if o.Target != nil {
		laid.Target = o.Target
	}
	if o.Sink != nil {
		laid.Sink = o.Sink
	}
	if o.Hook != nil {
		laid.Hook = o.Hook
	}
	return laid
}
