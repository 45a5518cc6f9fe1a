package auditlog

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// frame is one write in the journal: a line of JSON, then the records' lines.
type frame struct {
	Segment    string `json:"segment"`    // where the lines go
	Offset     int64  `json:"offset"`     // from which byte on
	Bytes      int64  `json:"bytes"`      // length of the lines
	Records    int64  `json:"records"`    // number of the lines
	Sum        string `json:"sum"`        // of the lines, so that a torn write can be told
	Checkpoint string `json:"checkpoint"` // signed, of the log with the lines

	start int64 // where the frame begins in the journal
	lines []byte
}

func newFrame(segment string, offset int64, lines []byte, records int64, checkpoint string) frame {
	return frame{
		Segment: segment, Offset: offset, Bytes: int64(len(lines)), Records: records,
		Sum: lineSum(lines), Checkpoint: checkpoint, lines: lines,
	}
}

func lineSum(lines []byte) string {
	sum := sha256.Sum256(lines)
	return hex.EncodeToString(sum[:16])
}

// header is the frame's first line.
func (f *frame) header() []byte {
	encoded, err := json.Marshal(f)
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	return append(encoded, '\n')
}

func (f *frame) encode() []byte { return append(f.header(), f.lines...) }

// end is where the frame ends in the journal.
func (f *frame) end() int64 { return f.start + int64(len(f.header())) + f.Bytes }

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
		length += f.end() - f.start
		frames = append(frames, f)
	}
}

func parseFrame(data []byte) (f frame, ok bool) {
	newline := bytes.IndexByte(data, '\n')
	if newline < 0 || json.Unmarshal(data[:newline], &f) != nil {
		return frame{}, false
	}
	rest := data[newline+1:]
	if f.Bytes < 0 || f.Bytes > int64(len(rest)) || f.Offset < 0 {
		return frame{}, false
	}
	f.lines = rest[:f.Bytes]
	_, _, named := parseSegmentName(f.Segment)
	whole := f.Bytes == 0 || f.lines[f.Bytes-1] == '\n'
	return f, named && whole && lineSum(f.lines) == f.Sum &&
		int64(bytes.Count(f.lines, []byte("\n"))) == f.Records &&
		bytes.Equal(f.header(), data[:newline+1])
}
