package emulator

// Evaluate is the policy evaluation alone: "allow", "deny" or "" for neither.
func Evaluate(doc, action, resource string) (string, error) {
	p, err := parsePolicy(doc)
	if err != nil {
		return "", err
	}
	return map[verdict]string{allowed: "allow", explicitDeny: "deny"}[p.evaluate(action, resource)], nil
}

var (
	AccountOfKey = accountOfKey
	NewKeyID     = newKeyID
	Wildcard     = wildcard
	SignJWT      = signJWT
)
