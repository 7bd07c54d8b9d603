package emulator

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

// bucket limits requests to a rate, with a burst of one second's worth.
type bucket struct {
	rate   float64 // requests a second; 0 is no limit
	tokens float64
	at     time.Time
}

func (b *bucket) take(now time.Time) bool {
	if b.rate == 0 {
		return true
	}
	if passed := now.Sub(b.at).Seconds(); passed > 0 {
		b.tokens = min(b.rate, b.tokens+passed*b.rate)
	}
	b.at = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// LimitPortal lets the portal answer so many requests a second and refuse the rest with
// TooManyRequestsException; 0 takes the limit away. The real portal allows about 20.
func (e *Emulator) LimitPortal(perSecond int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.center.bucket = bucket{rate: float64(perSecond), tokens: float64(perSecond), at: e.Now()}
}

// portal is what every operation of the portal begins with: the limit, and whose
// session the token is.
func (e *Emulator) portal(c *call) (*ssoSession, *apiError) {
	if e.center == nil {
		return nil, refuse(401, "UnauthorizedException", "Session token not found or invalid")
	}
	if !e.center.bucket.take(c.now) {
		return nil, throttled("sso")
	}
	if isSigned(c.http) {
		return nil, refuse(400, "InvalidRequestException", "this operation is called without a signature")
	}
	tokens := c.http.Header.Values("X-Amz-Sso_bearer_token")
	if len(tokens) != 1 || tokens[0] == "" {
		return nil, refuse(401, "UnauthorizedException", "Session token not found or invalid")
	}
	a, ok := e.center.access[tokens[0]]
	if !ok || a.session.ended || !c.now.Before(a.ends) {
		return nil, refuse(401, "UnauthorizedException", "Session token not found or invalid")
	}
	return a.session, nil
}

// roleSeconds is how long the credentials of a permission set last.
const roleSeconds = 3600

func (e *Emulator) getRoleCredentials(c *call) (*result, *apiError) {
	s, err := e.portal(c)
	if err != nil {
		return nil, err
	}
	a := Assignment{c.form.Get("account_id"), c.form.Get("role_name")}
	if !isAccount(a.Account) || a.PermissionSet == "" {
		return nil, refuse(400, "InvalidRequestException", "account_id and role_name are required")
	}
	if !slices.Contains(e.center.user(s.user).Assignments, a) {
		return nil, refuse(403, "ForbiddenException", "No access")
	}
	c.region = e.center.Region
	r := e.reservedRole(a)
	ses := e.issue(c, &session{role: r, Identity: Identity{
		Account: r.Account, ARN: "arn:aws:sts::" + r.Account + ":assumed-role/" + r.Name + "/" + s.user,
		UserID: r.RoleID + ":" + s.user, RoleARN: r.ARN, RoleSessionName: s.user,
	}}, roleSeconds*time.Second)
	// Expiration is in milliseconds, and to the second.
	ses.Expiration = ses.Expiration.Truncate(time.Second)
	return &result{Credentials: ses.credentials(), json: roleCredentials}, nil
}

// roleCredentials is the portal's form of credentials, whose end is a number of
// milliseconds.
func roleCredentials(r *result) any {
	doc := map[string]any{}
	if c := r.Credentials; c != nil {
		doc = map[string]any{"accessKeyId": c.AccessKeyId, "secretAccessKey": c.SecretAccessKey, "sessionToken": c.SessionToken}
		if at, err := time.Parse(timeFormat, c.Expiration); err == nil {
			doc["expiration"] = at.UnixMilli()
		} else {
			doc["expiration"] = c.Expiration // as a fault has it
		}
	}
	return map[string]any{"roleCredentials": doc}
}

func (e *Emulator) listAccounts(c *call) (*result, *apiError) {
	s, err := e.portal(c)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, a := range e.center.user(s.user).Assignments {
		ids = append(ids, a.Account)
	}
	slices.Sort(ids)
	ids, next, err := page(c, slices.Compact(ids))
	if err != nil {
		return nil, err
	}
	list := []map[string]string{}
	for _, id := range ids {
		list = append(list, map[string]string{"accountId": id, "accountName": "account " + id, "emailAddress": "root@" + id + ".example.com"})
	}
	return &result{json: func(*result) any { return withNext("accountList", list, next) }}, nil
}

func (e *Emulator) listAccountRoles(c *call) (*result, *apiError) {
	s, err := e.portal(c)
	if err != nil {
		return nil, err
	}
	id := c.form.Get("account_id")
	if !isAccount(id) {
		return nil, refuse(400, "InvalidRequestException", "account_id is required")
	}
	var names []string
	for _, a := range e.center.user(s.user).Assignments {
		if a.Account == id {
			names = append(names, a.PermissionSet)
		}
	}
	if names == nil {
		return nil, refuse(403, "ForbiddenException", "No access")
	}
	slices.Sort(names)
	names, next, err := page(c, names)
	if err != nil {
		return nil, err
	}
	list := []map[string]string{}
	for _, n := range names {
		list = append(list, map[string]string{"accountId": id, "roleName": n})
	}
	return &result{json: func(*result) any { return withNext("roleList", list, next) }}, nil
}

func withNext(name string, list any, next string) any {
	doc := map[string]any{name: list}
	if next != "" {
		doc["nextToken"] = next
	}
	return doc
}

// page cuts out the part of a list that max_result and next_token ask for.
func page(c *call, list []string) (part []string, next string, err *apiError) {
	size, bad := strconv.Atoi(cmp.Or(c.form.Get("max_result"), "100"))
	from, alsoBad := strconv.Atoi(cmp.Or(c.form.Get("next_token"), "0"))
	if bad != nil || alsoBad != nil || size < 1 || size > 100 || from < 0 || from > len(list) {
		return nil, "", refuse(400, "InvalidRequestException", "max_result or next_token is not valid")
	}
	to := min(from+size, len(list))
	if to < len(list) {
		next = strconv.Itoa(to)
	}
	return list[from:to], next, nil
}

// logout ends the session, and with it every token that came from it. Credentials that
// were given out live on.
func (e *Emulator) logout(c *call) (*result, *apiError) {
	s, err := e.portal(c)
	if err != nil {
		return nil, err
	}
	s.ended = true
	return &result{json: func(*result) any { return nil }}, nil
}
