package emulator

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// assumption is one attempt to become a role, by whichever of the three operations.
type assumption struct {
	role    *Role
	name    string // RoleSessionName
	action  string // sts:AssumeRole…
	life    time.Duration
	tags    []tag
	pass    []string // TransitiveTagKeys
	source  string   // SourceIdentity
	subject string
	mfa     bool // a code in the call, or in the session it came from
}

func (e *Emulator) assumeRole(c *call) (*result, *apiError) {
	w := c.who
	if w.isRoot() {
		return nil, denied("Roles may not be assumed by root accounts.")
	}
	target := c.form.Get("RoleArn")
	if !isRoleARN(target) {
		return nil, invalid("Request ARN is invalid")
	}
	switch w.issuedBy() {
	case "GetFederationToken", "AssumeRoot":
		return nil, notAuthorized(w.arn(), "sts:AssumeRole", target)
	}
	a := &assumption{name: c.form.Get("RoleSessionName"), action: "sts:AssumeRole", life: duration(c, 3600)}
	chained := w.session != nil && w.session.role != nil
	if chained && a.life > time.Hour {
		return nil, invalid("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
	}
	var err *apiError
	if a.tags, a.pass, err = e.sessionTags(c); err != nil {
		return nil, err
	}
	if a.source, err = sourceIdentityOf(c); err != nil {
		return nil, err
	}
	mfa, err := e.checkMFA(c)
	if err != nil {
		return nil, err
	}
	a.role, a.mfa = e.roles[target], mfa || w.hasMFA()
	if a.role == nil {
		return nil, notAuthorized(w.arn(), "sts:AssumeRole", target)
	}
	actions := []string{"sts:AssumeRole"}
	if len(a.tags) > 0 {
		actions = append(actions, "sts:TagSession")
	}
	if a.source != "" {
		actions = append(actions, "sts:SetSourceIdentity")
	}
	for _, action := range actions {
		if !e.mayAssume(w, a.role, action) {
			return nil, notAuthorized(w.arn(), action, target)
		}
	}
	if a.role.ExternalID != "" && c.form.Get("ExternalId") != a.role.ExternalID || a.role.RequireMFA && !a.mfa {
		return nil, notAuthorized(w.arn(), "sts:AssumeRole", target)
	}
	return e.become(c, a)
}

// become makes the role session once it is clear that it may be had.
func (e *Emulator) become(c *call, a *assumption) (*result, *apiError) {
	r := a.role
	if a.life > time.Duration(r.MaxSessionDuration)*time.Second {
		return nil, invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	s := &session{role: r, Identity: Identity{
		Account:         r.Account,
		ARN:             "arn:aws:sts::" + r.Account + ":assumed-role/" + r.Name + "/" + a.name,
		UserID:          r.RoleID + ":" + a.name,
		RoleARN:         r.ARN,
		RoleSessionName: a.name,
		SourceIdentity:  a.source,
		Subject:         a.subject,
		MFA:             a.mfa,
		TransitiveTags:  a.pass,
	}}
	if err := e.scope(c, s, a.tags, r.Account); err != nil {
		return nil, err
	}
	e.issue(c, s, a.life)
	return &result{
		Credentials:      s.credentials(),
		AssumedRoleUser:  &xmlRoleUser{AssumedRoleId: s.UserID, Arn: s.ARN},
		PackedPolicySize: packedSize(s),
		SourceIdentity:   a.source,
	}, nil
}

// mayAssume weighs the role's trust policy and the caller's own policies. Within an
// account being named is enough; across accounts, and where the trust is in a whole
// account, the caller's policy must allow it too.
func (e *Emulator) mayAssume(w principal, r *Role, action string) bool {
	if !anyMatch(r.TrustedActions, action, true) {
		return false
	}
	own := e.permission(w, action, r.ARN)
	names := []string{w.arn()}
	if w.session != nil && w.session.role != nil {
		names = append(names, w.session.role.ARN)
	}
	for _, p := range r.Trusted {
		switch {
		case p == w.account() || p == "arn:aws:iam::"+w.account()+":root":
			if own == allowed {
				return true
			}
		case p == "*" || slices.Contains(names, p):
			scoped := w.session != nil && (w.session.Policy != "" || len(w.session.PolicyARNs) > 0)
			if own == allowed || own != explicitDeny && w.account() == r.Account && !scoped {
				return true
			}
		}
	}
	return false
}

// tag is a session tag.
type tag struct{ key, value string }

// sessionTags reads Tags and TransitiveTagKeys and adds what the calling session
// passes on.
func (e *Emulator) sessionTags(c *call) (tags []tag, pass []string, err *apiError) {
	members, err := listMembers(c.form, "Tags")
	if err != nil {
		return nil, nil, err
	}
	seen := map[string]bool{}
	for _, m := range members {
		k := strings.ToLower(m["Key"])
		if strings.HasPrefix(k, "aws:") {
			return nil, nil, refuse(400, "InvalidParameterValue", "Tag keys cannot start with 'aws:'. Tag key: %s", m["Key"])
		}
		if seen[k] {
			return nil, nil, refuse(400, "InvalidParameterValue", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		seen[k] = true
		tags = append(tags, tag{m["Key"], m["Value"]})
	}
	keys, err := listMembers(c.form, "TransitiveTagKeys")
	if err != nil {
		return nil, nil, err
	}
	for _, m := range keys {
		if !seen[strings.ToLower(m[""])] {
			return nil, nil, refuse(400, "InvalidParameterValue", "The specified transitive tag key must be included in the requested tags.")
		}
		pass = append(pass, m[""])
	}
	if s := c.who.session; s != nil {
		for _, k := range s.TransitiveTags {
			if seen[strings.ToLower(k)] {
				return nil, nil, refuse(400, "InvalidParameterValue", "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.")
			}
			pass = append(pass, k)
			for own, v := range s.Tags {
				if strings.EqualFold(own, k) {
					tags = append(tags, tag{own, v})
				}
			}
		}
	}
	return tags, pass, nil
}

// sourceIdentityOf is the one asked for or the one the calling session carries, which
// cannot be changed.
func sourceIdentityOf(c *call) (string, *apiError) {
	want := c.form.Get("SourceIdentity")
	if strings.HasPrefix(strings.ToLower(want), "aws:") {
		return "", invalid("1 validation error detected: Value '%s' at 'sourceIdentity' failed to satisfy constraint: Member must not begin with aws:", want)
	}
	if s := c.who.session; s != nil && s.SourceIdentity != "" {
		if want != "" && want != s.SourceIdentity {
			return "", notAuthorized(c.who.arn(), "sts:SetSourceIdentity", c.form.Get("RoleArn"))
		}
		return s.SourceIdentity, nil
	}
	return want, nil
}

// getFederationToken makes a session of the caller's for another user.
func (e *Emulator) getFederationToken(c *call) (*result, *apiError) {
	w := c.who
	if w.session != nil {
		return nil, denied("Cannot call GetFederationToken with session credentials")
	}
	u, name := w.user, c.form.Get("Name")
	life := duration(c, 43200)
	if u.Root {
		life = rootLife(c)
	}
	federated := "arn:aws:sts::" + u.Account + ":federated-user/" + name
	tags, _, err := e.sessionTags(c)
	if err != nil {
		return nil, err
	}
	actions := []string{"sts:GetFederationToken"}
	if len(tags) > 0 {
		actions = append(actions, "sts:TagSession")
	}
	for _, a := range actions {
		if e.permission(w, a, federated) != allowed {
			return nil, notAuthorized(w.arn(), a, federated)
		}
	}
	s := &session{user: u, Identity: Identity{
		Account: u.Account, ARN: federated, UserID: u.Account + ":" + name, User: u.Name, FederatedName: name,
	}}
	if err := e.scope(c, s, tags, u.Account); err != nil {
		return nil, err
	}
	e.issue(c, s, life)
	return &result{
		Credentials:      s.credentials(),
		FederatedUser:    &xmlFederatedUser{FederatedUserId: s.UserID, Arn: s.ARN},
		PackedPolicySize: packedSize(s),
	}, nil
}

// rootTasks are the policies that AssumeRoot accepts and what each allows.
var rootTasks = map[string][]string{
	"IAMAuditRootUserCredentials":  {"iam:GetUser", "iam:ListAccessKeys", "iam:ListMFADevices", "iam:ListSigningCertificates", "iam:GetLoginProfile", "iam:GetAccessKeyLastUsed", "iam:GetAccountSummary"},
	"IAMCreateRootUserPassword":    {"iam:CreateLoginProfile", "iam:GetLoginProfile"},
	"IAMDeleteRootUserCredentials": {"iam:DeleteAccessKey", "iam:DeleteSigningCertificate", "iam:DeleteLoginProfile", "iam:DeactivateMFADevice", "iam:ListAccessKeys", "iam:ListMFADevices", "iam:ListSigningCertificates", "iam:GetLoginProfile", "iam:GetUser"},
	"S3UnlockBucketPolicy":         {"s3:DeleteBucketPolicy", "s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:ListAllMyBuckets"},
	"SQSUnlockQueuePolicy":         {"sqs:SetQueueAttributes", "sqs:GetQueueAttributes", "sqs:ListQueues", "sqs:GetQueueUrl"},
}

const rootTaskPrefix = "arn:aws:iam::aws:policy/root-task/"

func taskPermission(task, action string) verdict {
	if anyMatch(rootTasks[task], action, true) {
		return allowed
	}
	return implicitDeny
}

// assumeRoot gives the management account's privileged users a short task as a member
// account's root.
func (e *Emulator) assumeRoot(c *call) (*result, *apiError) {
	w := c.who
	target := c.form.Get("TargetPrincipal")
	account := target
	if a, ok := parseARN(target); ok && a.service == "iam" && a.resource == "root" {
		account = a.account
	}
	if !isAccount(account) {
		return nil, invalid("Request ARN is invalid")
	}
	arn := "arn:aws:iam::" + account + ":root"
	task, ok := strings.CutPrefix(c.form.Get("TaskPolicyArn.arn"), rootTaskPrefix)
	if _, known := rootTasks[task]; !ok || !known {
		return nil, invalid("TaskPolicyArn %s is not a root task policy", c.form.Get("TaskPolicyArn.arn"))
	}
	caller, member := e.accounts[w.account()], e.accounts[account]
	switch {
	case w.isRoot(), w.issuedBy() != "" && w.session.role == nil, caller == nil, !caller.Management,
		member == nil, account == w.account(), e.permission(w, "sts:AssumeRoot", arn) != allowed:
		return nil, notAuthorized(w.arn(), "sts:AssumeRoot", arn)
	}
	life := duration(c, 900)
	if life == 0 {
		life = 900 * time.Second
	}
	s := &session{task: task, Identity: Identity{
		Account: account, ARN: "arn:aws:sts::" + account + ":assumed-root", UserID: account,
		PolicyARNs: []string{rootTaskPrefix + task},
	}}
	if w.session != nil {
		s.SourceIdentity = w.session.SourceIdentity
	}
	e.issue(c, s, life)
	return &result{Credentials: s.credentials(), SourceIdentity: s.SourceIdentity}, nil
}

// getAccessKeyInfo reads the account out of an id, or knows the key.
func (e *Emulator) getAccessKeyInfo(c *call) (*result, *apiError) {
	switch c.who.issuedBy() {
	case "GetSessionToken", "GetFederationToken":
		return nil, denied("Cannot call GetAccessKeyInfo with session credentials")
	}
	id := c.form.Get("AccessKeyId")
	if k, ok := e.keys[id]; ok {
		return &result{Account: k.user.Account}, nil
	}
	if account, ok := accountOfKey(id); ok {
		return &result{Account: account}, nil
	}
	return nil, invalid("Invalid access key id %s", strconv.Quote(id))
}

func isRoleARN(s string) bool {
	a, ok := parseARN(s)
	return ok && a.service == "iam" && a.region == "" && isAccount(a.account) &&
		strings.HasPrefix(a.resource, "role/") && !strings.HasSuffix(a.resource, "/")
}
