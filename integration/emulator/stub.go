package emulator

import "net/http"

type OIDCProvider struct{}
type SAMLProvider struct{}

func (e *Emulator) addOIDC(p OIDCProvider) (*OIDCProvider, error) { return nil, nil }
func (e *Emulator) addSAML(p SAMLProvider) (*SAMLProvider, error) { return nil, nil }

func taskPermission(task, action string) verdict { return implicitDeny }

const adminPrefix = "/_emulator/"

func (e *Emulator) adminEnabled() bool                                { return false }
func (e *Emulator) serveAdmin(w http.ResponseWriter, r *http.Request) {}
