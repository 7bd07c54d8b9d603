package cache_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sts-helper/sts-helper/cache"
)

// prepare makes the surroundings that the job asks for. Mount is "full" or "inodes" (a new
// tmpfs over Dir, with a record that has Old left if that is not 0, and then no room for
// another block or file), or "ro" (what is at Dir, read-only). Limit is "nofile=N", so many
// more than are open, or "fsize=N".
func (j job) prepare() error {
	switch j.Mount {
	case "ro":
		if err := unix.Mount(j.Dir, j.Dir, "", unix.MS_BIND, ""); err != nil {
			return err
		}
		if err := unix.Mount("", j.Dir, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
			return err
		}
	case "full", "inodes":
		if err := unix.Mount("tmpfs", j.Dir, "tmpfs", 0, "mode=0700,size=64k,nr_inodes=32"); err != nil {
			return err
		}
		if err := j.fill(); err != nil {
			return err
		}
	}
	name, value, ok := strings.Cut(j.Limit, "=")
	if !ok {
		return nil
	}
	n, err := strconv.ParseUint(value, 10, 64)
	if err != nil {
		return err
	}
	which := map[string]int{"nofile": unix.RLIMIT_NOFILE, "fsize": unix.RLIMIT_FSIZE}[name]
	if name == "nofile" {
		// Go's runtime ends the process where it cannot open its own poller.
		_, _ = os.ReadFile("/proc/self/comm")
		next, err := unix.Open("/", unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		n += uint64(next)
		_ = unix.Close(next)
	}
	if err := unix.Setrlimit(which, &unix.Rlimit{Cur: n, Max: n}); err != nil {
		return fmt.Errorf("%s: %w", j.Limit, err)
	}
	return nil
}

func (j job) fill() error {
	c, err := cache.Open(j.Dir)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if k := key(j.Who); j.Old != 0 {
		if err := cache.StoreAged(c, k, tok(k, 0, j.Old), time.Hour-j.Old); err != nil {
			return err
		}
	}
	for n := range 100_000 {
		path := filepath.Join(j.Dir, "ballast")
		if j.Mount == "inodes" {
			path += strconv.Itoa(n)
		}
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
		if err == nil && j.Mount == "full" {
			_, err = f.Write(make([]byte, 512))
		}
		_ = f.Close()
		if err != nil {
			return nil
		}
	}
	return fmt.Errorf("%s does not get full", j.Dir)
}
