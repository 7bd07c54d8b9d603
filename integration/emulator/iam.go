package emulator

import "strings"

var iamOperations = map[string]operation{
	"CreateAccessKey": {version: iamVersion, run: (*Emulator).createAccessKey, params: []param{userName}},
	"DeleteAccessKey": {version: iamVersion, run: (*Emulator).deleteAccessKey, params: []param{userName, required(accessKeyID)}},
	"ListAccessKeys":  {version: iamVersion, run: (*Emulator).listAccessKeys, params: []param{userName}},
	"UpdateAccessKey": {version: iamVersion, run: (*Emulator).updateAccessKey, params: []param{userName, required(accessKeyID), required(keyStatus)}},
	"GetUser":         {version: iamVersion, run: (*Emulator).getUser},
	"ListMFADevices":  {version: iamVersion, run: (*Emulator).listMFADevices},
}

// iamCaller refuses the sessions that IAM does not talk to: federation tokens always,
// session tokens unless a code was given for them.
func (e *Emulator) iamCaller(c *call, action string) *apiError {
	switch c.who.issuedBy() {
	case "GetFederationToken":
		return invalidClientToken()
	case "GetSessionToken":
		if !c.who.session.MFA {
			return invalidClientToken()
		}
	}
	return e.authorize(c, action)
}

// iamUser is the user a request is about: the caller, or the one named in the
// caller's account.
func (e *Emulator) iamUser(c *call) (*User, *apiError) {
	name := c.form.Get("UserName")
	if name == "" {
		if !c.who.isUser() {
			return nil, invalid("Must specify userName when calling with non-User credentials")
		}
		return c.who.user, nil
	}
	for _, u := range e.users {
		if u.Account == c.who.account() && !u.Root && strings.EqualFold(u.Name, name) {
			return u, nil
		}
	}
	return nil, refuse(404, "NoSuchEntity", "The user with name %s cannot be found.", name)
}

func (e *Emulator) getUser(c *call) (*result, *apiError) {
	if err := e.iamCaller(c, "iam:GetUser"); err != nil {
		return nil, err
	}
	u, err := e.iamUser(c)
	if err != nil {
		return nil, err
	}
	name := ""
	if !u.Root {
		name = "<Path>" + escape(u.Path) + "</Path><UserName>" + escape(u.Name) + "</UserName>"
	}
	return iamResult(c, "<User>"+name+"<UserId>"+u.UserID+"</UserId><Arn>"+escape(u.ARN)+"</Arn><CreateDate>2020-01-01T00:00:00Z</CreateDate></User>"), nil
}

func (e *Emulator) listMFADevices(c *call) (*result, *apiError) {
	if err := e.iamCaller(c, "iam:ListMFADevices"); err != nil {
		return nil, err
	}
	u, err := e.iamUser(c)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	for _, d := range u.devices {
		b.WriteString("<member><UserName>" + escape(u.Name) + "</UserName><SerialNumber>" + escape(d.SerialNumber) +
			"</SerialNumber><EnableDate>2020-01-01T00:00:00Z</EnableDate></member>")
	}
	return iamResult(c, "<MFADevices>"+b.String()+"</MFADevices><IsTruncated>false</IsTruncated>"), nil
}

func iamResult(c *call, inner string) *result {
	return &result{raw: "<" + c.op + `Response xmlns="` + iamNamespace + `"><` + c.op + "Result>" + inner + "</" + c.op +
		"Result><ResponseMetadata><RequestId>" + c.requestID + "</RequestId></ResponseMetadata></" + c.op + "Response>"}
}
