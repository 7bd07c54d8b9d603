package settings

import "strings"

// Sign is a variable of the environment by which a coding agent or a CI system can be known.
type Sign struct {
	// Variable is set to anything but "" in what the agent runs.
	Variable string
	// Name is the agent's in messages, and ID where {agent} is written in a setting.
	Name, ID string
	// Source is where it is said or done that the variable is set.
	Source string

	value string // which the variable must have, "" for any
}

// Of the agents only those are here that set a variable in all that they run. A variable that the user sets
// to steer an agent (AIDER_..., GEMINI_API_KEY), or that an editor sets in all of its terminals, is no sign.
var signs = [...]Sign{
	{Variable: "CLAUDECODE", Name: "Claude Code", ID: "claude-code", Source: "https://code.claude.com/docs/en/env-vars"},
	{Variable: "CURSOR_AGENT", Name: "Cursor", ID: "cursor", Source: "https://cursor.com/docs/agent/terminal"},
	{Variable: "GEMINI_CLI", Name: "Gemini CLI", ID: "gemini-cli", Source: "https://geminicli.com/docs/tools/shell"},
	{Variable: "QWEN_CODE", Name: "Qwen Code", ID: "qwen-code", Source: "QwenLM/qwen-code packages/core/src/services/shellExecutionService.ts"},
	{Variable: "CODEX_THREAD_ID", Name: "Codex", ID: "codex", Source: "https://github.com/openai/codex/pull/10096"},
	{Variable: "CODEX_CI", Name: "Codex", ID: "codex", Source: "https://github.com/openai/codex/pull/9366"},
	{Variable: "CODEX_SANDBOX", Name: "Codex", ID: "codex", Source: "openai/codex AGENTS.md"},
	{Variable: "CODEX_SANDBOX_NETWORK_DISABLED", Name: "Codex", ID: "codex", Source: "openai/codex AGENTS.md"},
	{Variable: "COPILOT_CLI", Name: "GitHub Copilot CLI", ID: "copilot-cli", Source: "https://github.com/dynatrace-oss/dtctl/pull/289"},
	{Variable: "COPILOT_AGENT", Name: "GitHub Copilot in VS Code", ID: "copilot", Source: "https://github.com/microsoft/vscode/pull/316267"},
	{Variable: "CLINE_ACTIVE", Name: "Cline", ID: "cline", Source: "cline/cline, createTerminal in its TerminalRegistry"},
	{Variable: "OPENCODE", Name: "opencode", ID: "opencode", Source: "https://github.com/anomalyco/opencode/pull/3843"},
	{Variable: "GOOSE_TERMINAL", Name: "goose", ID: "goose", Source: "https://github.com/block/goose/pull/7017"},
	{Variable: "AI_AGENT", Name: "an agent", ID: "agent", Source: "https://github.com/vercel/vercel/tree/main/packages/detect-agent"},
	{Variable: "AGENT", Name: "an agent", ID: "agent", Source: "https://github.com/block/goose/pull/7017"},

	{Variable: "GITHUB_ACTIONS", Name: "GitHub Actions", ID: "github-actions", Source: "https://docs.github.com/en/actions/reference/workflows-and-actions/variables"},
	{Variable: "GITLAB_CI", Name: "GitLab CI/CD", ID: "gitlab-ci", Source: "https://docs.gitlab.com/ci/variables/predefined_variables/"},
	{Variable: "CODEBUILD_BUILD_ID", Name: "AWS CodeBuild", ID: "codebuild", Source: "https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html"},
	{Variable: "JENKINS_URL", Name: "Jenkins", ID: "jenkins", Source: "https://www.jenkins.io/doc/book/pipeline/jenkinsfile/"},
	{Variable: "CIRCLECI", Name: "CircleCI", ID: "circleci", Source: "https://circleci.com/docs/reference/variables/"},
	{Variable: "BUILDKITE", Name: "Buildkite", ID: "buildkite", Source: "https://buildkite.com/docs/pipelines/configure/environment-variables"},
	{Variable: "TF_BUILD", Name: "Azure Pipelines", ID: "azure-pipelines", Source: "https://learn.microsoft.com/en-us/azure/devops/pipelines/build/variables"},
	{Variable: "BITBUCKET_BUILD_NUMBER", Name: "Bitbucket Pipelines", ID: "bitbucket", Source: "https://support.atlassian.com/bitbucket-cloud/docs/variables-and-secrets/"},
	{Variable: "TEAMCITY_VERSION", Name: "TeamCity", ID: "teamcity", Source: "https://www.jetbrains.com/help/teamcity/predefined-build-parameters.html"},
	{Variable: "TRAVIS", Name: "Travis CI", ID: "travis-ci", Source: "https://docs.travis-ci.com/user/environment-variables/"},
	{Variable: "DRONE", Name: "Drone", ID: "drone", Source: "https://docs.drone.io/pipeline/environment/reference/drone/"},
	{Variable: "APPVEYOR", Name: "AppVeyor", ID: "appveyor", Source: "https://www.appveyor.com/docs/environment-variables/"},
	{Variable: "CI", Name: "a CI system", ID: "ci", Source: "https://docs.github.com/en/actions/reference/workflows-and-actions/variables"},
}

// Signs are the variables by which agents and CI systems are known, in the order in which they are
// looked at: of several that are set the first one names the agent.
func Signs() []Sign { return append([]Sign(nil), signs[:]...) }

// userSign is a sign that config.toml names: a variable, or a variable with its value.
func userSign(text string) Sign {
	name, value, _ := strings.Cut(text, "=")
	id := strings.ReplaceAll(strings.ToLower(name), "_", "-")
	return Sign{Variable: name, Name: "an agent", ID: id, value: value}
}

// shows reports whether the environment has the sign. A variable that is empty counts as not set.
func (s Sign) shows(env Environment) bool {
	v := env.Getenv(s.Variable)
	return v != "" && (s.value == "" || v == s.value)
}

// UnruledAgent is the agent or CI system that this environment looks like, where no table [agent] says
// what it gets; ok is false where there is none, or a table.
func UnruledAgent(env Environment) (s Sign, ok bool, err error) {
	fleet, err := openFleetFile(env)
	if err != nil {
		return s, false, err
	}
	file, err := openConfigFile(env)
	if err != nil || file.agentTable() != nil || fleet.agentTable() != nil {
		return s, false, err
	}
	for _, s := range signs {
		if s.shows(env) {
			return s, true, nil
		}
	}
	return s, false, nil
}
