package script

import (
	"strings"
	"sync"

	lua "github.com/yuin/gopher-lua"

	"github.com/assay-cx/assay/lua/pattern"
)

// cache keeps compiled patterns. All calls share it.
type cache struct {
	compile func(string) (*pattern.Expr, error)

	mu    sync.RWMutex
	exprs map[string]*pattern.Expr
	size  int // of all of them, in instructions
}

// maxCached is how large the patterns of a cache may be, in instructions of
// about 100 bytes, before it starts afresh.
const maxCached = 100_000

func (c *cache) get(L *lua.LState, text string) *pattern.Expr {
	c.mu.RLock()
	expr := c.exprs[text]
	c.mu.RUnlock()
	if expr != nil {
		return expr
	}
	if len(text) > pattern.MaxLength {
		L.RaiseError("the pattern is longer than %d bytes", pattern.MaxLength)
	}
	expr, err := c.compile(text)
	if err != nil {
		L.RaiseError("%s", err.Error())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.size += 20 + expr.Size(); c.size > maxCached || c.exprs == nil {
		c.exprs, c.size = map[string]*pattern.Expr{}, expr.Size()
	}
	c.exprs[strings.Clone(text)] = expr
	return expr
}

// search is a text being searched for a pattern by a script.
type search struct {
	L      *lua.LState
	text   string
	expr   *pattern.Expr
	search *pattern.Search
}

// newSearch reads the arguments text and pattern.
func newSearch(L *lua.LState, cache *cache) *search {
	text := L.CheckString(1)
	expr := cache.get(L, L.CheckString(2))
	callOf(L).charge(L, sizeTable) // what the search itself takes
	if expr.Bytewise() {
		callOf(L).charge(L, len(text)) // it may be copied
	}
	return &search{L: L, text: text, expr: expr, search: expr.Search(text)}
}

// next is the match at or after from, or nil.
func (s *search) next(from int) []int {
	if from > len(s.text) {
		return nil
	}
	loc, err := s.search.Find(from)
	if err != nil {
		s.L.RaiseError("%s", err.Error())
	}
	callOf(s.L).charge(s.L, len(loc)*8)
	return loc
}

// capture is the capture i, from 0, of a match.
func (s *search) capture(loc []int, i int) lua.LValue {
	from, to := loc[2*i+2], loc[2*i+3]
	switch {
	case s.expr.Position(i):
		return lua.LNumber(from + 1)
	case from < 0:
		return lua.LNil
	}
	return lua.LString(s.text[from:to])
}

// whole is the first capture, or the match where the pattern has none.
func (s *search) whole(loc []int) lua.LValue {
	if s.expr.Captures() > 0 {
		return s.capture(loc, 0)
	}
	return lua.LString(s.text[loc[0]:loc[1]])
}

// pushCaptures pushes the captures, and says how many.
func (s *search) pushCaptures(loc []int) int {
	for i := range s.expr.Captures() {
		s.L.Push(s.capture(loc, i))
	}
	return s.expr.Captures()
}

// pushMatch pushes the captures, or the match where the pattern has none.
func (s *search) pushMatch(loc []int) int {
	if s.expr.Captures() > 0 {
		return s.pushCaptures(loc)
	}
	s.L.Push(s.whole(loc))
	return 1
}

// start reads an optional argument that says where to start.
func start(L *lua.LState, arg, length int) int {
	from := L.OptInt(arg, 1)
	if from < 0 {
		from = max(0, length+from+1)
	}
	return max(0, from-1)
}

// finder is string.find and re.find: find(text, pattern [, from [, plain]]).
func (l *library) finder(cache *cache, plain bool) lua.LGFunction {
	return func(L *lua.LState) int {
		text := L.CheckString(1)
		from := start(L, 3, len(text))
		if plain && (L.ToBool(4) || !strings.ContainsAny(L.CheckString(2), "^$*+?.([%-")) {
			return findPlain(L, text, L.CheckString(2), from)
		}
		s := newSearch(L, cache)
		loc := s.next(from)
		if loc == nil {
			L.Push(lua.LNil)
			return 1
		}
		L.Push(lua.LNumber(loc[0] + 1))
		L.Push(lua.LNumber(loc[1]))
		return 2 + s.pushCaptures(loc)
	}
}

func findPlain(L *lua.LState, text, part string, from int) int {
	if from > len(text) {
		L.Push(lua.LNil)
		return 1
	}
	at := strings.Index(text[from:], part)
	if at < 0 {
		L.Push(lua.LNil)
		return 1
	}
	L.Push(lua.LNumber(from + at + 1))
	L.Push(lua.LNumber(from + at + len(part)))
	return 2
}

// matcher is string.match and re.match: match(text, pattern [, from]).
func (l *library) matcher(cache *cache) lua.LGFunction {
	return func(L *lua.LState) int {
		s := newSearch(L, cache)
		loc := s.next(start(L, 3, len(s.text)))
		if loc == nil {
			L.Push(lua.LNil)
			return 1
		}
		return s.pushMatch(loc)
	}
}

// iterator is string.gmatch and re.gmatch: gmatch(text, pattern).
func (l *library) iterator(cache *cache) lua.LGFunction {
	return func(L *lua.LState) int {
		s := newSearch(L, cache)
		from := 0
		L.Push(L.NewFunction(func(L *lua.LState) int {
			s.L = L // it may run in another coroutine
			loc := s.next(from)
			if loc == nil {
				from = len(s.text) + 1
				return 0
			}
			if from = after(loc); s.expr.Anchored() {
				from = len(s.text) + 1
			}
			return s.pushMatch(loc)
		}))
		return 1
	}
}

// after is where to look for what follows a match.
func after(loc []int) int {
	if loc[1] > loc[0] {
		return loc[1]
	}
	return loc[1] + 1
}

// replacer is string.gsub and re.gsub: gsub(text, pattern, by [, times]).
func (l *library) replacer(cache *cache) lua.LGFunction {
	return func(L *lua.LState) int {
		s := newSearch(L, cache)
		L.CheckTypes(3, lua.LTString, lua.LTNumber, lua.LTTable, lua.LTFunction)
		by, times := L.Get(3), L.OptInt(4, len(s.text)+1)
		out := text{L: L}
		count, copied := 0, 0
		for from := 0; count < times; {
			loc := s.next(from)
			if loc == nil {
				break
			}
			count++
			out.add(s.text[copied:loc[0]])
			s.replace(&out, loc, by)
			copied, from = loc[1], after(loc)
			if s.expr.Anchored() {
				break
			}
		}
		out.add(s.text[copied:])
		out.push()
		L.Push(lua.LNumber(count))
		return 2
	}
}

// replace writes what takes the place of a match: by a template, a table's
// entry or a function's answer. Where the latter two say nil or false, the
// match stays.
func (s *search) replace(out *text, loc []int, by lua.LValue) {
	var value lua.LValue
	switch by := by.(type) {
	case *lua.LTable:
		value = s.L.GetTable(by, s.whole(loc))
	case *lua.LFunction:
		s.L.Push(by)
		s.L.Call(s.pushMatch(loc), 1)
		value = s.L.Get(-1)
		s.L.Pop(1)
	default:
		s.expand(out, loc, lua.LVAsString(by))
		return
	}
	switch {
	case !lua.LVAsBool(value):
		out.add(s.text[loc[0]:loc[1]])
	case lua.LVCanConvToString(value):
		out.add(lua.LVAsString(value))
	default:
		s.L.RaiseError("invalid replacement value (a %s)", value.Type())
	}
}

// expand writes a template, in which %0 is the match and %1 to %9 captures.
func (s *search) expand(out *text, loc []int, template string) {
	for {
		before, rest, found := strings.Cut(template, "%")
		out.add(before)
		if !found {
			return
		}
		if rest == "" {
			s.L.RaiseError("invalid replacement: it ends with %%")
		}
		template = rest[1:]
		index := int(rest[0] - '0')
		switch {
		case !isDigit(rest[0]):
			out.add(rest[:1])
		case index == 0:
			out.add(s.text[loc[0]:loc[1]])
		case index == 1 && s.expr.Captures() == 0:
			out.add(s.text[loc[0]:loc[1]])
		case index > s.expr.Captures():
			s.L.RaiseError("invalid capture index %%%d in a replacement", index)
		default:
			out.add(lua.LVAsString(s.capture(loc, index-1)))
		}
	}
}
