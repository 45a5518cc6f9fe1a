// Package specfunc is the functions that expressions of a spec may call. Their
// names and meanings are Terraform's. Most come from go-cty; here are those
// that it lacks and those that differ.
//
// Functions are pure: the same arguments, files and start of the run give the
// same result. That is why uuid, bcrypt and the like are not among them.
// Start reading at Functions.
package specfunc

import (
	"maps"
	"time"

	"github.com/hashicorp/go-cty-funcs/collection"
	"github.com/hashicorp/go-cty-funcs/uuid"
	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// FileReader reads a file of the suite by its path relative to the suite's
// folder. Its errors name the path and wrap fs.ErrNotExist where there is no
// such file.
type FileReader func(name string) ([]byte, error)

// Functions gives the functions by name. The file functions read through
// files; timestamp() is now, throughout the run. A function that fails on a
// sensitive argument withholds its message, which may quote the argument.
func Functions(files FileReader, now time.Time) map[string]function.Function {
	functions := map[string]function.Function{}
	maps.Copy(functions, numberFunctions())
	maps.Copy(functions, stringFunctions())
	maps.Copy(functions, collectionFunctions())
	maps.Copy(functions, conversionFunctions())
	maps.Copy(functions, encodingFunctions())
	maps.Copy(functions, timeFunctions(now))
	maps.Copy(functions, fileFunctions(files))
	functions["templatefile"] = templateFile(files, maps.Clone(functions))
	for name, f := range functions {
		functions[name] = discreet(f)
	}
	// These take expressions, not values, or reveal nothing of a value.
	functions["try"] = tryfunc.TryFunc
	functions["can"] = tryfunc.CanFunc
	maps.Copy(functions, sensitivityFunctions())
	return functions
}

func numberFunctions() map[string]function.Function {
	return map[string]function.Function{
		"abs":      stdlib.AbsoluteFunc,
		"ceil":     stdlib.CeilFunc,
		"floor":    stdlib.FloorFunc,
		"log":      stdlib.LogFunc,
		"max":      stdlib.MaxFunc,
		"min":      stdlib.MinFunc,
		"parseint": stdlib.ParseIntFunc,
		"pow":      stdlib.PowFunc,
		"signum":   stdlib.SignumFunc,
	}
}

func stringFunctions() map[string]function.Function {
	return map[string]function.Function{
		"chomp":       stdlib.ChompFunc,
		"endswith":    endsWith,
		"format":      stdlib.FormatFunc,
		"formatlist":  stdlib.FormatListFunc,
		"indent":      stdlib.IndentFunc,
		"join":        stdlib.JoinFunc,
		"lower":       stdlib.LowerFunc,
		"regex":       stdlib.RegexFunc,
		"regexall":    stdlib.RegexAllFunc,
		"replace":     replace,
		"split":       stdlib.SplitFunc,
		"startswith":  startsWith,
		"strcontains": strContains,
		"strrev":      stdlib.ReverseFunc,
		"substr":      stdlib.SubstrFunc,
		"title":       stdlib.TitleFunc,
		"trim":        stdlib.TrimFunc,
		"trimprefix":  stdlib.TrimPrefixFunc,
		"trimspace":   stdlib.TrimSpaceFunc,
		"trimsuffix":  stdlib.TrimSuffixFunc,
		"upper":       stdlib.UpperFunc,
	}
}

func collectionFunctions() map[string]function.Function {
	return map[string]function.Function{
		"alltrue":         allTrue,
		"anytrue":         anyTrue,
		"chunklist":       stdlib.ChunklistFunc,
		"coalesce":        collection.CoalesceFunc,
		"coalescelist":    stdlib.CoalesceListFunc,
		"compact":         stdlib.CompactFunc,
		"concat":          stdlib.ConcatFunc,
		"contains":        stdlib.ContainsFunc,
		"distinct":        stdlib.DistinctFunc,
		"element":         stdlib.ElementFunc,
		"flatten":         stdlib.FlattenFunc,
		"index":           index,
		"keys":            stdlib.KeysFunc,
		"length":          length,
		"lookup":          lookup,
		"matchkeys":       matchKeys,
		"merge":           stdlib.MergeFunc,
		"one":             one,
		"range":           stdlib.RangeFunc,
		"reverse":         stdlib.ReverseListFunc,
		"setintersection": stdlib.SetIntersectionFunc,
		"setproduct":      stdlib.SetProductFunc,
		"setsubtract":     stdlib.SetSubtractFunc,
		"setunion":        stdlib.SetUnionFunc,
		"slice":           stdlib.SliceFunc,
		"sort":            stdlib.SortFunc,
		"sum":             sum,
		"transpose":       transpose,
		"values":          stdlib.ValuesFunc,
		"zipmap":          stdlib.ZipmapFunc,
	}
}

func conversionFunctions() map[string]function.Function {
	return map[string]function.Function{
		"tobool":   stdlib.MakeToFunc(cty.Bool),
		"tolist":   stdlib.MakeToFunc(cty.List(cty.DynamicPseudoType)),
		"tomap":    stdlib.MakeToFunc(cty.Map(cty.DynamicPseudoType)),
		"tonumber": stdlib.MakeToFunc(cty.Number),
		"toset":    stdlib.MakeToFunc(cty.Set(cty.DynamicPseudoType)),
		"tostring": stdlib.MakeToFunc(cty.String),
	}
}

func timeFunctions(now time.Time) map[string]function.Function {
	return map[string]function.Function{
		"formatdate": stdlib.FormatDateFunc,
		"timeadd":    stdlib.TimeAddFunc,
		"timecmp":    timeCmp,
		"timestamp":  timestamp(now),
	}
}

func encodingFunctions() map[string]function.Function {
	functions := map[string]function.Function{
		"base64decode": base64Decode,
		"base64encode": base64Encode,
		"csvdecode":    stdlib.CSVDecodeFunc,
		"jsondecode":   stdlib.JSONDecodeFunc,
		"jsonencode":   stdlib.JSONEncodeFunc,
		"urlencode":    urlEncode,
		"uuidv5":       uuid.V5Func,
	}
	for _, h := range hashes {
		functions[h.name] = textFunction(cty.String, func(args []string) (cty.Value, error) {
			return h.sum([]byte(args[0])), nil
		}, "str")
	}
	return functions
}
