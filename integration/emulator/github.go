package emulator

import (
	"cmp"
	"strings"
	"time"
)

// GitHubIssuer is the issuer of the tokens of GitHub Actions; [Emulator.AddOIDCProvider]
// makes an account trust it.
const GitHubIssuer = "https://token.actions.githubusercontent.com"

// GitHubJob is a job of GitHub Actions with permission "id-token: write".
type GitHubJob struct {
	// RequestURL and RequestToken are what the job finds in ACTIONS_ID_TOKEN_REQUEST_URL
	// and ACTIONS_ID_TOKEN_REQUEST_TOKEN.
	RequestURL   string
	RequestToken string

	repository, subject string
}

// AddGitHubJob starts a job in a repository ("owner/name") on its main branch. Call it
// after Start, which decides the URL.
func (e *Emulator) AddGitHubJob(repository string) *GitHubJob {
	e.mu.Lock()
	defer e.mu.Unlock()
	j := &GitHubJob{RequestURL: e.url + "/github/idtoken?api-version=2.0", RequestToken: "eyJ0" + canary + random64(300),
		repository: repository, subject: "repo:" + repository + ":ref:refs/heads/main"}
	e.jobs = append(e.jobs, j)
	return j
}

// EndGitHubJob makes a job's token unknown.
func (e *Emulator) EndGitHubJob(j *GitHubJob) {
	e.mu.Lock()
	defer e.mu.Unlock()
	j.RequestToken = ""
}

// getIDToken issues a job's web identity token, as "Security hardening with OpenID
// Connect" in GitHub's documentation describes it.
func (e *Emulator) getIDToken(c *call) (*result, *apiError) {
	scheme, token, _ := strings.Cut(c.http.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "bearer") || token == "" {
		return nil, refuse(401, "Unauthorized", "a bearer token is required")
	}
	if c.form.Get("api-version") != "2.0" {
		return nil, refuse(400, "BadRequest", "api-version must be 2.0")
	}
	for _, j := range e.jobs {
		if j.RequestToken != token {
			continue
		}
		owner, _, _ := strings.Cut(j.repository, "/")
		value := signJWT(`{"alg":"RS256","kid":"emulator","typ":"JWT"}`, jsonText(map[string]any{
			"iss": GitHubIssuer, "sub": j.subject, "aud": cmp.Or(c.form.Get("audience"), "https://github.com/"+owner),
			"iat": c.now.Unix(), "nbf": c.now.Unix(), "exp": c.now.Add(5 * time.Minute).Unix(),
			"jti": canary + newRequestID(), "repository": j.repository, "ref": "refs/heads/main"}))
		return &result{json: func(*result) any { return map[string]any{"count": len(value), "value": value} }}, nil
	}
	return nil, refuse(401, "Unauthorized", "the token is not that of a running job")
}
