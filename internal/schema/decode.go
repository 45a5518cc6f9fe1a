package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// The limits on a number in a document. Beyond them lies what no float64
// holds and what takes megabytes to write out in full.
const (
	maxNumberLength = 400
	maxExponent     = 400
)

// Decode reads one JSON document into the types of encoding/json, with
// numbers kept exact as json.Number. A number of absurd length or exponent
// is an error, as is anything after the document.
func Decode(document []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("not JSON: the document is empty")
		}
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("not JSON: something follows the document")
	}
	if err := checkNumbers(value); err != nil {
		return nil, err
	}
	return value, nil
}

func checkNumbers(value any) error {
	switch value := value.(type) {
	case json.Number:
		return checkNumber(string(value))
	case []any:
		for _, element := range value {
			if err := checkNumbers(element); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, element := range value {
			if err := checkNumbers(element); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkNumber(number string) error {
	if len(number) > maxNumberLength {
		return fmt.Errorf("a number has %d characters, more than %d", len(number), maxNumberLength)
	}
	at := strings.IndexAny(number, "eE")
	if at < 0 {
		return nil
	}
	exponent, err := strconv.Atoi(number[at+1:])
	if err != nil || exponent > maxExponent || exponent < -maxExponent {
		return fmt.Errorf("a number has an exponent beyond ±%d", maxExponent)
	}
	return nil
}
