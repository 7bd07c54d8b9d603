package policy

import (
	"encoding/json"
	"errors"
)

// Join is first with the statements of second after its own. It allows what one of them allows, and
// denies what one of them denies. Errors are those of [Parse]: both together may be too long.
func Join(first, second Policy) (Policy, error) {
	var doc, add map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(first.JSON(), &doc), json.Unmarshal(second.JSON(), &add)); err != nil {
		return Policy{}, err
	}
	var all []json.RawMessage
	for _, d := range []map[string]json.RawMessage{doc, add} {
		var some []json.RawMessage
		if json.Unmarshal(d["Statement"], &some) != nil { // a single one need not be in a list
			some = []json.RawMessage{d["Statement"]}
		}
		all = append(all, some...)
	}
	statements, err := json.Marshal(all)
	if err != nil {
		return Policy{}, err
	}
	doc["Statement"] = statements
	text, err := json.Marshal(doc)
	if err != nil {
		return Policy{}, err
	}
	return Parse(text)
}
