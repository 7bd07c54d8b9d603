package keystore

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"filippo.io/age"

	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/storedkey"
)

const (
	first, second = "AKIAIOSFODNN7EXAMPLE", "AKIAI44QH8DHBEXAMPLE"
	secret        = "CANARYsecret"
)

// memory is a store that gives what it was given, and what a test put there; err is its answer to everything.
type memory struct {
	secrets map[string]string
	err     error
	keeps   func(string) string // what it makes of a secret that it is given
	hangs   bool
}

func (m *memory) answer(ctx context.Context) error {
	if m.hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	return m.err
}

func (m *memory) get(ctx context.Context, name, id string) (string, error) {
	if err := m.answer(ctx); err != nil {
		return "", err
	}
	s, ok := m.secrets[item(name, id)]
	if !ok {
		return "", ErrNotFound
	}
	return s, nil
}

func (m *memory) set(ctx context.Context, name, id, secret string) error {
	if m.keeps != nil {
		secret = m.keeps(secret)
	}
	m.secrets[item(name, id)] = secret
	return m.answer(ctx)
}

func (m *memory) remove(ctx context.Context, name, id string) error {
	if _, ok := m.secrets[item(name, id)]; !ok && m.err == nil {
		return ErrNotFound
	}
	delete(m.secrets, item(name, id))
	return m.answer(ctx)
}

// A secret is that of one key of one name: in a rotation two keys have a name, and one that was replaced may be left.
func TestWhichKeyIsTaken(t *testing.T) {
	s := &Store{storedkey.System, &memory{secrets: map[string]string{}}}
	for _, k := range [][3]string{{"work", first, "CANARYold"}, {"work", second, "CANARYnew"}, {"home", first, "CANARYhome"}} {
		if err := s.Set(t.Context(), k[0], k[1], k[2]); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Remove(t.Context(), "work", first); err != nil {
		t.Error(err)
	}
	for _, k := range [][3]string{{"work", first, ""}, {"work", second, "CANARYnew"}, {"home", first, "CANARYhome"}, {"home", second, ""}, {"wor", "k " + second, ""}} {
		got, err := s.Get(t.Context(), k[0], k[1])
		if got != k[2] || (err == nil) != (k[2] != "") || err != nil && !errors.Is(err, ErrNotFound) {
			t.Errorf("%s of %s: %q, %v", k[1], k[0], got, err)
		}
	}
	if err := s.Remove(t.Context(), "work", first); err != nil {
		t.Errorf("what is not there is deleted: %v", err)
	}
}

// What a store gives is a secret, or an error that says whose turn it is; none has the secret in it.
func TestAnswersOfStores(t *testing.T) {
	kept := map[string]string{item("work", first): secret}
	for name, tc := range map[string]struct {
		kind  storedkey.Store
		m     memory
		do    string
		class failure.Class // "" for success
		text  string
	}{
		"a secret":          {m: memory{secrets: kept}, do: "get"},
		"none":              {m: memory{}, do: "get", class: failure.Source, text: "has no secret for key \"work\" (" + first + "); add the key again: sts-helper keys add work --replace"},
		"none in a keyring": {kind: storedkey.Kernel, m: memory{}, do: "get", class: failure.Source, text: "it keeps them until the machine restarts"},
		"nothing in it":     {m: memory{secrets: map[string]string{item("work", first): ""}}, do: "get", class: failure.Source, text: "has something else under its name"},
		"something else":    {m: memory{secrets: map[string]string{item("work", first): "CANARY two\nlines"}}, do: "get", class: failure.Source, text: "has something else under its name"},
		"refused":           {m: memory{err: errors.New("org.freedesktop.Secret.Error.IsLocked\x1b[2J")}, do: "get", class: failure.Source, text: "could not give the secret of key \"work\": org.freedesktop.Secret.Error.IsLocked"},
		"the user's turn":   {m: memory{err: failure.Interactionf(nil, "", "no passphrase was given")}, do: "get", class: failure.InteractionRequired, text: "no passphrase was given"},
		"no answer":         {m: memory{hangs: true}, do: "get", class: failure.InteractionRequired, text: "did not answer within 45s; is it asking you to unlock it?"},
		"stopped":           {m: memory{err: context.Canceled}, do: "get", class: failure.Stopped, text: "context canceled"},

		"kept":           {m: memory{}, do: "set"},
		"not kept":       {m: memory{err: errors.New("the disk is full")}, do: "set", class: failure.Source, text: "could not keep key \"work\": the disk is full"},
		"kept cut":       {m: memory{keeps: func(s string) string { return s[:6] }}, do: "set", class: failure.Source, text: "gave another secret back"},
		"kept unanswerd": {m: memory{hangs: true}, do: "set", class: failure.InteractionRequired, text: "could not keep key"},

		"deleted":     {m: memory{secrets: kept}, do: "remove"},
		"not there":   {m: memory{}, do: "remove"},
		"not deleted": {m: memory{err: errors.New("it is read-only")}, do: "remove", class: failure.Source, text: "could not delete key \"work\": it is read-only"},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := tc.m
			m.secrets = map[string]string{}
			for k, v := range tc.m.secrets {
				m.secrets[k] = v
			}
			if tc.kind == "" {
				tc.kind = storedkey.File
			}
			s := &Store{tc.kind, &m}
			var got string
			var err error
			switch tc.do {
			case "get":
				got, err = s.Get(t.Context(), "work", first)
			case "set":
				err = s.Set(t.Context(), "work", first, secret)
			case "remove":
				err = s.Remove(t.Context(), "work", first)
			}
			if tc.class == "" {
				if err != nil || tc.do == "get" && got != secret || tc.do == "set" && m.secrets[item("work", first)] != secret || tc.do == "remove" && len(m.secrets) != 0 {
					t.Errorf("%s: %q, %v", name, got, err)
				}
				return
			}
			if err == nil || failure.ClassOf(err) != tc.class || got != "" || !strings.Contains(err.Error(), tc.text) || strings.Contains(err.Error(), "CANARY") || strings.Contains(err.Error(), "\x1b") {
				t.Errorf("%s: %q, %v (%s)", name, got, err, failure.ClassOf(err))
			}
		})
	}
}

// seal writes an encrypted file, with little work for its passphrase.
func seal(t *testing.T, path, passphrase, text string, mode fs.FileMode) {
	t.Helper()
	r, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		t.Fatal(err)
	}
	r.SetWorkFactor(2)
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, r)
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		err = os.WriteFile(path, sealed.Bytes(), mode)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestEncryptedFiles(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes are Unix's")
	}
	const pass = "CANARY horse battery"
	for name, tc := range map[string]struct {
		prepare    func(t *testing.T, dir, path string)
		passphrase string
		class      failure.Class // "" for success
		text       string
	}{
		"opened":                {passphrase: pass},
		"another passphrase":    {passphrase: "CANARY other", class: failure.InteractionRequired, text: "that is not the passphrase of key \"work\""},
		"the user is not asked": {class: failure.InteractionRequired, text: "the user is not asked here; run: sts-helper login work"},
		"damaged": {passphrase: pass, class: failure.Source, text: "it is damaged", prepare: func(t *testing.T, _, path string) {
			data, err := os.ReadFile(path)
			if err == nil {
				data[len(data)-1] ^= 1
				err = os.WriteFile(path, data, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}},
		"not encrypted": {passphrase: pass, class: failure.Source, text: "it is damaged", prepare: func(t *testing.T, _, path string) {
			if err := os.WriteFile(path, []byte(secret), 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		"of another key": {passphrase: pass, class: failure.Source, text: "has no secret for key \"work\"", prepare: func(t *testing.T, dir, path string) {
			if err := os.Rename(path, filepath.Join(dir, fileName("work", second))); err != nil {
				t.Fatal(err)
			}
		}},
		"no directory": {passphrase: pass, class: failure.Source, text: "has no secret for key \"work\"", prepare: func(t *testing.T, dir, _ string) {
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		}},
		"others can read it": {passphrase: pass, class: failure.Source, text: "0644", prepare: func(t *testing.T, _, path string) {
			if err := os.Chmod(path, 0o644); err != nil {
				t.Fatal(err)
			}
		}},
		"a link": {passphrase: pass, class: failure.Source, text: "could not give the secret", prepare: func(t *testing.T, dir, path string) {
			if err := errors.Join(os.Rename(path, filepath.Join(dir, "elsewhere")), os.Symlink("elsewhere", path)); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		dir := filepath.Join(t.TempDir(), "keys")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, fileName("work", first))
		seal(t, path, pass, secret, 0o600)
		if tc.prepare != nil {
			tc.prepare(t, dir, path)
		}
		f := &file{Options{Dir: dir, Unattended: true, Login: "sts-helper login work"}, tc.passphrase}
		got, err := (&Store{storedkey.File, f}).Get(t.Context(), "work", first)
		if tc.class == "" {
			if err != nil || got != secret {
				t.Errorf("%s: %q, %v", name, got, err)
			}
			continue
		}
		if err == nil || got != "" || failure.ClassOf(err) != tc.class || !strings.Contains(err.Error(), tc.text) || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s: %q, %v (%s)", name, got, err, failure.ClassOf(err))
		}
		if tc.class == failure.InteractionRequired && f.passphrase != "" {
			t.Errorf("%s: a wrong passphrase is tried again", name)
		}
	}
}

func TestDescriptions(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "share", "keys")
	if k, err := Described(dir, "work"); k != nil || err != nil {
		t.Errorf("%+v, %v", k, err)
	}
	if names, err := Names(dir); names != nil || err != nil {
		t.Errorf("%v, %v", names, err)
	}
	for name, id := range map[string]string{"work": first, "home": second} {
		if err := Describe(dir, &storedkey.Key{Name: name, AccessKeyID: id, Store: storedkey.File}); err != nil {
			t.Fatal(err)
		}
	}
	for _, other := range []string{"work.lock", fileName("work", first), ".json", "-x.json"} {
		if err := os.WriteFile(filepath.Join(dir, other), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if names, err := Names(dir); strings.Join(names, " ") != "home work" || err != nil {
		t.Errorf("%v, %v", names, err)
	}
	if k, err := Described(dir, "work"); err != nil || k == nil || k.AccessKeyID != first {
		t.Errorf("%+v, %v", k, err)
	}
	// A description says whose key it is by its name: that of another is none.
	data, err := os.ReadFile(storedkey.Path(dir, "home"))
	if err == nil {
		err = os.WriteFile(storedkey.Path(dir, "work"), data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if k, err := Described(dir, "work"); k != nil || failure.ClassOf(err) != failure.Configuration || !strings.Contains(err.Error(), "work.json: it is no description of a stored key") {
		t.Errorf("%+v, %v", k, err)
	}
	for range 2 {
		if err := DeleteDescription(dir, "work"); err != nil {
			t.Error(err)
		}
	}
	if k, err := Described(dir, "work"); k != nil || err != nil {
		t.Errorf("%+v, %v", k, err)
	}
}
