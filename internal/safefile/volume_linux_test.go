package safefile_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/sts-helper/sts-helper/internal/safefile"
)

const fsGroup = 54321

// onVolume calls f with a volume, which is mounted for the thread that f runs on alone.
func onVolume(t *testing.T, f func(t *testing.T, volume string)) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount a volume")
	}
	volume := t.TempDir()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := syscall.Unshare(syscall.CLONE_NEWNS | syscall.CLONE_FS); err != nil {
			t.Error(err)
			return
		}
		if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
			t.Error(err)
			return
		}
		if err := syscall.Mount("tmpfs", volume, "tmpfs", 0, "mode=0777"); err != nil {
			t.Error(err)
			return
		}
		f(t, volume)
	}()
	<-done
}

// kubelet does to a volume what its changeFilePermission does for fsGroup: links get the group only.
func kubelet(t *testing.T, volume string) {
	err := filepath.Walk(volume, func(path string, info fs.FileInfo, err error) error {
		if err != nil {
			return err
		}
		if err := os.Lchown(path, -1, fsGroup); err != nil || info.Mode()&fs.ModeSymlink != 0 {
			return err
		}
		mask := fs.FileMode(0o660)
		if info.IsDir() {
			mask |= fs.ModeSetgid | 0o110
		}
		return os.Chmod(path, info.Mode()|mask)
	})
	if err != nil {
		t.Error(err)
	}
}

func modeOf(t *testing.T, path string) fs.FileMode {
	info, err := os.Lstat(path)
	if err != nil {
		t.Error(err)
		return 0
	}
	return info.Mode() & (fs.ModePerm | fs.ModeSetgid)
}

// What Kubernetes does for fsGroup is undone: to what is ours, in a volume, and to nothing else.
func TestRepairVolume(t *testing.T) {
	const shared = fs.ModeSetgid | 0o770
	for name, tt := range map[string]struct {
		change   func(volume, cache string) error // after kubelet
		repaired int
	}{
		"as kubelet leaves it":            {func(_, _ string) error { return nil }, 5},
		"others may use it too":           {func(_, cache string) error { return syscall.Chmod(cache, 0o2777) }, 0},
		"another user's":                  {func(_, cache string) error { return os.Chown(cache, 1, fsGroup) }, 0},
		"a group by hand, without setgid": {func(_, cache string) error { return syscall.Chmod(cache, 0o770) }, 0},
		"of another group than the volume": {func(volume, _ string) error {
			return os.Chown(volume, -1, fsGroup+1)
		}, 0},
		"in a volume of no group": {func(volume, _ string) error { return syscall.Chmod(volume, 0o777) }, 0},
		"by a link": {func(_, cache string) error {
			if err := os.Rename(cache, cache+"2"); err != nil {
				return err
			}
			return os.Symlink(cache+"2", cache)
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			onVolume(t, func(t *testing.T, volume string) {
				cache, outside := filepath.Join(volume, "home", "cache"), filepath.Join(volume, "outside")
				check := func(err error) {
					if err != nil {
						t.Error(err)
					}
				}
				check(os.MkdirAll(filepath.Join(cache, "v1"), 0o700))
				for _, file := range []string{"v1/record", "key", "twice", "foreign", "open"} {
					check(os.WriteFile(filepath.Join(cache, file), []byte("CANARY"), 0o600))
				}
				check(os.WriteFile(outside, nil, 0o600))
				check(os.Mkdir(outside+".d", 0o700))
				check(os.Symlink(outside, filepath.Join(cache, "link")))
				check(os.Symlink(outside+".d", filepath.Join(cache, "link.d")))
				check(os.Symlink("foreign", filepath.Join(cache, "inside")))
				check(os.Link(filepath.Join(cache, "twice"), outside+".twice"))
				check(syscall.Mkfifo(filepath.Join(cache, "fifo"), 0o600))
				check(os.Mkdir(filepath.Join(cache, "locks"), 0o700))
				kubelet(t, volume)
				check(os.Chown(filepath.Join(cache, "foreign"), 1, fsGroup))
				check(os.Chmod(filepath.Join(cache, "open"), 0o666))
				check(tt.change(volume, cache))

				if n := safefile.RepairVolume(cache); n != tt.repaired {
					t.Errorf("%d repaired, want %d", n, tt.repaired)
				}
				if tt.repaired == 0 {
					if mode := modeOf(t, filepath.Join(cache, "key")); mode != 0o660 {
						t.Errorf("a file of a directory that is refused: %v", mode)
					}
					return
				}
				check(safefile.PrivateDir(cache))
				for path, want := range map[string]fs.FileMode{
					"": 0o700, "v1": 0o700, "locks": 0o700, "v1/record": 0o600, "key": 0o600,
					"twice": 0o660, "foreign": 0o660, "open": 0o666, "fifo": 0o660,
					"../../outside": 0o660, "../../outside.d": shared, "..": fs.ModeSetgid | 0o770, "../..": fs.ModeSetgid | 0o777,
				} {
					if mode := modeOf(t, filepath.Join(cache, path)); mode.Perm() != want.Perm() {
						t.Errorf("%q is %v, want %v", path, mode, want)
					}
				}
				if n := safefile.RepairVolume(cache); n != 0 {
					t.Errorf("%d repaired again", n)
				}
			})
		})
	}
}

// On the file system of the machine or the container itself there is no volume.
func TestRepairNoVolume(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Chmod(dir, 0o2770); err != nil {
		t.Fatal(err)
	}
	if n := safefile.RepairVolume(dir); n != 0 {
		t.Errorf("%d repaired", n)
	}
}
