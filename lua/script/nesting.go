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

// nesting follows how deep a source is, token by token, so that neither the
// parser's stack nor the compiler, which recurses, sees one that is too deep.
type nesting struct {
	outer    []int // tokens of the expressions around each open bracket or block
	around   int   // their sum
	chain    int   // tokens of the expression at hand
	previous int   // type of the token before
}

// checkNesting refuses a source that nests too deep. A source that does not
// even scan is left to the parser, which says so better.
func checkNesting(source, name string) error {
	scanner := parse.NewScanner(strings.NewReader(source), name)
	lexer := &parse.Lexer{}
	var n nesting
	for {
		token, err := scanner.Scan(lexer)
		if err != nil || token.Type == parse.EOF {
			return nil
		}
		n.add(token)
		if len(n.outer) > MaxNesting || n.around+n.chain > maxTokens {
			return &Error{
				Kind: Wrong, File: name, Line: token.Pos.Line,
				Message: fmt.Sprintf("is nested too deep: at most %d blocks and brackets within each other, or %d tokens in one expression",
					MaxNesting, maxTokens),
			}
		}
		lexer.PrevTokenType, n.previous = token.Type, token.Type
	}
}

func (n *nesting) add(token ast.Token) {
	switch token.Type {
	case '(', '[', '{', parse.TFunction, parse.TIf, parse.TDo, parse.TRepeat:
		n.outer = append(n.outer, n.chain+1)
		n.around += n.chain + 1
		n.chain = 0
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

func (n *nesting) close() {
	last := len(n.outer) - 1
	if last < 0 {
		return // the parser will say that nothing is open
	}
	n.chain = n.outer[last]
	n.around -= n.outer[last]
	n.outer = n.outer[:last]
}

// endsStatement says whether a name after the previous token begins another
// statement.
func (n *nesting) endsStatement() bool {
	switch n.previous {
	case ')', ']', '}', parse.TIdent, parse.TString, parse.TNumber, parse.TEnd,
		parse.TNil, parse.TTrue, parse.TFalse, parse.T3Comma, parse.T2Colon:
		return true
	}
	return false
}
