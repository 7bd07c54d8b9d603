package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/sts-helper/sts-helper/imds"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/render"
	"github.com/sts-helper/sts-helper/internal/safefile"
	"github.com/sts-helper/sts-helper/internal/settings"
)

// maxOwnFile bounds what is read of files this program wrote.
const maxOwnFile = 8 << 10

func unsafeFile(format string, args ...any) error {
	return &failure.Error{Class: failure.Configuration, Text: fmt.Sprintf(format, args...)}
}

// secrets finds or makes the bearer token and the key for session tokens, and gives the
// token's file, "" where nothing needs a token.
func (e *endpoint) secrets(s *servePlan) (tokenFile string, err error) {
	if s.instance != nil {
		e.key = e.sessionKey(s)
	}
	if e.agent != nil || !slices.ContainsFunc(s.profiles, func(p imds.Profile) bool { return !p.NoContainer }) {
		return "", nil
	}
	tokenFile = e.flags.tokenFile
	if tokenFile == "" {
		dir, err := e.runtimeDir(s)
		if err != nil {
			return "", err
		}
		tokenFile = filepath.Join(dir, tokenName(s))
	}
	if tokenFile, err = filepath.Abs(tokenFile); err != nil {
		return "", err
	}
	_, held := envLine(runtime.GOOS, render.Variable{Value: clientPath(runtime.GOOS, tokenFile)})
	if e.flags.envFile != "" && e.flags.envFormat == formatEnv && e.flags.envToken != tokenAsVariable && !held {
		return "", unsafeFile("the token file's path %s has characters that an env-file cannot hold; name another with --token-file, or choose another --env-format", display.Safe(tokenFile))
	}
	e.mark = markRun(tokenFile)
	e.bearer, err = bearerToken(tokenFile, e.mark.unclean)
	if err == nil && e.mark.unclean {
		e.log.Warn("the last run did not end cleanly, so there is a new bearer token", "file", tokenFile)
	}
	e.tokenFile = tokenFile
	return tokenFile, err
}

// sessionKey is the key that signs IMDSv2 session tokens. Where none can be kept, clients
// have to get new session tokens after a restart; most do by themselves.
func (e *endpoint) sessionKey(s *servePlan) []byte {
	c, err := s.providers[0].Cache()
	if c != nil {
		var key []byte
		if key, err = imds.LoadOrCreateKey(c.Path()); err == nil {
			return key
		}
	}
	reason := "there is no cache"
	if err != nil {
		reason = err.Error()
	}
	e.log.Warn("the key for session tokens is not kept: clients lose theirs at a restart", "reason", reason)
	return imds.NewKey()
}

// runtimeDir is where the token file is by default: sts-helper in the user's own runtime
// directory (XDG base directory specification), else the cache's directory. The system's
// directory for temporary files is private to no user and never used.
func (e *endpoint) runtimeDir(s *servePlan) (string, error) {
	var dir string
	if run := e.env.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(run) {
		if err := safefile.PrivateDir(run); err != nil {
			return "", unsafeFile("XDG_RUNTIME_DIR: %s: %v; unset it, or name a file with --token-file", run, err)
		}
		dir = filepath.Join(run, "sts-helper")
	} else {
		var err error
		if dir, err = settings.CacheDir(s.providers[0].Request().CacheDir, e.env); err != nil {
			return "", unsafeFile("there is no place for the token: %v, or a file with --token-file", err)
		}
	}
	if err := safefile.MakePrivateDir(dir); err != nil {
		return "", unsafeFile("there is no place for the token: %s: %v; name a file with --token-file", dir, err)
	}
	return dir, nil
}

// tokenName is the default name of the token file. Servers of different profiles have
// different tokens, so that a client of one cannot ask the other.
func tokenName(s *servePlan) string {
	var names []string
	for _, p := range s.profiles {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	name := strings.Join(names, "~") // which no name contains
	if len(name) > 100 {
		sum := sha256.Sum256([]byte(name))
		name = hex.EncodeToString(sum[:16])
	}
	return name + ".token"
}

// clientAddress is the listener that most clients can use: on 127.0.0.1, which not all can
// do without, else the first.
func clientAddress(listeners []net.Listener) string {
	for _, ln := range listeners {
		if a, err := netip.ParseAddrPort(ln.Addr().String()); err == nil && a.Addr().Unmap() == netip.AddrFrom4([4]byte{127, 0, 0, 1}) {
			return ln.Addr().String()
		}
	}
	a, err := netip.ParseAddrPort(listeners[0].Addr().String())
	if err != nil || !a.Addr().IsUnspecified() {
		return listeners[0].Addr().String()
	}
	// "Every address" is none that a client can name: the Host guard refuses it.
	loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if a.Addr().Is6() && onlyIPv6(listeners[0]) {
		loopback = netip.IPv6Loopback()
	}
	return netip.AddrPortFrom(loopback, a.Port()).String()
}

// onlyIPv6 reports whether a listener on [::] does not take IPv4 too, as systemd's
// BindIPv6Only=ipv6-only and some systems have it.
func onlyIPv6(ln net.Listener) bool {
	c, ok := ln.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := c.SyscallConn()
	only := false
	if err == nil {
		_ = raw.Control(func(fd uintptr) { only = v6Only(fd) })
	}
	return only
}

// envFile is the file from which clients learn where the server is.
type envFile struct {
	dir     *os.Root
	path    string
	written fs.FileInfo
}

// openEnvFile looks whether the file can be written. One that is there and not of this
// program's making is refused. One that a server left, which did not end cleanly, is taken away,
// so that no client goes to an address that another user may have taken meanwhile.
func openEnvFile(path string) (*envFile, error) {
	dir, err := openDir(path)
	if err != nil {
		return nil, err
	}
	f := &envFile{dir: dir, path: path}
	old, err := readOwn(dir, path)
	if err == nil && !ownVariables(old) {
		err = unsafeFile("%s holds something else than the variables written here; name another file with --env-file", path)
	}
	if err != nil {
		_ = dir.Close()
		return nil, err
	}
	if addresses := addressesOf(old); len(addresses) > 0 && !slices.ContainsFunc(addresses, func(a string) bool { return !stale(a) }) {
		_ = dir.Remove(filepath.Base(path))
	}
	return f, nil
}

func (f *envFile) write(text string) error {
	err := writeOwn(f.dir, f.path, []byte(text))
	if err == nil {
		f.written, _ = f.dir.Lstat(filepath.Base(f.path))
	}
	return err
}

// close removes the file if it still is the one that was written: a server that was started
// since may have put its own there.
func (f *envFile) close() {
	if now, err := f.dir.Lstat(filepath.Base(f.path)); err == nil && f.written != nil && os.SameFile(now, f.written) {
		_ = f.dir.Remove(filepath.Base(f.path))
	}
	_ = f.dir.Close()
}

// openDir opens the directory of path, which is made where it is missing, and refuses one in
// which other users could put another file under the name.
func openDir(path string) (*os.Root, error) {
	name := filepath.Dir(path)
	dir, err := safefile.OpenTrustedDir(name)
	if err != nil {
		return nil, unsafeFile("%s cannot be written safely: the directory %s: %v", path, name, err)
	}
	return dir, nil
}

// readOwn reads a small private file; none is empty.
func readOwn(dir *os.Root, path string) ([]byte, error) {
	data, err := safefile.ReadPrivate(dir, filepath.Base(path), maxOwnFile)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return data, nil
	}
	return nil, unsafeFile("%s: %v; remove it, or name another", path, err)
}

func writeOwn(dir *os.Root, path string, data []byte) error {
	if err := safefile.Write(dir, filepath.Base(path), data, safefile.Synced); err != nil {
		return unsafeFile("%s cannot be written: %v", path, err)
	}
	return nil
}
