package sandbox

import (
	"container/list"
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// session is one debug session.
type session struct {
	id        string
	action    string // id, in lower case
	workspace string
	input     json.RawMessage
	started   time.Time
	traced    bool                   // the client asked for a trace
	ended     atomic.Pointer[[]byte] // what a poll answers at the end, rendered once; nil while it runs
}

// sessions are the debug sessions of a tenant, bounded in number and age.
type sessions struct {
	ttl time.Duration
	max int
	now func() time.Time

	mutex sync.Mutex
	byID  map[string]*list.Element
	order *list.List // of *session, oldest first
	last  string     // id of the newest
}

func newSessions(s settings, now func() time.Time) *sessions {
	return &sessions{ttl: s.sessionTTL, max: s.maxSessions, now: now, byID: map[string]*list.Element{}, order: list.New()}
}

// open adds a session. It gives nil where as many as allowed are running.
func (s *sessions) open(action, workspace string, input json.RawMessage, traced bool) *session {
	opened := &session{
		id: uuid.NewString(), action: action, workspace: workspace,
		input: input, started: s.now(), traced: traced,
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.purge()
	if s.order.Len() >= s.max && !s.evict() {
		return nil
	}
	s.byID[opened.id] = s.order.PushBack(opened)
	s.last = opened.id
	return opened
}

// find gives a session, or nil where there is none or no longer.
func (s *sessions) find(id string) *session {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	element := s.byID[id]
	if element == nil {
		return nil
	}
	found := element.Value.(*session)
	if s.expired(found) {
		s.remove(element)
		return nil
	}
	return found
}

// newest is the id of the session that was opened last; empty for none.
func (s *sessions) newest() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.last
}

func (s *sessions) expired(found *session) bool { return s.now().Sub(found.started) >= s.ttl }

func (s *sessions) purge() {
	for element := s.order.Front(); element != nil && s.expired(element.Value.(*session)); element = s.order.Front() {
		s.remove(element)
	}
}

// evict makes room by dropping the oldest session that has ended.
func (s *sessions) evict() bool {
	for element := s.order.Front(); element != nil; element = element.Next() {
		if element.Value.(*session).ended.Load() != nil {
			s.remove(element)
			return true
		}
	}
	return false
}

func (s *sessions) remove(element *list.Element) {
	delete(s.byID, element.Value.(*session).id)
	s.order.Remove(element)
}
