package policy

import "slices"

// readActions are what the commonest services let a caller read, after AWS's managed policy ReadOnlyAccess
// (https://docs.aws.amazon.com/aws-managed-policy/latest/reference/ReadOnlyAccess.html): what is there and how it is
// set up, and of S3, DynamoDB and the logs also what is in it. No secret is among it: neither
// secretsmanager:GetSecretValue nor kms:Decrypt. Credentials that may only read may be narrowed further.
var readActions = []string{
	"cloudformation:Describe*", "cloudformation:Get*", "cloudformation:List*",
	"cloudwatch:Describe*", "cloudwatch:Get*", "cloudwatch:List*",
	"dynamodb:Describe*", "dynamodb:GetItem", "dynamodb:List*", "dynamodb:Query", "dynamodb:Scan",
	"ec2:Describe*",
	"ecr:Describe*", "ecr:Get*", "ecr:List*",
	"ecs:Describe*", "ecs:List*",
	"eks:Describe*", "eks:List*",
	"elasticloadbalancing:Describe*",
	"iam:Get*", "iam:List*",
	"lambda:Get*", "lambda:List*",
	"logs:Describe*", "logs:FilterLogEvents", "logs:Get*", "logs:List*",
	"rds:Describe*", "rds:List*",
	"route53:Get*", "route53:List*",
	"s3:Get*", "s3:List*",
	"sns:Get*", "sns:List*",
	"sqs:Get*", "sqs:List*",
	"ssm:Describe*", "ssm:List*",
	"sts:GetScopedCredentials",
}

// ReadOnly is a policy that allows to read, of the commonest services, for operations that take no ARN of
// a managed policy (GetScopedCredentials). It has fewer than [MaxLength] characters.
func ReadOnly() Policy {
	p, err := New().Allow(readActions...).Build()
	if err != nil {
		panic("policy: " + err.Error()) // TestReadOnly
	}
	return p
}

// narrowingAction is what narrowing a session further takes.
const narrowingAction = "sts:GetScopedCredentials"

// AllowNarrowing is a policy, compacted JSON or "" for none, with a statement more that allows
// sts:GetScopedCredentials, where it has none: credentials with it may do what they may do without, and
// can be narrowed further. Errors are those of [Parse].
func AllowNarrowing(document string) (string, error) {
	if document == "" {
		p, err := New().Allow(narrowingAction).Build()
		return p.String(), err
	}
	p, err := Parse([]byte(document))
	if err != nil {
		return "", err
	}
	for _, s := range p.Statements() {
		if s.Effect == "Allow" && !s.Conditional && slices.Contains(s.Resource, "*") &&
			(slices.Contains(s.Action, "*") || slices.Contains(s.Action, "sts:*") || slices.Contains(s.Action, narrowingAction)) {
			return document, nil
		}
	}
	more, err := New().Allow(narrowingAction).Build()
	if err != nil {
		return "", err
	}
	both, err := Join(p, more)
	return both.String(), err
}
