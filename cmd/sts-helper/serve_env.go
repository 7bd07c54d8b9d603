package main

import (
	"bytes"
	"encoding/json"
	"net"
	"runtime"
	"slices"
	"strings"

	"github.com/sts-helper/sts-helper/internal/render"
)

// The variables by which programs find the server.
const (
	varURI      = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
	varToken    = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
	varBearer   = "AWS_CONTAINER_AUTHORIZATION_TOKEN" // the token itself
	varRelative = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
	varMetadata = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
	varNoV1     = "AWS_EC2_METADATA_V1_DISABLED"
)

// ownVariable reports whether a variable is one that an env-file of this program may have.
func ownVariable(name string) bool {
	return slices.Contains([]string{varURI, varToken, varBearer, varRelative, varMetadata, varNoV1}, name)
}

// The forms of an env-file, and how it gives the token.
const (
	formatEnv       = "env"
	tokenAsFile     = "file"
	tokenAsVariable = "variable"
	tokenAsBoth     = "both"
)

var (
	envFormats = []string{formatEnv, string(render.Systemd), string(render.JSON)}
	tokenWays  = []string{tokenAsFile, tokenAsVariable, tokenAsBoth}
)

// envGroup is some variables and why they are there.
type envGroup struct {
	why string
	set []render.Variable
}

// envText is the env-file.
func (e *endpoint) envText(s *servePlan, listeners []net.Listener, tokenFile string) string {
	groups := e.envGroups(s, listeners, tokenFile)
	if e.flags.envFormat == string(render.JSON) {
		all := map[string]string{}
		for _, g := range groups {
			for _, v := range g.set {
				all[v.Name] = v.Value
			}
		}
		text, _ := json.MarshalIndent(all, "", "  ") // strings always encode
		return string(text) + "\n"
	}
	var out strings.Builder
	for _, g := range groups {
		out.WriteString("# " + g.why + "\n")
		for _, v := range g.set {
			if e.flags.envFormat == formatEnv {
				line, ok := envLine(runtime.GOOS, v)
				if !ok { // an address of IPv6: what else it cannot hold was refused before
					line = v.String() + "\n"
				}
				out.WriteString(line)
				continue
			}
			line, _ := render.Assign(render.Systemd, []render.Variable{v}) // which holds every value
			out.WriteString(line)
		}
	}
	return out.String()
}

// envLine is a variable as an env-file has it. What docker, systemd and shells do not all read alike without
// quotes is refused, except on Windows: a user's name there often has a blank, and the home directory with it,
// while the readers there (Git's shell, dotenv libraries, PowerShell modules) all know quotes.
func envLine(goos string, v render.Variable) (line string, ok bool) {
	if render.Plain(v.Value) {
		return v.String() + "\n", true
	}
	if goos != "windows" {
		return "", false
	}
	line, err := render.Assign(render.Dotenv, []render.Variable{v})
	if err != nil && !strings.ContainsAny(v.Value, "\"$`\\!") { // a single quote alone
		return v.Name + `="` + v.Value + "\"\n", true
	}
	return line, err == nil
}

// clientPath is a file's path for clients. On Windows it has slashes, as every SDK takes it there: a
// backslash means something else to each reader of env-files.
func clientPath(goos, path string) string {
	if goos == "windows" {
		return strings.ReplaceAll(path, `\`, "/")
	}
	return path
}

func (e *endpoint) envGroups(s *servePlan, listeners []net.Listener, tokenFile string) (groups []envGroup) {
	base := "http://" + clientAddress(listeners)
	for _, p := range s.profiles {
		if p.NoContainer {
			continue
		}
		uri := render.Variable{Name: varURI, Value: base + "/credentials/" + p.Name}
		file, variable := render.Variable{Name: varToken, Value: clientPath(runtime.GOOS, tokenFile)}, render.Variable{Name: varBearer, Value: e.bearer}
		switch e.flags.envToken {
		case tokenAsVariable:
			groups = append(groups, envGroup{"Container credentials. The token itself: some programs know no file (rclone 1.60, s5cmd, restic 0.14).", []render.Variable{uri, variable}})
		case tokenAsBoth:
			groups = append(groups, envGroup{"Container credentials. The same token twice: some programs know one way alone, Java prefers the variable.", []render.Variable{uri, file, variable}})
		default:
			groups = append(groups, envGroup{"Container credentials. The token is in a file, which is read anew when it changes.", []render.Variable{uri, file}})
		}
		break
	}
	if s.ecs != "" {
		groups = append(groups, envGroup{"For programs that know no other; those that do prefer it to the above.", []render.Variable{{Name: varRelative, Value: "/credentials/" + s.ecs}}})
	}
	if s.instance != nil { // botocore of AWS CLI 2.9 puts no slash between the endpoint and the path
		groups = append(groups, envGroup{"EC2 instance metadata, version 2. Older botocore needs the slash at the end.",
			[]render.Variable{{Name: varMetadata, Value: base + "/"}, {Name: varNoV1, Value: "true"}}})
	}
	return groups
}

// ownVariables reports whether a file has nothing but what an env-file of this program has.
func ownVariables(data []byte) bool {
	if bytes.HasPrefix(data, []byte("{")) {
		var all map[string]string
		if json.Unmarshal(data, &all) != nil {
			return false
		}
		for name := range all {
			if !ownVariable(name) {
				return false
			}
		}
		return true
	}
	for line := range strings.Lines(string(data)) {
		name, _, _ := strings.Cut(line, "=")
		if !strings.HasPrefix(line, "#") && !ownVariable(name) {
			return false
		}
	}
	return true
}
