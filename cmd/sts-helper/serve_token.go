package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sts-helper/sts-helper/imds"
	"github.com/sts-helper/sts-helper/lock"
)

// runMark is a file beside the token file while a server runs. One that is left says that the last
// run did not end cleanly: another user may have taken the port since, and clients, which still
// had the address, have sent the token there.
type runMark struct {
	path    string
	held    *lock.Held // nil where another server marks the same token file
	unclean bool       // the run before did not end cleanly
}

// markRun marks a run. A server that runs at the same time has the same token.
func markRun(tokenFile string) runMark {
	m := runMark{path: tokenFile + ".running"}
	dir, err := openDir(tokenFile)
	if err != nil {
		return m // as is said when the token is looked for
	}
	_ = dir.Close()
	_, err = os.Lstat(m.path)
	m.held, _ = lock.Try(m.path, lock.Holder{Purpose: "serving credentials"})
	m.unclean = err == nil && m.held != nil
	return m
}

// end takes the mark away after a run that ended cleanly.
func (m runMark) end(clean bool) {
	if m.held == nil {
		return
	}
	removed := !clean || os.Remove(m.path) == nil
	m.held.Release()
	if !removed { // Windows removes no file that is open
		_ = os.Remove(m.path)
	}
}

// bearerToken is the token in the file. One that is there already is kept, so that clients live
// on when the server is restarted; an empty or missing file gets a new one, and so does one whose
// token may be known to others (renew).
func bearerToken(path string, renew bool) (string, error) {
	dir, err := openDir(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = dir.Close() }()
	data, err := readOwn(dir, path)
	if err != nil {
		return "", err
	}
	if text := string(data); text != "" {
		if !imds.ValidBearerToken(text) {
			return "", unsafeFile("%s holds something else than a token (16 to 512 of A-Z a-z 0-9 _ -, no line end); name another file with --token-file, or remove this one", path)
		}
		if !renew {
			return text, nil
		}
	}
	token := imds.NewBearerToken()
	return token, writeOwn(dir, path, []byte(token))
}

// keepTokenFile writes the token's file again where it was deleted: clients read it for each request.
func (e *endpoint) keepTokenFile() {
	if e.tokenFile == "" {
		return
	}
	if _, err := os.Lstat(e.tokenFile); !errors.Is(err, fs.ErrNotExist) {
		e.tokenLost = false
		return
	}
	dir, err := openDir(e.tokenFile)
	if err == nil {
		defer func() { _ = dir.Close() }()
		err = writeOwn(dir, e.tokenFile, []byte(e.bearer))
	}
	switch {
	case err == nil:
		e.log.Info("the token file was deleted, and is written again", "file", filepath.Clean(e.tokenFile))
	case !e.tokenLost: // said once
		e.log.Error("the token file was deleted, and cannot be written again", "error", err.Error())
	}
	e.tokenLost = err != nil
}
