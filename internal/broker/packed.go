package broker

import (
	"fmt"

	"github.com/sts-helper/sts-helper/token"
)

// packedWarning is the packed policy size, in percent, from which somebody should know: AWS
// packs policies and tags in a way that only AWS can measure, and refuses more than 100.
const packedWarning = 80

// PackedWarning says that policies and tags leave little room, "" where they leave enough.
func PackedWarning(t token.Token) string {
	if t.PackedPolicySize == nil || *t.PackedPolicySize < packedWarning {
		return ""
	}
	return fmt.Sprintf("policies and tags take %d %% of what AWS allows; over 100 %% it refuses them, so leave out what is not needed", *t.PackedPolicySize)
}
