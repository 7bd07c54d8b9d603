package identitycenter

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/sts-helper/sts-helper/internal/source/loginfile"
	"github.com/sts-helper/sts-helper/internal/source/oauth"
)

// Assigned is a role that the user may enter in an account.
type Assigned struct {
	AccountID   string `json:"accountId"`
	AccountName string `json:"accountName"`
	Role        string `json:"roleName"` // a permission set
}

// maxPages bounds how many pages of a list are asked for, each of up to 100.
const maxPages = 100

// AssignedRoles lists what the user may enter, by account. A token that the portal does not know
// any more is [loginfile.ErrEnded].
func (s Service) AssignedRoles(ctx context.Context, accessToken string) ([]Assigned, error) {
	var all []Assigned
	accounts, err := list(ctx, s, accessToken, "/assignment/accounts")
	if err != nil {
		return nil, fmt.Errorf("listing the accounts: %w", err)
	}
	for _, a := range accounts {
		roles, err := list(ctx, s, accessToken, "/assignment/roles", "account_id", a.AccountID)
		if err != nil {
			return nil, fmt.Errorf("listing the roles in account %s: %w", a.AccountID, err)
		}
		for _, r := range roles {
			all = append(all, Assigned{a.AccountID, a.AccountName, r.Role})
		}
	}
	return all, nil
}

// list asks for all pages of a list.
func list(ctx context.Context, s Service, accessToken, path string, query ...string) ([]Assigned, error) {
	var all []Assigned
	next := ""
	for range maxPages {
		q := append([]string{"max_result", "100"}, query...)
		if next != "" {
			q = append(q, "next_token", next)
		}
		var page struct {
			Next     string     `json:"nextToken"`
			Accounts []Assigned `json:"accountList"`
			Roles    []Assigned `json:"roleList"`
		}
		err := s.portal(http.MethodGet, oauth.AuthorizeURL(path, q...), accessToken).Do(ctx, s.Transport, &page)
		if e, ok := errors.AsType[*oauth.Error](err); ok && e.Status == http.StatusUnauthorized {
			return nil, fmt.Errorf("%w: %w", loginfile.ErrEnded, err)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, append(page.Accounts, page.Roles...)...)
		if next = page.Next; next == "" {
			return all, nil
		}
	}
	return nil, errors.New("the list has no end")
}
