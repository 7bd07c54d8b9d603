package settings

import (
	"path/filepath"

	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/sts-helper/sts-helper/internal/display"
)

// Audit says where the log of who got which credentials is kept. The zero Audit keeps none.
type Audit struct {
	// File is the log's absolute path, "" for none.
	File string
	// Journald reports whether the lines go to the system's journal.
	Journald bool
}

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
		do := display.DidYouMean(key, []string{keyAuditFile.Key, keyAuditJournald.Key})
		if do == "" {
			do = "there are file and journald"
		}
		return w.file.wrong(line, "unknown key "+display.Quote(key)+" in [audit]", do)
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

// LoadAudit reads the [audit] of the user's file, and of the fleet's, whose keys win.
func LoadAudit(env Environment) (Audit, error) {
	var a Audit
	user, err := openConfigFile(env)
	if err != nil {
		return a, err
	}
	fleet, err := openFleetFile(env)
	if err != nil {
		return a, err
	}
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
	return a, nil
}
