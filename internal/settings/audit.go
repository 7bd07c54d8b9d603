package settings

import (
	"path/filepath"

	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/sts-helper/sts-helper/internal/request"
)

// The keys of [audit], in the user's file and in the fleet's.
var (
	keyAuditFile     = Setting{Key: "file", Kind: Path, Help: "file that gets a JSON line for each token handed out"}
	keyAuditJournald = Setting{Key: "journald", Kind: Bool, Help: "true sends the lines to the system's journal"}
)

// AuditKeys are the keys of [audit].
func AuditKeys() []Setting { return []Setting{keyAuditFile, keyAuditJournald} }

// auditTable is a file's [audit].
type auditTable struct {
	file     rule[string]
	journald rule[bool]
}

// audit stores a value of [audit].
func (w *walk) audit(key string, line int, value *unstable.Node) error {
	var s *Setting
	switch key {
	case keyAuditFile.Key:
		s = &keyAuditFile
	case keyAuditJournald.Key:
		s = &keyAuditJournald
	default:
		return w.unknownIn("audit", key, line, AuditKeys())
	}
	list, err := w.value(s, line, value)
	if err != nil {
		return err
	}
	g := &settingValue{setting: s, list: list, layer: fromFile, file: w.file.path, line: line}
	if s == &keyAuditJournald {
		return set(w, &w.file.audit.journald, g, (*settingValue).bool)
	}
	return set(w, &w.file.audit.file, g, func(g *settingValue) (string, error) { return g.text(), nil })
}

// LoadAudit is what the request of [Load] has as its Audit, for what makes no request.
func LoadAudit(env Environment) (request.Audit, error) {
	user, err := openConfigFile(env)
	if err != nil {
		return request.Audit{}, err
	}
	fleet, err := openFleetFile(env)
	if err != nil {
		return request.Audit{}, err
	}
	return auditOf(env, user, fleet), nil
}

// auditOf is what the [audit] of the user's file says, and that of the fleet's, whose keys win; each is nil where
// there is none.
func auditOf(env Environment, user, fleet *configFile) (a request.Audit) {
	for _, f := range []*configFile{user, fleet} {
		if f == nil {
			continue
		}
		if f.audit.file.line != 0 {
			a.File = env.expand(f.audit.file.value, filepath.Dir(f.path))
		}
		if f.audit.journald.line != 0 {
			a.Journald = f.audit.journald.value
		}
	}
	return a
}
