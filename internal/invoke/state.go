package invoke

import "github.com/sony/gobreaker/v2"

// BreakerState is the state of an operation's breaker: closed, half-open or
// open. That of an operation that was never called is closed.
func (s *Stack) BreakerState(operation string) string {
	s.mu.Lock()
	o := s.operations[operation]
	s.mu.Unlock()
	if o == nil {
		return gobreaker.StateClosed.String()
	}
	return o.breaker.State().String()
}
