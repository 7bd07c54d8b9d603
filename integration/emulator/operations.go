package emulator

const (
	stsVersion = "2011-06-15"
	iamVersion = "2010-05-08"
	ec2Version = "2016-11-15"
)

// operations is the table of what a service can be asked. It is a function because
// the handlers refer to it in turn.
func operations(service string) map[string]operation {
	switch service {
	case "ec2":
		return ec2Operations
	case "iam":
		return iamOperations
	}
	return stsOperations
}

var stsOperations = map[string]operation{
	"GetSessionToken": {version: stsVersion, run: (*Emulator).getSessionToken, params: []param{
		seconds(900, 129600), optional(serialNumber), optional(tokenCode)}},
	"GetCallerIdentity": {version: stsVersion, run: (*Emulator).getCallerIdentity},
}

var iamOperations = map[string]operation{}

var ec2Operations = map[string]operation{}
