package broker

import (
	"fmt"

	"github.com/sts-helper/sts-helper/token"
)

// sizeWarning is the part of what AWS allows, in percent, from which the user should know: AWS packs policies and
// tags into the session token in a way that only AWS can measure, and refuses more than 100.
const sizeWarning = 80

// SizeWarning says that policies and tags leave little room in a session token, "" where they leave enough.
func SizeWarning(t token.Token) string {
	percent, ok := t.SizePercent()
	if !ok || percent < sizeWarning {
		return ""
	}
	return fmt.Sprintf("policies and tags take the session token to %d %% of what AWS allows; over 100 %% it refuses them, so leave out what is not needed", percent)
}
