package schema

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// MaxProblems is how many problems of one document are reported.
const MaxProblems = 20

// maxAlternatives is how many of the reasons are told why a value fits none
// of several alternatives.
const maxAlternatives = 3

// Problem is one way in which a document breaks its schema. It never holds a
// value of the document.
type Problem struct {
	Path    string // such as items[2].sku; empty for the document as a whole
	Message string // such as "expected string, got number"
	Missing bool   // the value at Path is required and not there
}

// At is the problem in one line, with the path starting at root:
// "input.items[2].sku: expected string, got number".
func (p Problem) At(root string) string {
	switch {
	case p.Path == "":
	case strings.HasPrefix(p.Path, "["):
		root += p.Path
	default:
		root += "." + p.Path
	}
	return root + ": " + p.Message
}

func problems(err *jsonschema.ValidationError) []Problem {
	found := flatten(nil, err)
	slices.SortFunc(found, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Message, b.Message))
	})
	found = slices.Compact(found)
	return found[:min(len(found), MaxProblems)]
}

// flatten appends the problems that err stands for: those of its causes, but
// for alternatives, of which none need have been the one that was meant.
func flatten(found []Problem, err *jsonschema.ValidationError) []Problem {
	switch k := err.ErrorKind.(type) {
	case *kind.AnyOf, *kind.OneOf:
		return append(found, alternatives(err))
	case *kind.Required:
		for _, name := range k.Missing {
			path := pathOf(append(slices.Clone(err.InstanceLocation), name))
			found = append(found, Problem{Path: path, Message: "required, but missing", Missing: true})
		}
		return found
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			path := pathOf(append(slices.Clone(err.InstanceLocation), name))
			found = append(found, Problem{Path: path, Message: "not declared by the schema"})
		}
		return found
	}
	if len(err.Causes) == 0 {
		return append(found, Problem{Path: pathOf(err.InstanceLocation), Message: describe(err.ErrorKind)})
	}
	for _, cause := range err.Causes {
		found = flatten(found, cause)
	}
	return found
}

func alternatives(err *jsonschema.ValidationError) Problem {
	path := pathOf(err.InstanceLocation)
	if len(err.Causes) == 0 {
		return Problem{Path: path, Message: "fits more than one of the alternatives"}
	}
	var reasons []string
	for _, cause := range err.Causes {
		for _, p := range flatten(nil, cause) {
			reasons = append(reasons, strings.TrimPrefix(p.Path+": "+p.Message, path+": "))
		}
	}
	slices.Sort(reasons)
	reasons = slices.Compact(reasons)
	reasons = reasons[:min(len(reasons), maxAlternatives)]
	return Problem{Path: path, Message: "fits none of the alternatives (" + strings.Join(reasons, "; ") + ")"}
}

// describe words a problem. The library's own words hold the value for some
// kinds, which must not reach errors and logs.
func describe(errorKind jsonschema.ErrorKind) string {
	switch k := errorKind.(type) {
	case *kind.Type:
		return fmt.Sprintf("expected %s, got %s", strings.Join(k.Want, " or "), k.Got)
	case *kind.Format:
		return "is not a valid " + k.Want
	case *kind.Pattern:
		return "does not match the pattern " + strconv.Quote(k.Want)
	case *kind.Minimum:
		return "must be at least " + number(k.Want)
	case *kind.Maximum:
		return "must be at most " + number(k.Want)
	case *kind.ExclusiveMinimum:
		return "must be greater than " + number(k.Want)
	case *kind.ExclusiveMaximum:
		return "must be less than " + number(k.Want)
	case *kind.MultipleOf:
		return "must be a multiple of " + number(k.Want)
	case *kind.MinLength:
		return fmt.Sprintf("must have at least %d characters, has %d", k.Want, k.Got)
	case *kind.MaxLength:
		return fmt.Sprintf("must have at most %d characters, has %d", k.Want, k.Got)
	case *kind.MinItems:
		return fmt.Sprintf("must have at least %d elements, has %d", k.Want, k.Got)
	case *kind.MaxItems:
		return fmt.Sprintf("must have at most %d elements, has %d", k.Want, k.Got)
	case *kind.AdditionalItems:
		return "has more elements than the schema declares"
	case *kind.FalseSchema:
		return "not allowed by the schema"
	default:
		return errorKind.LocalizedString(message.NewPrinter(language.English))
	}
}

func number(value *big.Rat) string {
	f, _ := value.Float64()
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// pathOf writes a location as an expression would: items[2].sku.
func pathOf(location []string) string {
	var path strings.Builder
	for i, token := range location {
		switch {
		case isIndex(token):
			path.WriteString("[" + token + "]")
		case !isName(token):
			path.WriteString("[" + strconv.Quote(token) + "]")
		case i == 0:
			path.WriteString(token)
		default:
			path.WriteString("." + token)
		}
	}
	return path.String()
}

func isIndex(token string) bool {
	_, err := strconv.ParseUint(token, 10, 32)
	return err == nil
}

func isName(token string) bool {
	for _, r := range token {
		if r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') {
			return false
		}
	}
	return token != ""
}
