package emulator

const (
	stsVersion = "2011-06-15"
	iamVersion = "2010-05-08"
	ec2Version = "2016-11-15"
)

// operations is the table of what a service can be asked.
func operations(service string) map[string]operation {
	switch service {
	case "ec2":
		return ec2Operations
	case "iam":
		return iamOperations
	}
	return stsOperations
}

// stsOperations is the service model of STS as far as it is emulated: each operation
// with the bounds of its parameters. Parameters that a model does not have are ignored,
// as the service ignores them.
var stsOperations = map[string]operation{
	"GetSessionToken": {version: stsVersion, run: (*Emulator).getSessionToken, params: []param{
		seconds(900, 129600), serialNumber, tokenCode, minimumToken}},
	"GetFederationToken": {version: stsVersion, run: (*Emulator).getFederationToken, params: []param{
		required(federationName), policyText, policyARNs, seconds(900, 129600), tagList, minimumToken}},
	"AssumeRole": {version: stsVersion, run: (*Emulator).assumeRole, params: []param{
		required(roleARN), required(roleSessionName), policyARNs, longPolicy, seconds(900, 43200), tagList, transitiveTagKeys,
		externalID, serialNumber, tokenCode, sourceIdentity, providedContexts, minimumToken}},
	"AssumeRoleWithWebIdentity": {version: stsVersion, unsigned: true, run: (*Emulator).assumeRoleWithWebIdentity, params: []param{
		required(roleARN), required(roleSessionName), required(webToken), providerID, policyARNs, policyText, seconds(900, 43200), minimumToken}},
	"AssumeRoleWithSAML": {version: stsVersion, unsigned: true, run: (*Emulator).assumeRoleWithSAML, params: []param{
		required(roleARN), required(principalARN), required(samlResponse), policyARNs, policyText, seconds(900, 43200), minimumToken}},
	"AssumeRoot": {version: stsVersion, run: (*Emulator).assumeRoot, params: []param{
		required(targetRoot), required(taskPolicy), seconds(0, 900), minimumToken}},
	"GetScopedCredentials": {version: stsVersion, run: (*Emulator).getScopedCredentials, params: []param{
		policyText, seconds(1, 129600), minimumToken, description}},
	"GetWebIdentityToken": {version: stsVersion, run: (*Emulator).getWebIdentityToken, params: []param{
		audience, required(jwtAlgorithm), seconds(60, 3600), tagList}},
	"GetCallerIdentity": {version: stsVersion, run: (*Emulator).getCallerIdentity},
	"GetAccessKeyInfo": {version: stsVersion, run: (*Emulator).getAccessKeyInfo, params: []param{
		required(accessKeyID)}},
}
