package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/assay-cx/assay/internal/result"
)

// jsonReport writes the result document, a vector a line.
type jsonReport struct {
	to      io.Writer
	vectors *spool
	count   int
	err     error
}

func newJSON(to io.Writer) (*jsonReport, error) {
	vectors, err := newSpool()
	if err != nil {
		return nil, err
	}
	return &jsonReport{to: to, vectors: vectors}, nil
}

func (r *jsonReport) Started(string, string) {}

func (r *jsonReport) Finished(v result.Vector) {
	if r.err != nil {
		return
	}
	encoded, err := json.Marshal(v)
	if err != nil {
		r.err = fmt.Errorf("vector %s: %w", v.Name, err)
		return
	}
	if r.count++; r.count > 1 {
		encoded = append([]byte(",\n"), encoded...)
	}
	_, r.err = r.vectors.Write(encoded)
}

func (r *jsonReport) Close(run result.Run) error {
	defer r.vectors.close()
	if r.err != nil {
		return r.err
	}
	if err := r.vectors.Flush(); err != nil {
		return err
	}
	header, err := json.Marshal(run)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(r.to, "%s,\"vectors\":[\n", bytes.TrimSuffix(header, []byte("}"))); err != nil {
		return err
	}
	if _, err := io.Copy(r.to, r.vectors.section(0, r.vectors.offset())); err != nil {
		return err
	}
	_, err = io.WriteString(r.to, "\n]}\n")
	return err
}
