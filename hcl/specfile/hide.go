package specfile

import (
	"bytes"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// shortestHidden is the length, in bytes, from which a secret is hidden also
// inside of a longer text.
const shortestHidden = 3

// Hide answers copies of files, to illustrate diagnostics, in whose literals
// secrets are replaced by stars. Everything stands where it stood.
func Hide(files map[string]*hcl.File, diags hcl.Diagnostics, secrets []string) map[string]*hcl.File {
	shown := make(map[string]*hcl.File, len(files))
	for _, d := range diags {
		if d.Subject == nil {
			continue
		}
		name := d.Subject.Filename
		if file := files[name]; file != nil && shown[name] == nil {
			shown[name] = &hcl.File{Body: file.Body, Nav: file.Nav, Bytes: hide(file.Bytes, name, secrets)}
		}
	}
	return shown
}

func hide(source []byte, name string, secrets []string) []byte {
	hidden := bytes.Clone(source)
	// What cannot be read has no literals that somebody took a secret from.
	tokens, _ := hclsyntax.LexConfig(source, name, hcl.InitialPos)
	from := -1 // where the literal begins: an escape parts it into several tokens
	for _, token := range tokens {
		switch token.Type {
		case hclsyntax.TokenQuotedLit, hclsyntax.TokenStringLit, hclsyntax.TokenNumberLit:
			if from < 0 {
				from = token.Range.Start.Byte
			}
		default:
			if from >= 0 {
				hideIn(hidden[from:token.Range.Start.Byte], secrets)
			}
			from = -1
		}
	}
	return hidden
}

// written is how a text stands in a quoted literal.
var written = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "${", "$${", "%{", "%%{")

func hideIn(literal []byte, secrets []string) {
	for _, secret := range secrets {
		for _, form := range []string{secret, written.Replace(secret)} {
			switch {
			case form == "":
			case string(literal) == form:
				copy(literal, stars(form))
			case len(form) >= shortestHidden:
				copy(literal, bytes.ReplaceAll(literal, []byte(form), stars(form)))
			}
		}
	}
}

// stars take the place of a text, in as many lines.
func stars(text string) []byte {
	hidden := []byte(text)
	for i, c := range hidden {
		if c != '\n' {
			hidden[i] = '*'
		}
	}
	return hidden
}
