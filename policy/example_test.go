package policy_test

import (
	"fmt"

	"github.com/sts-helper/sts-helper/policy"
)

func ExampleNew() {
	p, err := policy.New().
		Allow("ec2:Describe*", "ec2:run_instances").
		Deny("ec2:DescribeImages").
		Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p)
	// Output: {"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ec2:Describe*","ec2:RunInstances"],"Resource":"*"},{"Effect":"Deny","Action":"ec2:DescribeImages","Resource":"*"}]}
}

func ExampleBuilder_Build_mistake() {
	_, err := policy.New().Allow("DescribeImages").Build()
	fmt.Println(err)
	// Output: invalid policy: allow: action "DescribeImages" has no service prefix: write it as "ec2:DescribeImages" with the service it belongs to
}

func ExampleParse() {
	p, err := policy.Parse([]byte(`{
	  "Version": "2012-10-17",
	  "Statement": {
	    "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::reports/*"
	  }
	}`))
	fmt.Println(p, p.Len(), err)
	// Output: {"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::reports/*"}} 115 <nil>
}

func ExampleCheck() {
	for _, f := range policy.Check([]byte(`{
  "Version": "2012-10-17",
  "Statement": [{
    "Efect": "Allow",
    "Action": ["ec2:DescribeImages", "RunInstances"],
    "Resource": "*"
  }]
}`)) {
		fmt.Println(f)
	}
	// Output:
	// 3:17: error: Statement[0].Effect: is missing: "Allow" or "Deny"
	// 4:5: error: Statement[0].Efect: is not an element of the policy language; did you mean "Effect"?
	// 5:38: error: Statement[0].Action[1]: action "RunInstances" has no service prefix: write it as "ec2:RunInstances" with the service it belongs to
}

func ExampleCheckARNs() {
	fmt.Println(policy.CheckARNs([]string{"arn:aws:iam::aws:policy/ReadOnlyAccess"}))
	fmt.Println(policy.CheckARNs([]string{"arn:aws:iam::aws:role/ReadOnlyAccess"}))
	// Output:
	// <nil>
	// invalid policy: PolicyArns[0]: "arn:aws:iam::aws:role/ReadOnlyAccess": not a policy (want arn:PARTITION:iam::ACCOUNT:policy/NAME)
}
