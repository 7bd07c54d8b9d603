package emulator

import (
	"slices"
	"strings"
	"time"
)

// maxAccessKeys is how many a user can have
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
const maxAccessKeys = 2

// SetKeyDelay lets STS and IAM know an access key that CreateAccessKey makes from now on only once so many requests
// signed with it were refused, as it takes the service some seconds in all regions.
func (e *Emulator) SetKeyDelay(requests int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.keyDelay = requests
}

// SetKeysTakeMFA stands for a policy that lets users change their keys with MFA alone (aws:MultiFactorAuthPresent).
func (e *Emulator) SetKeysTakeMFA(on bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.keysTakeMFA = on
}

// AccessKeys are the ids of a user's long-term keys, the oldest first, and those of them that are active.
func (e *Emulator) AccessKeys(u *User) (all, active []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	all = e.keysOf(u)
	for _, id := range all {
		if !e.keys[id].inactive {
			active = append(active, id)
		}
	}
	return all, active
}

func (e *Emulator) keysOf(u *User) (ids []string) {
	for id, k := range e.keys {
		if k.user == u {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b string) int {
		if c := e.keys[a].created.Compare(e.keys[b].created); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	})
	return ids
}

func (e *Emulator) listAccessKeys(c *call) (*result, *apiError) {
	u, err := e.keyUser(c, "iam:ListAccessKeys")
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	for _, id := range e.keysOf(u) {
		b.WriteString("<member>" + keyMembers(u, id, e.keys[id]) + "</member>")
	}
	return iamResult(c, "<AccessKeyMetadata>"+b.String()+"</AccessKeyMetadata><IsTruncated>false</IsTruncated>"), nil
}

func keyMembers(u *User, id string, k *longTermKey) string {
	status := "Active"
	if k.inactive {
		status = "Inactive"
	}
	return "<UserName>" + escape(u.Name) + "</UserName><AccessKeyId>" + id + "</AccessKeyId><Status>" + status + "</Status><CreateDate>" + k.created.UTC().Format(time.RFC3339) + "</CreateDate>"
}

func (e *Emulator) createAccessKey(c *call) (*result, *apiError) {
	u, err := e.keyUser(c, "iam:CreateAccessKey")
	if err != nil {
		return nil, err
	}
	if len(e.keysOf(u)) >= maxAccessKeys {
		return nil, refuse(409, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: %d", maxAccessKeys)
	}
	id := newKeyID("AKIA", u.Account)
	k := &longTermKey{user: u, secret: newSecret(), created: e.Now(), unknownFor: e.keyDelay}
	e.keys[id] = k
	return iamResult(c, "<AccessKey>"+keyMembers(u, id, k)+"<SecretAccessKey>"+escape(k.secret)+"</SecretAccessKey></AccessKey>"), nil
}

func (e *Emulator) updateAccessKey(c *call) (*result, *apiError) {
	k, err := e.namedKey(c, "iam:UpdateAccessKey")
	if err != nil {
		return nil, err
	}
	switch status := c.form.Get("Status"); status {
	case "Active", "Inactive":
		k.inactive = status == "Inactive"
	default:
		return nil, invalid("1 validation error detected: Value '%s' at 'status' failed to satisfy constraint: Member must satisfy enum value set: [Active, Inactive]", status)
	}
	return iamResult(c, ""), nil
}

func (e *Emulator) deleteAccessKey(c *call) (*result, *apiError) {
	if _, err := e.namedKey(c, "iam:DeleteAccessKey"); err != nil {
		return nil, err
	}
	delete(e.keys, c.form.Get("AccessKeyId"))
	return iamResult(c, ""), nil
}

// keyUser is whose keys a request is about.
func (e *Emulator) keyUser(c *call, action string) (*User, *apiError) {
	if err := e.iamCaller(c, action); err != nil {
		return nil, err
	}
	if e.keysTakeMFA && (c.who.session == nil || !c.who.session.MFA) {
		return nil, denied("User: %s is not authorized to perform: %s with an explicit deny in an identity-based policy", c.who.user.ARN, action)
	}
	return e.iamUser(c)
}

// namedKey is the key that a request names, which must be that user's.
func (e *Emulator) namedKey(c *call, action string) (*longTermKey, *apiError) {
	u, err := e.keyUser(c, action)
	if err != nil {
		return nil, err
	}
	id := c.form.Get("AccessKeyId")
	k, ok := e.keys[id]
	if !ok || k.user != u {
		return nil, refuse(404, "NoSuchEntity", "The Access Key with id %s cannot be found.", id)
	}
	return k, nil
}
