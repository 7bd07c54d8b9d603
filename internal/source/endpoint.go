package source

import "github.com/sts-helper/sts-helper/internal/request"

// The variables that name the endpoint which the SDK asks for credentials.
const (
	containerVariable = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
	instanceVariable  = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
)

// Endpoint is the URL that a container or instance source asks where a variable names it, and the
// name of that variable; "" for every other source.
func Endpoint(def request.Source, getenv func(string) string) (url, variable string) {
	switch def.Kind {
	case request.SourceContainer:
		variable = containerVariable
	case request.SourceInstance:
		variable = instanceVariable
	case request.SourceDefault:
		if variable = containerVariable; getenv(variable) == "" {
			variable = instanceVariable
		}
	default:
		return "", ""
	}
	return getenv(variable), variable
}
