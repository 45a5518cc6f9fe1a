package specfunc

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// textFunction makes a function of strings.
func textFunction(result cty.Type, impl func(args []string) (cty.Value, error), params ...string) function.Function {
	spec := &function.Spec{
		Type:         function.StaticReturnType(result),
		RefineResult: func(b *cty.RefinementBuilder) *cty.RefinementBuilder { return b.NotNull() },
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			texts := make([]string, len(args))
			for i, arg := range args {
				texts[i] = arg.AsString()
			}
			return impl(texts)
		},
	}
	for _, name := range params {
		spec.Params = append(spec.Params, function.Parameter{Name: name, Type: cty.String})
	}
	return function.New(spec)
}

var startsWith = textFunction(cty.Bool, func(args []string) (cty.Value, error) {
	return cty.BoolVal(strings.HasPrefix(args[0], args[1])), nil
}, "str", "prefix")

var endsWith = textFunction(cty.Bool, func(args []string) (cty.Value, error) {
	return cty.BoolVal(strings.HasSuffix(args[0], args[1])), nil
}, "str", "suffix")

var strContains = textFunction(cty.Bool, func(args []string) (cty.Value, error) {
	return cty.BoolVal(strings.Contains(args[0], args[1])), nil
}, "str", "substr")

// replace takes a substring in slashes as a regular expression.
var replace = textFunction(cty.String, func(args []string) (cty.Value, error) {
	text, old, replacement := args[0], args[1], args[2]
	if len(old) > 1 && strings.HasPrefix(old, "/") && strings.HasSuffix(old, "/") {
		return stdlib.RegexReplace(cty.StringVal(text), cty.StringVal(old[1:len(old)-1]), cty.StringVal(replacement))
	}
	return cty.StringVal(strings.ReplaceAll(text, old, replacement)), nil
}, "str", "substr", "replace")

var base64Encode = textFunction(cty.String, func(args []string) (cty.Value, error) {
	return cty.StringVal(base64.StdEncoding.EncodeToString([]byte(args[0]))), nil
}, "str")

var base64Decode = textFunction(cty.String, func(args []string) (cty.Value, error) {
	decoded, err := base64.StdEncoding.DecodeString(args[0])
	if err != nil {
		return cty.NilVal, function.NewArgErrorf(0, "not base64: %w", err)
	}
	if !utf8.Valid(decoded) {
		return cty.NilVal, function.NewArgErrorf(0, "the decoded bytes are not text in UTF-8")
	}
	return cty.StringVal(string(decoded)), nil
}, "str")

var urlEncode = textFunction(cty.String, func(args []string) (cty.Value, error) {
	return cty.StringVal(url.QueryEscape(args[0])), nil
}, "str")

// hashing is a digest under the name of its function.
type hashing struct {
	name   string
	new    func() hash.Hash
	encode func([]byte) string
}

var hashes = []hashing{
	{"md5", md5.New, hex.EncodeToString},
	{"sha1", sha1.New, hex.EncodeToString},
	{"sha256", sha256.New, hex.EncodeToString},
	{"sha512", sha512.New, hex.EncodeToString},
	{"base64sha256", sha256.New, base64.StdEncoding.EncodeToString},
	{"base64sha512", sha512.New, base64.StdEncoding.EncodeToString},
}

func (h hashing) sum(data []byte) cty.Value {
	digest := h.new()
	digest.Write(data)
	return cty.StringVal(h.encode(digest.Sum(nil)))
}

func timestamp(now time.Time) function.Function {
	return textFunction(cty.String, func([]string) (cty.Value, error) {
		return cty.StringVal(now.UTC().Format(time.RFC3339)), nil
	})
}

var timeCmp = textFunction(cty.Number, func(args []string) (cty.Value, error) {
	var times [2]time.Time
	for i, text := range args {
		parsed, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return cty.NilVal, function.NewArgError(i, errors.New("not a timestamp of RFC 3339, such as 2026-01-02T03:04:05Z"))
		}
		times[i] = parsed
	}
	return cty.NumberIntVal(int64(times[0].Compare(times[1]))), nil
}, "timestamp_a", "timestamp_b")
