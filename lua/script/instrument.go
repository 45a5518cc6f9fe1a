package script

import (
	"strconv"

	"github.com/yuin/gopher-lua/ast"
)

// Names that no script can write, bound as locals around it (see instrument)
// to the functions of meters.
const (
	concatName = "(concat)" // (concat)(a, b, …) is a .. b …
	storeName  = "(store)"  // (store)(t, k, v) is t[k] = v
	tableName  = "(table)"  // (table)(t, n) is t, a new table with n keyed fields
	keyName    = "(key)"    // (key)(k) is k, a computed key of a new table
	newName    = "(new)"    // (new)(f) is f, a new function
)

// instrument rewrites what can take much memory in one instruction into calls
// that count it:
//
//	a .. b        (concat)(a, b)
//	t[k] = v      (store)(t, k, v)
//	{ x, k = v }  (table)({ x, k = v }, 1)
//	{ [k] = v }   (table)({ [(key)(k)] = v }, 1)
//	function …    (new)(function …)
//
// and puts the script into a function that holds them as upvalues, out of the
// script's reach:
//
//	local (concat), (store), (table), (key), (new) = ...
//	return function(...) SCRIPT end
func instrument(chunk []ast.Stmt) []ast.Stmt {
	body := &ast.FunctionExpr{ParList: &ast.ParList{HasVargs: true}, Stmts: block(chunk)}
	bind := &ast.LocalAssignStmt{
		Names: []string{concatName, storeName, tableName, keyName, newName},
		Exprs: []ast.Expr{at(&ast.Comma3Expr{}, 1)},
	}
	if len(chunk) > 0 {
		body.SetLastLine(chunk[len(chunk)-1].LastLine())
	}
	return []ast.Stmt{at(bind, 1), at(&ast.ReturnStmt{Exprs: []ast.Expr{at(body, 1)}}, 1)}
}

// at gives a node its line.
func at[N ast.PositionHolder](node N, line int) N {
	node.SetLine(line)
	return node
}

func invoke(line int, name string, args ...ast.Expr) *ast.FuncCallExpr {
	return at(&ast.FuncCallExpr{Func: at(&ast.IdentExpr{Value: name}, line), Args: args, AdjustRet: true}, line)
}

func block(stmts []ast.Stmt) []ast.Stmt {
	rewritten := make([]ast.Stmt, 0, len(stmts))
	for _, stmt := range stmts {
		if declaration, assignment := localFunction(stmt); declaration != nil {
			rewritten = append(rewritten, declaration)
			stmt = assignment
		}
		rewritten = append(rewritten, statement(stmt))
	}
	return rewritten
}

// localFunction splits "local function f" into "local f" and "f = function",
// so that f sees itself.
func localFunction(stmt ast.Stmt) (declaration, assignment ast.Stmt) {
	local, ok := stmt.(*ast.LocalAssignStmt)
	if !ok || len(local.Names) != 1 || len(local.Exprs) != 1 {
		return nil, nil
	}
	if _, ok = local.Exprs[0].(*ast.FunctionExpr); !ok {
		return nil, nil
	}
	line := local.Line()
	name := at(&ast.IdentExpr{Value: local.Names[0]}, line)
	return at(&ast.LocalAssignStmt{Names: local.Names}, line),
		at(&ast.AssignStmt{Lhs: []ast.Expr{name}, Rhs: local.Exprs}, line)
}

// definition is "function a.b.c" and "function a.b:c" as an assignment.
func definition(s *ast.FuncDefStmt) ast.Stmt {
	line := s.Line()
	target := s.Name.Func
	if target == nil {
		name := at(&ast.StringExpr{Value: s.Name.Method}, line)
		target = at(&ast.AttrGetExpr{Object: s.Name.Receiver, Key: name}, line)
		s.Func.ParList.Names = append([]string{"self"}, s.Func.ParList.Names...)
	}
	return assignment(at(&ast.AssignStmt{Lhs: []ast.Expr{target}, Rhs: []ast.Expr{s.Func}}, line))
}

func statement(stmt ast.Stmt) ast.Stmt {
	switch s := stmt.(type) {
	case *ast.AssignStmt:
		return assignment(s)
	case *ast.LocalAssignStmt:
		expressions(s.Exprs)
	case *ast.FuncCallStmt:
		s.Expr = expression(s.Expr)
	case *ast.DoBlockStmt:
		s.Stmts = block(s.Stmts)
	case *ast.WhileStmt:
		s.Condition = expression(s.Condition)
		s.Stmts = block(s.Stmts)
	case *ast.RepeatStmt:
		s.Condition = expression(s.Condition)
		s.Stmts = block(s.Stmts)
	case *ast.IfStmt:
		s.Condition = expression(s.Condition)
		s.Then = block(s.Then)
		s.Else = block(s.Else)
	case *ast.NumberForStmt:
		s.Init, s.Limit = expression(s.Init), expression(s.Limit)
		if s.Step != nil {
			s.Step = expression(s.Step)
		}
		s.Stmts = block(s.Stmts)
	case *ast.GenericForStmt:
		expressions(s.Exprs)
		s.Stmts = block(s.Stmts)
	case *ast.FuncDefStmt:
		return definition(s)
	case *ast.ReturnStmt:
		expressions(s.Exprs)
	}
	return stmt
}

func expressions(exprs []ast.Expr) {
	for i := range exprs {
		exprs[i] = expression(exprs[i])
	}
}

func expression(expr ast.Expr) ast.Expr {
	switch e := expr.(type) {
	case *ast.AttrGetExpr:
		e.Object, e.Key = expression(e.Object), expression(e.Key)
	case *ast.TableExpr:
		return table(e)
	case *ast.FuncCallExpr:
		if e.Func != nil {
			e.Func = expression(e.Func)
		} else {
			e.Receiver = expression(e.Receiver)
		}
		expressions(e.Args)
	case *ast.LogicalOpExpr:
		e.Lhs, e.Rhs = expression(e.Lhs), expression(e.Rhs)
	case *ast.RelationalOpExpr:
		e.Lhs, e.Rhs = expression(e.Lhs), expression(e.Rhs)
	case *ast.StringConcatOpExpr:
		return concat(e)
	case *ast.ArithmeticOpExpr:
		e.Lhs, e.Rhs = expression(e.Lhs), expression(e.Rhs)
	case *ast.UnaryMinusOpExpr:
		e.Expr = expression(e.Expr)
	case *ast.UnaryNotOpExpr:
		e.Expr = expression(e.Expr)
	case *ast.UnaryLenOpExpr:
		e.Expr = expression(e.Expr)
	case *ast.FunctionExpr:
		e.Stmts = block(e.Stmts)
		return invoke(e.Line(), newName, e)
	}
	return expr
}

func table(e *ast.TableExpr) ast.Expr {
	keyed := 0
	for _, field := range e.Fields {
		if field.Key != nil {
			keyed++
			field.Key = key(field.Key)
		}
		field.Value = expression(field.Value)
	}
	return invoke(e.Line(), tableName, e, at(&ast.NumberExpr{Value: strconv.Itoa(keyed)}, e.Line()))
}

func key(e ast.Expr) ast.Expr {
	if _, constant := e.(*ast.StringExpr); constant {
		return e
	}
	return invoke(e.Line(), keyName, single(expression(e)))
}

// concat makes one call of a chain, which associates to the right.
func concat(e *ast.StringConcatOpExpr) ast.Expr {
	args := []ast.Expr{single(expression(e.Lhs))}
	rhs := e.Rhs
	for {
		next, ok := rhs.(*ast.StringConcatOpExpr)
		if !ok {
			break
		}
		args = append(args, single(expression(next.Lhs)))
		rhs = next.Rhs
	}
	return invoke(e.Line(), concatName, append(args, single(expression(rhs)))...)
}

// single keeps only the first value of an expression that may have many.
func single(expr ast.Expr) ast.Expr {
	switch e := expr.(type) {
	case *ast.FuncCallExpr:
		e.AdjustRet = true
	case *ast.Comma3Expr:
		e.AdjustRet = true
	}
	return expr
}

func assignment(s *ast.AssignStmt) ast.Stmt {
	stores := false
	for _, target := range s.Lhs {
		_, indexed := target.(*ast.AttrGetExpr)
		stores = stores || indexed
	}
	expressions(s.Rhs)
	switch {
	case !stores:
		return s
	case len(s.Lhs) == 1 && len(s.Rhs) == 1:
		target := s.Lhs[0].(*ast.AttrGetExpr)
		return store(s.Line(), expression(target.Object), expression(target.Key), single(s.Rhs[0]))
	default:
		return assignments(s)
	}
}

func store(line int, args ...ast.Expr) ast.Stmt {
	return at(&ast.FuncCallStmt{Expr: invoke(line, storeName, args...)}, line)
}

// assignments stores several values. All of its expressions are evaluated
// before the first store:
//
//	do
//	  local (1), (2), (3), (4) = t, k, VALUES
//	  (store)((1), (2), (3))
//	  x = (4)
//	end
func assignments(s *ast.AssignStmt) ast.Stmt {
	line := s.Line()
	bind := at(&ast.LocalAssignStmt{}, line)
	local := func() ast.Expr {
		bind.Names = append(bind.Names, "("+strconv.Itoa(len(bind.Names)+1)+")")
		return at(&ast.IdentExpr{Value: bind.Names[len(bind.Names)-1]}, line)
	}
	stores := make([][]ast.Expr, len(s.Lhs))
	for i, target := range s.Lhs {
		if target, indexed := target.(*ast.AttrGetExpr); indexed {
			bind.Exprs = append(bind.Exprs, expression(target.Object), expression(target.Key))
			stores[i] = []ast.Expr{local(), local()}
		}
	}
	bind.Exprs = append(bind.Exprs, s.Rhs...)
	block := at(&ast.DoBlockStmt{Stmts: []ast.Stmt{bind}}, line)
	block.SetLastLine(line)
	for i, target := range s.Lhs {
		value := local()
		if stores[i] == nil {
			one := &ast.AssignStmt{Lhs: []ast.Expr{target}, Rhs: []ast.Expr{value}}
			block.Stmts = append(block.Stmts, at(one, line))
			continue
		}
		block.Stmts = append(block.Stmts, store(line, append(stores[i], value)...))
	}
	return block
}
