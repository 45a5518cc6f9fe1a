package redact

import (
	"math/big"
	"regexp"
	"strings"
)

// detector finds one kind of personal datum in free text.
type detector struct {
	pattern *regexp.Regexp
	// holds looks at a match more closely; nil takes every match.
	holds  func(match string) bool
	stands string // what stands in its place
}

// detectors find numbers, also where + is a space, as in URLs. Of those that
// overlap what begins first counts.
var detectors = []detector{
	{regexp.MustCompile(`\b[A-Z]{2}\d{2}(?:[ +]?[A-Z0-9]{4}){2,7}(?:[ +]?[A-Z0-9]{1,3})?\b`), isIBAN, "(iban)"},
	{regexp.MustCompile(`\+\d{1,3}(?:[ +./\x{a0}-]?\(?\d{1,4}\)?){2,6}\b`), isPhone, "(phone)"},
	{regexp.MustCompile(`\b\d(?:[ +\x{a0}\x{2010}-\x{2015}-]?\d){12,18}\b`), isCard, "(card)"},
	{regexp.MustCompile(`\b\d{3}-\d{2}-\d{4}\b`), isSSN, "(ssn)"},
	{regexp.MustCompile(`(?:\(\d{3}\)[ +]?|\b\d{3}[-. +])\d{3}[-. +]\d{4}\b`), nil, "(phone)"},
}

var email = regexp.MustCompile(`[\pL\pN._%+-][\pL\pN._%+'-]*@[\pL\pN](?:[\pL\pN-]*[\pL\pN])?(?:\.[\pL\pN](?:[\pL\pN-]*[\pL\pN])?)+`)

// personal masks card numbers, bank accounts, social security numbers, phone
// numbers and e-mail addresses in free text. It looks for what is written as
// such: a run of digits alone is not a phone number.
func personal(text string) string {
	for _, find := range []func(string) []span{findAddresses, findNumbers} {
		text = maskEscaped(text, find)
		text = splice(text, find(text))
	}
	return text
}

func findAddresses(text string) []span {
	if !strings.Contains(text, "@") {
		return nil
	}
	var spans []span
	for _, at := range email.FindAllStringIndex(text, -1) {
		spans = append(spans, span{at[0], at[1], "(email)"})
	}
	return spans
}

func findNumbers(text string) []span {
	if !hasLongNumber(text) {
		return nil
	}
	var spans []span
	for _, d := range detectors {
		for _, at := range d.pattern.FindAllStringIndex(text, -1) {
			if d.holds == nil || d.holds(text[at[0]:at[1]]) {
				spans = append(spans, span{at[0], at[1], d.stands})
			}
		}
	}
	return spans
}

// fewestDigits is how many digits the shortest number looked for has at least.
const fewestDigits = 8

// hasLongNumber reports whether digits stand together, as written in groups,
// in numbers that a detector could take. Most texts have none, and are spared
// the patterns.
func hasLongNumber(text string) bool {
	run := 0
	for _, c := range text {
		switch {
		case c >= '0' && c <= '9':
			if run++; run == fewestDigits {
				return true
			}
		case strings.ContainsRune(" +-./()\u00a0\u2010\u2011\u2012\u2013\u2014\u2015", c):
		default:
			run = 0
		}
	}
	return false
}

func digits(text string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, text)
}

// isCard checks a card number's issuer range and its Luhn digit (ISO/IEC 7812).
func isCard(match string) bool {
	number := digits(match)
	if number[0] < '2' || number[0] > '6' {
		return false
	}
	sum := 0
	for i := range number {
		n := int(number[len(number)-1-i] - '0')
		if i%2 == 1 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0
}

// isIBAN checks the two check digits (ISO 13616: the number modulo 97 is 1).
func isIBAN(match string) bool {
	account := strings.NewReplacer(" ", "", "+", "").Replace(match)
	if len(account) < 15 || len(account) > 34 {
		return false
	}
	var number strings.Builder
	for _, r := range account[4:] + account[:4] {
		if r >= 'A' {
			number.WriteString(big.NewInt(int64(r - 'A' + 10)).String())
		} else {
			number.WriteRune(r)
		}
	}
	n, ok := new(big.Int).SetString(number.String(), 10)
	return ok && n.Mod(n, big.NewInt(97)).Int64() == 1
}

// isSSN leaves out the ranges that are never issued.
func isSSN(match string) bool {
	return match[:3] != "000" && match[:3] != "666" && match[0] != '9' && match[4:6] != "00" && match[7:] != "0000"
}

// isPhone checks the length of an international number (ITU-T E.164).
func isPhone(match string) bool {
	n := len(digits(match))
	return n >= 8 && n <= 15
}
