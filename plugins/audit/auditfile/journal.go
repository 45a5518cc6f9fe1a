package auditfile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// Frame is one write in the journal: a line of JSON. The records' lines are
// encoded in it, so that a search through the folder finds each record once.
type Frame struct {
	Segment    string `json:"segment"` // where the lines go
	Offset     int64  `json:"offset"`  // from which byte on
	Records    int64  `json:"records"` // number of the lines
	Lines      []byte `json:"lines"`
	Sum        string `json:"sum"`        // of the lines, so that a torn write can be told
	Checkpoint string `json:"checkpoint"` // signed, of the log with the lines

	Start int64  `json:"-"` // where the frame begins in the journal
	Text  []byte `json:"-"` // as it stands there
}

// NewFrame is the frame of a write. Where it stands in the journal is not said yet.
func NewFrame(segment string, offset int64, lines []byte, records int64, checkpoint string) Frame {
	f := Frame{Segment: segment, Offset: offset, Records: records, Lines: lines, Sum: lineSum(lines), Checkpoint: checkpoint}
	f.Text = f.encode()
	return f
}

func lineSum(lines []byte) string {
	sum := sha256.Sum256(lines)
	return hex.EncodeToString(sum[:16])
}

func (f *Frame) encode() []byte {
	encoded, err := json.Marshal(f)
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	return append(encoded, '\n')
}

// End is where the frame ends in the journal.
func (f *Frame) End() int64 { return f.Start + int64(len(f.Text)) }

// SegmentEnd is where its lines end in their segment.
func (f *Frame) SegmentEnd() int64 { return f.Offset + int64(len(f.Lines)) }

// ParseFrames reads whole frames off the beginning of data, which stands at
// start in the journal, and answers how many bytes they take. What follows was
// torn, or is not of a writer's making.
func ParseFrames(data []byte, start int64) (frames []Frame, length int64) {
	for {
		f, ok := parseFrame(data[length:])
		if !ok {
			return frames, length
		}
		f.Start = start + length
		length += int64(len(f.Text))
		frames = append(frames, f)
	}
}

func parseFrame(data []byte) (f Frame, ok bool) {
	newline := bytes.IndexByte(data, '\n')
	if newline < 0 || json.Unmarshal(data[:newline], &f) != nil {
		return Frame{}, false
	}
	f.Text = data[:newline+1]
	_, _, named := ParseSegmentName(f.Segment)
	whole := len(f.Lines) == 0 || f.Lines[len(f.Lines)-1] == '\n'
	return f, named && whole && f.Offset >= 0 && lineSum(f.Lines) == f.Sum &&
		int64(bytes.Count(f.Lines, []byte("\n"))) == f.Records && bytes.Equal(f.encode(), f.Text)
}
