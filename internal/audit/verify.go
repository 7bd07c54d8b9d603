package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
)

// Report is what [Verify] found.
type Report struct {
	Lines  int `json:"lines"`
	Files  int `json:"files"`
	Breaks int `json:"breaks"` // where the log itself says that the chain begins anew
	// Wrong has each place where a line does not follow from the one before: FILE:LINE and what is wrong.
	Wrong []string `json:"wrong"`
	// Head is the hash of the last line: what is compared later to see whether the end was cut off.
	Head string `json:"head"`
}

// Verify reads a log, the files that were put aside before the present one, and compares each line with
// the hash in the next. It cannot see lines that are missing at the very end, nor a chain that was made
// anew by a user who may write the file.
func Verify(path string) (Report, error) {
	r := Report{Wrong: []string{}}
	var files []string
	for n := kept; n > 0; n-- {
		name := path + "." + strconv.Itoa(n)
		if _, err := os.Lstat(name); err == nil {
			files = append(files, name)
		}
	}
	// previous are the hashes that the next line may have: that of the line before and, where that is a
	// break, which may have come between a look at the end of the file and the line for it, of the one before that.
	previous, first, half := []string{""}, true, false
	for _, name := range append(files, path) {
		f, err := os.Open(name)
		if errors.Is(err, fs.ErrNotExist) && len(files) > 0 && name == path {
			break // just put aside
		}
		if err != nil {
			return r, err
		}
		r.Files++
		in := bufio.NewReaderSize(f, block)
		for n := 1; ; n++ {
			line, err := in.ReadBytes('\n')
			if len(line) == 0 {
				break
			}
			r.Lines++
			where := name + ":" + strconv.Itoa(n) + ": "
			var l Line
			switch {
			case err != nil:
				r.Wrong = append(r.Wrong, where+"the line is not whole")
			case json.Unmarshal(bytes.TrimSpace(line), &l) != nil || l.Version != 1:
				r.Wrong = append(r.Wrong, where+"this is no line of the log")
			case l.Break != "":
				r.Breaks++
				if half && l.Break == notWhole {
					// It was never a line.
					r.Lines--
					r.Wrong = r.Wrong[:len(r.Wrong)-1]
				}
			case first && len(files) > 0 || slices.Contains(previous, l.Previous):
				// The oldest file that is kept begins where an older one ended.
			default:
				r.Wrong = append(r.Wrong, where+"it does not follow from the line before, which was changed, or taken out")
			}
			half = !json.Valid(line)
			if first = false; l.Break == "" {
				previous = nil
			}
			r.Head = hashOf(line)
			previous = append(previous, r.Head)
			if err != nil {
				break
			}
		}
		if err := f.Close(); err != nil {
			return r, err
		}
	}
	return r, nil
}

// String is the report in a sentence.
func (r Report) String() string {
	s := fmt.Sprintf("%d lines in %d files; the chain is whole", r.Lines, r.Files)
	if len(r.Wrong) > 0 {
		s = fmt.Sprintf("%d lines in %d files; %d do not follow from the line before", r.Lines, r.Files, len(r.Wrong))
	}
	if r.Breaks > 0 {
		s += fmt.Sprintf("; it begins anew in %d places, as those lines say", r.Breaks)
	}
	return s
}
