package iam

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/sts-helper/sts-helper/token"
)

// AccessKey is what IAM says of a long-term key of a user.
type AccessKey struct {
	ID      string    `xml:"AccessKeyId"`
	Status  string    `xml:"Status"` // Active or Inactive
	Created time.Time `xml:"CreateDate"`
}

// errNoKey is an answer without a key that can be one.
var errNoKey = errors.New("IAM's answer has no access key in it")

// AccessKeys are those of the user of creds (iam:ListAccessKeys), two at most, and the time by IAM's clock.
func (c Client) AccessKeys(ctx context.Context, creds aws.Credentials) (keys []AccessKey, at time.Time, err error) {
	var answer struct {
		Keys []AccessKey `xml:"ListAccessKeysResult>AccessKeyMetadata>member"`
	}
	at, err = c.Do(ctx, creds, "ListAccessKeys", &answer)
	return answer.Keys, at, err
}

// CreateAccessKey makes another one (iam:CreateAccessKey); only now IAM says its secret.
func (c Client) CreateAccessKey(ctx context.Context, creds aws.Credentials) (key AccessKey, secret string, err error) {
	var answer struct {
		Key struct {
			AccessKey
			Secret string `xml:"SecretAccessKey"`
		} `xml:"CreateAccessKeyResult>AccessKey"`
	}
	if _, err := c.Do(ctx, creds, "CreateAccessKey", &answer); err != nil {
		return AccessKey{}, "", err
	}
	key, secret = answer.Key.AccessKey, answer.Key.Secret
	if !token.ValidAccessKeyID(key.ID) || !token.ValidSecret(secret) {
		return AccessKey{}, "", errNoKey
	}
	return key, secret, nil
}

// DeactivateAccessKey makes a key unusable, which can be undone (iam:UpdateAccessKey).
func (c Client) DeactivateAccessKey(ctx context.Context, creds aws.Credentials, id string) error {
	_, err := c.Do(ctx, creds, "UpdateAccessKey", nil, "AccessKeyId", id, "Status", "Inactive")
	return err
}

// DeleteAccessKey deletes a key for good (iam:DeleteAccessKey).
func (c Client) DeleteAccessKey(ctx context.Context, creds aws.Credentials, id string) error {
	_, err := c.Do(ctx, creds, "DeleteAccessKey", nil, "AccessKeyId", id)
	return err
}
