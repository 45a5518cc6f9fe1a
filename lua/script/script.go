// Package script runs the Lua scripts of a suite, each call in a world of its
// own: a fresh state, a fresh environment, and limits on time and memory that
// no script can get round.
//
// gopher-lua can be stopped between two instructions but not within one, and
// it does not count what it allocates. So what a script can do in one
// instruction is made small: the library functions are bounded ones, a source
// is checked for nesting before it is parsed, and concatenation, table stores
// and table constructors are compiled into calls that count (see instrument).
//
// Start reading at Suite and Script.Call; library.go lists what scripts see.
package script

import (
	"fmt"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// The fixed limits of a call. Time and memory are set by Limits.
const (
	MaxSource   = 256 << 10 // bytes of one script
	MaxNesting  = 200       // blocks and brackets within each other in a source
	MaxDepth    = 200       // function calls within each other
	MaxString   = 16 << 20  // bytes of one string
	MaxOutput   = 8 << 20   // bytes of the document that a call answers
	MaxList     = 1 << 20   // the greatest index of a list
	MaxLogLines = 100       // log lines of one call; what follows is dropped

	maxMessage = 1000 // bytes of an error or a log line
)

// Limits are what one call may use.
type Limits struct {
	Time   time.Duration
	Memory int64 // bytes allocated in all, garbage included
}

// Suite is a folder of scripts. Its methods may be called concurrently.
type Suite struct {
	root    *os.Root
	library *library

	mu      sync.Mutex
	scripts map[string]*Script
}

// Script is a compiled file.
type Script struct {
	Name string // its path in the suite, with forward slashes

	suite   *Suite
	proto   *lua.FunctionProto
	globals uint64 // what it can reach, see library.mentioned
}

// Open opens the folder dir, outside of which no script is read.
func Open(dir string) (*Suite, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &Suite{root: root, library: newLibrary(), scripts: map[string]*Script{}}, nil
}

// Close closes the folder. Scripts that were loaded go on working, but for
// what they have not required yet.
func (s *Suite) Close() error { return s.root.Close() }

// Load reads and compiles a script, once. Its path is relative to the folder.
// What is wrong with the source is an *Error with a line.
func (s *Suite) Load(name string) (*Script, error) {
	name = path.Clean(strings.ReplaceAll(name, `\`, "/"))
	s.mu.Lock()
	defer s.mu.Unlock()
	if script, ok := s.scripts[name]; ok {
		return script, nil
	}
	source, err := s.read(name)
	if err != nil {
		return nil, err
	}
	proto, words, err := compile(source, name)
	if err != nil {
		return nil, err
	}
	script := &Script{Name: name, suite: s, proto: proto, globals: s.library.mentioned(words)}
	s.scripts[name] = script
	return script, nil
}

// loaded says whether a script of this name was loaded.
func (s *Suite) loaded(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.scripts[name] != nil
}

// Kind says what ended a call.
type Kind string

// The kinds of error.
const (
	Failed   Kind = "failed"     // the script raised an error or answered nonsense
	TimedOut Kind = "timed out"  // it ran longer than Limits.Time
	TooLarge Kind = "too large"  // it passed a limit other than time
	Canceled Kind = "canceled"   // the caller's context ended
	Broken   Kind = "broken"     // a fault of this package
	Wrong    Kind = "not usable" // the file cannot be read or compiled
)

// Error is why a script did not load or a call did not end well.
type Error struct {
	Kind    Kind
	File    string
	Line    int // 0 where it is not known
	Message string

	cause error // the context's, where it has ended
}

// Unwrap gives the context's error of a call that was canceled.
func (e *Error) Unwrap() error { return e.cause }

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Message
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Message)
}
