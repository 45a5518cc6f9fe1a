package invoke

// BreakerState is the state of an operation's breaker: closed, half-open or
// open. That of an operation that was never called is closed.
func (s *Stack) BreakerState(operation string) string {
	return s.operation(operation).breaker.State().String()
}
