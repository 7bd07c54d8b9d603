package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/term"

	"github.com/sts-helper/sts-helper/provider"
)

// askPassphrase asks on the controlling terminal, without showing what is typed. Standard
// input and output are left alone: the sealed token may travel there.
func askPassphrase(prompt string) ([]byte, error) {
	in, out := "/dev/tty", "/dev/tty"
	if runtime.GOOS == "windows" {
		in, out = "CONIN$", "CONOUT$"
	}
	r, err := os.OpenFile(in, os.O_RDWR, 0)
	if err != nil {
		return nil, &provider.Error{Class: provider.ClassHuman, Err: err, Text: "a passphrase is needed and there is no terminal to ask for it on; run this in a terminal, or use a key without one"}
	}
	defer func() { _ = r.Close() }()
	w, err := os.OpenFile(out, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = w.Close() }()
	fmt.Fprint(w, prompt)
	secret, err := term.ReadPassword(int(r.Fd()))
	fmt.Fprintln(w)
	if err != nil {
		return nil, &provider.Error{Class: provider.ClassHuman, Err: err, Text: "no passphrase was given"}
	}
	return secret, nil
}

// askNewPassphrase asks twice.
func askNewPassphrase() ([]byte, error) {
	first, err := askPassphrase("Passphrase to seal under (tell it on another way): ")
	if err != nil {
		return nil, err
	}
	second, err := askPassphrase("The same again: ")
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(first, second) {
		return nil, usageError{errors.New("the two passphrases differ")}
	}
	return first, nil
}
