package safefile_test

import (
	"io/fs"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sts-helper/sts-helper/internal/safefile"
)

func TestPassingErrors(t *testing.T) {
	for _, tc := range []struct {
		goos string
		err  error
		want bool
	}{
		{"windows", &os.LinkError{Op: "rename", Err: syscall.Errno(5)}, true},
		{"windows", &os.LinkError{Op: "rename", Err: syscall.Errno(32)}, true},
		{"windows", syscall.Errno(33), true},
		{"windows", syscall.Errno(2), false},   // there is no such file
		{"windows", syscall.Errno(112), false}, // the disk is full
		{"windows", fs.ErrPermission, false},
		{"windows", nil, false},
		{"linux", syscall.Errno(5), false}, // EIO
		{"darwin", syscall.Errno(32), false},
	} {
		if got := safefile.PassesOn(tc.goos, tc.err); got != tc.want {
			t.Errorf("%s, %v: %v", tc.goos, tc.err, got)
		}
	}
}

// A file that is open elsewhere is waited for, two seconds and a little; what will not pass is not.
func TestTryAgain(t *testing.T) {
	busy := syscall.Errno(32)
	passes := func(err error) bool { return err == busy }
	for _, tc := range []struct {
		name        string
		closed      time.Duration // when the other program closes the file
		then, want  error
		least, most time.Duration
	}{
		{"at once", 0, nil, nil, 0, 0},
		{"soon", 300 * time.Millisecond, nil, nil, 300 * time.Millisecond, 360 * time.Millisecond},
		{"never", time.Hour, nil, busy, 2 * time.Second, 2100 * time.Millisecond},
		{"another error at once", 0, fs.ErrNotExist, fs.ErrNotExist, 0, 0},
		{"another error later", 100 * time.Millisecond, fs.ErrNotExist, fs.ErrNotExist, 100 * time.Millisecond, 160 * time.Millisecond},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				err := safefile.TryAgain(func() error {
					if time.Since(start) < tc.closed {
						return busy
					}
					return tc.then
				}, passes)
				if took := time.Since(start); err != tc.want || took < tc.least || took > tc.most {
					t.Errorf("%v after %v", err, took)
				}
			})
		})
	}
}
