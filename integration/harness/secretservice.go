package harness

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"
)

// SecretService is a session bus with nothing on it but a Secret Service
// (https://specifications.freedesktop.org/secret-service-spec/), as the helper sees it: it keeps what it is given in
// memory.
type SecretService struct {
	t testing.TB
	// Address is what DBUS_SESSION_BUS_ADDRESS is to be.
	Address string

	mu    sync.Mutex
	items map[string]string // secrets by the item's name
	calls map[string]int    // by method
	hung  map[string]bool   // methods that are done, and not answered
}

const (
	secretsPath = dbus.ObjectPath("/org/freedesktop/secrets")
	collection  = secretsPath + "/collection/login"
)

// NewSecretService starts one for the test's time.
func NewSecretService(t testing.TB) *SecretService {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "bus")
	l, err := net.Listen("unix", socket)
	Must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	s := &SecretService{t: t, Address: "unix:path=" + socket, items: map[string]string{}, calls: map[string]int{}, hung: map[string]bool{}}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(c)
		}
	}()
	return s
}

// Secrets are the items there are, by their names.
func (s *SecretService) Secrets() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.items)
}

// Calls is how often a method was called, "" for any.
func (s *SecretService) Calls(method string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, c := range s.calls {
		if method == "" || name == method {
			n += c
		}
	}
	return n
}

// Hang lets calls of a method be done, and never answered, until resume is called.
func (s *SecretService) Hang(method string) (resume func()) {
	set := func(on bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.hung[method] = on
	}
	set(true)
	return func() { set(false) }
}

func (s *SecretService) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	r := bufio.NewReader(c)
	if _, err := r.ReadByte(); err != nil {
		return
	}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		answer := "ERROR"
		switch word := strings.Fields(line); {
		case word[0] == "AUTH" && len(word) == 1:
			answer = "REJECTED EXTERNAL"
		case word[0] == "AUTH" && len(word) == 2:
			answer = "DATA"
		case word[0] == "AUTH", word[0] == "DATA":
			answer = "OK 1234deadbeef1234deadbeef12345678"
		case word[0] == "BEGIN":
			s.messages(r, c)
			return
		}
		if _, err := fmt.Fprintf(c, "%s\r\n", answer); err != nil {
			return
		}
	}
}

func (s *SecretService) messages(r *bufio.Reader, c net.Conn) {
	for {
		m, err := dbus.DecodeMessage(r)
		if err != nil {
			return
		}
		if m.Type != dbus.TypeMethodCall {
			continue
		}
		method, _ := m.Headers[dbus.FieldMember].Value().(string)
		path, _ := m.Headers[dbus.FieldPath].Value().(dbus.ObjectPath)
		s.mu.Lock()
		s.calls[method]++
		body, known := s.call(method, path, m.Body)
		hangs := s.hung[method]
		s.mu.Unlock()
		if hangs {
			continue
		}
		answer := &dbus.Message{Type: dbus.TypeMethodReply, Headers: map[dbus.HeaderField]dbus.Variant{dbus.FieldReplySerial: dbus.MakeVariant(m.Serial())}, Body: body}
		if !known {
			answer.Type = dbus.TypeError
			answer.Headers[dbus.FieldErrorName] = dbus.MakeVariant("org.freedesktop.DBus.Error.UnknownMethod")
		}
		if len(body) > 0 {
			answer.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(body...))
		}
		if err := answer.EncodeTo(c, binary.LittleEndian); err != nil {
			s.t.Log(err)
			return
		}
	}
}

// secret is the struct of the specification.
type secret struct {
	Session     dbus.ObjectPath
	Parameters  []byte
	Value       []byte
	ContentType string
}

func (s *SecretService) call(method string, path dbus.ObjectPath, args []any) (answer []any, known bool) {
	name := func(p dbus.ObjectPath) string {
		for item := range s.items {
			if pathOf(item) == p {
				return item
			}
		}
		return ""
	}
	switch method {
	case "Hello":
		return []any{":1.1"}, true
	case "AddMatch", "RemoveMatch", "Close":
		return nil, true
	case "Get": // the property Collections
		return []any{dbus.MakeVariant([]dbus.ObjectPath{collection})}, true
	case "OpenSession":
		return []any{dbus.MakeVariant(""), secretsPath + "/session/1"}, true
	case "Unlock":
		return []any{args[0], dbus.ObjectPath("/")}, true
	case "SearchItems":
		found := []dbus.ObjectPath{}
		if item := args[0].(map[string]string)["username"]; s.items[item] != "" {
			found = append(found, pathOf(item))
		}
		return []any{found}, true
	case "CreateItem":
		properties := args[0].(map[string]dbus.Variant)
		item := properties["org.freedesktop.Secret.Item.Attributes"].Value().(map[string]string)["username"]
		s.items[item] = string(args[1].([]any)[2].([]byte))
		return []any{pathOf(item), dbus.ObjectPath("/")}, true
	case "GetSecret":
		return []any{secret{secretsPath + "/session/1", []byte{}, []byte(s.items[name(path)]), "text/plain"}}, true
	case "Delete":
		delete(s.items, name(path))
		return []any{dbus.ObjectPath("/")}, true
	}
	return nil, false
}

func pathOf(item string) dbus.ObjectPath {
	return collection + dbus.ObjectPath("/"+strings.ReplaceAll(item, " ", "_"))
}
