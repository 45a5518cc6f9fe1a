package script

import (
	"fmt"
	"strings"

	"github.com/yuin/gopher-lua/ast"
	"github.com/yuin/gopher-lua/parse"
)

// maxTokens is how many tokens may be open at one place of a source: those of
// the expression at hand and of every expression and block around it. Each
// operator, index or call makes the syntax tree a level deeper.
const maxTokens = 2000

// maxConstants is how many different names, texts and numbers a source may
// have: the compiler looks each of them up in a list.
const maxConstants = 2000

// nesting follows how deep a source is, token by token, so that neither the
// parser's stack nor the compiler, which recurses, sees one that is too deep.
type nesting struct {
	outer    []int // tokens of the expressions around each open bracket or block
	around   int   // their sum
	chain    int   // tokens of the expression at hand
	previous int   // type of the token before
}

// checkTokens refuses a source that would take the parser or the compiler too
// much stack or time, and answers its names, texts and numbers. A source that
// does not even scan is left to the parser, which says so better.
func checkTokens(source, name string) (words map[string]struct{}, err error) {
	wrong := func(line int, format string, args ...any) (map[string]struct{}, error) {
		return nil, &Error{Kind: Wrong, File: name, Line: line, Message: fmt.Sprintf(format, args...)}
	}
	words = map[string]struct{}{}
	scanner := parse.NewScanner(strings.NewReader(source), name)
	lexer := &parse.Lexer{}
	var n nesting
	for {
		token, err := scanner.Scan(lexer)
		if err != nil || token.Type == parse.EOF {
			return words, nil //nolint:nilerr // the parser meets the same error
		}
		n.add(token)
		if len(n.outer) > MaxNesting || n.around+n.chain > maxTokens {
			return wrong(token.Pos.Line, "is nested too deep: at most %d blocks and brackets within each other, or %d tokens in one expression", MaxNesting, maxTokens)
		}
		switch token.Type {
		case parse.TIdent, parse.TString, parse.TNumber:
			if words[token.Str] = struct{}{}; len(words) > maxConstants {
				return wrong(token.Pos.Line, "has more than %d different names, texts and numbers", maxConstants)
			}
		}
		lexer.PrevTokenType, n.previous = token.Type, token.Type
	}
}

func (n *nesting) add(token ast.Token) {
	switch token.Type {
	case '(', '[', '{':
		n.open()
	case parse.TFunction:
		if n.endsStatement() {
			n.chain = 0
		}
		n.open()
	case parse.TIf, parse.TDo, parse.TRepeat:
		n.chain = 0
		n.open()
	case ')', ']', '}', parse.TEnd, parse.TUntil:
		n.close()
	case parse.TElseIf:
		// Each is a level within the one before, down to the one end.
		if last := len(n.outer) - 1; last >= 0 {
			n.outer[last] += 2
			n.around += 2
		}
		n.chain = 0
	case ',', ';', '=', parse.TThen, parse.TElse, parse.TWhile, parse.TFor, parse.TIn,
		parse.TLocal, parse.TReturn, parse.TBreak, parse.TGoto:
		n.chain = 0
	case parse.TIdent:
		if n.endsStatement() {
			n.chain = 0
		}
		n.chain++
	default:
		n.chain++
	}
}

func (n *nesting) open() {
	n.outer = append(n.outer, n.chain+1)
	n.around += n.chain + 1
	n.chain = 0
}

func (n *nesting) close() {
	last := len(n.outer) - 1
	if last < 0 {
		return // the parser will say that nothing is open
	}
	n.chain = n.outer[last]
	n.around -= n.outer[last]
	n.outer = n.outer[:last]
}

// endsStatement says whether a name or function after the previous token
// begins another statement.
func (n *nesting) endsStatement() bool {
	switch n.previous {
	case ')', ']', '}', parse.TIdent, parse.TString, parse.TNumber, parse.TEnd,
		parse.TNil, parse.TTrue, parse.TFalse, parse.T3Comma, parse.T2Colon:
		return true
	}
	return false
}
