package emulator

import "strings"

// authorize asks the policies about an action of another service than STS, on whatever there is.
func (e *Emulator) authorize(c *call, action string) *apiError { return e.authorizeOn(c, action, "*") }

// authorizeOn asks the policies about an action on a resource.
func (e *Emulator) authorizeOn(c *call, action, resource string) *apiError {
	v := e.permission(c.who, action, resource)
	if v == allowed {
		return nil
	}
	why := "because no identity-based policy allows the " + action + " action"
	s := c.who.session
	switch scoped := s != nil && (s.issuedBy() == "GetFederationToken" || s.Policy != "" || len(s.PolicyARNs) > 0 || len(s.scopes) > 0); {
	case v == explicitDeny && scoped:
		why = "with an explicit deny"
	case v == explicitDeny:
		why = "with an explicit deny in an identity-based policy"
	case scoped:
		why = "because no session policy allows the " + action + " action"
	}
	if c.service == "ec2" {
		return refuse(403, "UnauthorizedOperation", "You are not authorized to perform this operation. User: %s is not authorized to perform: %s %s", c.who.arn(), action, why)
	}
	return denied("User: %s is not authorized to perform: %s on resource: %s %s", c.who.arn(), action, resource, why)
}

var ec2Operations = map[string]operation{
	"DescribeAvailabilityZones": {version: ec2Version, run: (*Emulator).describeAvailabilityZones},
	"DescribeImages":            {version: ec2Version, run: (*Emulator).describeImages},
}

func (e *Emulator) describeAvailabilityZones(c *call) (*result, *apiError) {
	if err := e.authorize(c, "ec2:DescribeAvailabilityZones"); err != nil {
		return nil, err
	}
	var b strings.Builder
	for _, zone := range []string{"a", "b", "c"} {
		b.WriteString("<item><zoneName>" + c.region + zone + "</zoneName><zoneState>available</zoneState><regionName>" + c.region +
			"</regionName><optInStatus>opt-in-not-required</optInStatus><zoneType>availability-zone</zoneType><messageSet/></item>")
	}
	return ec2Result(c, "<availabilityZoneInfo>"+b.String()+"</availabilityZoneInfo>"), nil
}

func (e *Emulator) describeImages(c *call) (*result, *apiError) {
	if err := e.authorize(c, "ec2:DescribeImages"); err != nil {
		return nil, err
	}
	return ec2Result(c, "<imagesSet><item><imageId>ami-0123456789abcdef0</imageId><name>emulated</name><imageState>available</imageState><imageOwnerId>"+
		c.who.account()+"</imageOwnerId><isPublic>false</isPublic></item></imagesSet>"), nil
}

func ec2Result(c *call, inner string) *result {
	return &result{raw: `<?xml version="1.0" encoding="UTF-8"?>` + "\n<" + c.op + `Response xmlns="` + ec2Namespace + `"><requestId>` +
		c.requestID + "</requestId>" + inner + "</" + c.op + "Response>"}
}
