package drawing

import (
	"fmt"
	"strings"
)

// OverviewSVG is the picture of what the program is between: the programs that need credentials, and
// where they come from.
func OverviewSVG() []byte {
	type chips []struct{ name, what string }
	const wide, high, step, top = 250.0, 54.0, 70.0, 44.0
	programs := chips{
		{"AWS CLI, SDKs, Terraform", "run sts-helper: credential_process"},
		{"containers, services", "ask an endpoint: ECS, EKS, IMDSv2"},
		{"one command, a shell", "get variables: exec, env"},
		{"Go programs", "use package provider"},
	}
	sources := chips{
		{"STS", "sessions, roles, federation"},
		{"IAM Identity Center, aws login", "logins shared with the AWS CLI"},
		{"keys, MFA devices, commands", "what signs the request to STS"},
		{"OIDC, SAML, X.509", "where no user logs in"},
	}
	var b strings.Builder
	head(&b, int(top+step*float64(len(programs))+6), "What sts-helper is between")
	column := func(x float64, title string, all chips) {
		text(&b, "way", x, 24, title)
		for i, c := range all {
			chip(&b, "internal", x, top+float64(i)*step, wide, high, c.name, c.what)
		}
	}
	column(margin, "Programs", programs)
	column(width-margin-wide, "Sources", sources)
	const left, right = width/2 - 170.0, width/2 + 170.0
	text(&b, "way", left, 24, "sts-helper")
	chip(&b, "public", left, top, right-left, step*float64(len(programs))-step+high, "", "")
	for i, line := range []struct{ class, what string }{
		{"name", "one cache, one lock for each token"},
		{"what", "However many programs ask at once, AWS is asked"},
		{"what", "once, and the user for one code."},
		{"name", "refreshed before they end"},
		{"what", "One process refreshes, the others go on. An outage"},
		{"what", "is not seen while anything valid is left."},
		{"name", "the right credentials or a clear error"},
		{"what", "A token's key is all that decides whose it is and"},
		{"what", "what it may do."},
	} {
		text(&b, line.class, left+18, top+32+float64(i)*23, line.what)
	}
	for i := range programs {
		y := top + float64(i)*step + high/2
		for _, x := range []struct{ from, to float64 }{{margin + wide + 6, left - 8}, {right + 6, width - margin - wide - 8}} {
			fmt.Fprintf(&b, `<path class="arrow" stroke="#525f7a" d="M%.0f %.0f H%.0f"/><path fill="#525f7a" d="M%.0f %.0f l-8 -4 v8 z"/>`+"\n", x.from, y, x.to, x.to+5, y)
		}
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}
