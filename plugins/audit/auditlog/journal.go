package auditlog

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// frame is one write in the journal: a line of JSON. The records' lines are
// encoded in it, so that a search through the folder finds each record once.
type frame struct {
	Segment    string `json:"segment"` // where the lines go
	Offset     int64  `json:"offset"`  // from which byte on
	Records    int64  `json:"records"` // number of the lines
	Lines      []byte `json:"lines"`
	Sum        string `json:"sum"`        // of the lines, so that a torn write can be told
	Checkpoint string `json:"checkpoint"` // signed, of the log with the lines

	start int64  // where the frame begins in the journal
	text  []byte // as it stands there
}

func newFrame(segment string, offset int64, lines []byte, records int64, checkpoint string) frame {
	f := frame{Segment: segment, Offset: offset, Records: records, Lines: lines, Sum: lineSum(lines), Checkpoint: checkpoint}
	f.text = f.encode()
	return f
}

func lineSum(lines []byte) string {
	sum := sha256.Sum256(lines)
	return hex.EncodeToString(sum[:16])
}

func (f *frame) encode() []byte {
	encoded, err := json.Marshal(f)
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	return append(encoded, '\n')
}

// end is where the frame ends in the journal.
func (f *frame) end() int64 { return f.start + int64(len(f.text)) }

// segmentEnd is where its lines end in their segment.
func (f *frame) segmentEnd() int64 { return f.Offset + int64(len(f.Lines)) }

// parseFrames reads whole frames off the beginning of data, which stands at
// start in the journal, and answers how many bytes they take. What follows was
// torn, or is not of a writer's making.
func parseFrames(data []byte, start int64) (frames []frame, length int64) {
	for {
		f, ok := parseFrame(data[length:])
		if !ok {
			return frames, length
		}
		f.start = start + length
		length += int64(len(f.text))
		frames = append(frames, f)
	}
}

func parseFrame(data []byte) (f frame, ok bool) {
	newline := bytes.IndexByte(data, '\n')
	if newline < 0 || json.Unmarshal(data[:newline], &f) != nil {
		return frame{}, false
	}
	f.text = data[:newline+1]
	_, _, named := parseSegmentName(f.Segment)
	whole := len(f.Lines) == 0 || f.Lines[len(f.Lines)-1] == '\n'
	return f, named && whole && f.Offset >= 0 && lineSum(f.Lines) == f.Sum &&
		int64(bytes.Count(f.Lines, []byte("\n"))) == f.Records && bytes.Equal(f.encode(), f.text)
}
