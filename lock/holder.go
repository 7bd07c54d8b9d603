package lock

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Holder describes the process that holds a lock, for the messages of those that wait. Nothing
// depends on it, since it may be missing, out of date or half written.
type Holder struct {
	PID     int       `json:"pid"`
	TTY     string    `json:"tty,omitempty"` // the controlling terminal, "pts/3"
	Purpose string    `json:"purpose"`       // "a token for dev"
	Asking  bool      `json:"asking"`        // waiting for the user's answer
	Since   time.Time `json:"since"`
}

// The file's first byte is left to LockFileEx, which locks it against readers too; the
// text follows it. maxHolder bounds what is read back, in bytes.
const (
	holderOffset = 1
	maxHolder    = 1 << 10
)

// Describe replaces the description of the holder in the lock file. The process id and the time
// are filled in where they are zero. Failures are ignored.
func (h *Held) Describe(who Holder) {
	if who.PID == 0 {
		who.PID = os.Getpid()
	}
	if who.Since.IsZero() {
		who.Since = time.Now().Round(time.Second).UTC()
	}
	b, err := json.Marshal(who)
	if err != nil || len(b) > maxHolder {
		return
	}
	f, err := os.OpenFile(h.path, os.O_WRONLY|openFlags, 0)
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }()
	if _, err := f.WriteAt(b, holderOffset); err == nil {
		_ = f.Truncate(holderOffset + int64(len(b)))
	}
}

// ReadHolder reads the description of the last holder of the lock at path, which need not hold
// it any more. The strings come from a file: make them safe before a terminal shows them.
func ReadHolder(path string) (Holder, bool) {
	f, err := os.OpenFile(path, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return Holder{}, false
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.NewSectionReader(f, holderOffset, maxHolder))
	if err != nil {
		return Holder{}, false
	}
	var who Holder
	if json.Unmarshal(b, &who) != nil || who.PID <= 0 {
		return Holder{}, false
	}
	return who, true
}

// String is for a message: "pid 812 on pts/3, waiting for the user's answer, for a token for
// dev".
func (w Holder) String() string {
	if w.PID <= 0 {
		return "another process"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "pid %d", w.PID)
	if w.TTY != "" {
		fmt.Fprintf(&b, " on %s", w.TTY)
	}
	if w.Asking {
		b.WriteString(", waiting for the user's answer")
	}
	if w.Purpose != "" {
		fmt.Fprintf(&b, ", for %s", w.Purpose)
	}
	return b.String()
}
