"""Says what botocore, or with --cli the AWS CLI, takes from ~/.aws/config and credentials.

Each line of standard input has five fields, with tabs between: the two files, a profile, what is
asked for, and where STS is. What is asked for is "credentials", or KIND:NAME:KEY of a section. Each
answer is a line: value, none, missing, asks (for an MFA code) or error, a tab, and the value.
"""

import contextlib
import io
import json
import os
import shutil
import sys

import botocore.exceptions
import botocore.session


def escaped(s):
    return str(s).replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")


def found(section, key):
    for part in key.split("."):
        if not isinstance(section, dict) or part not in section:
            return "none", ""
        section = section[part]
    if isinstance(section, dict):
        section = "\n" + "\n".join(f"{k} = {v}" for k, v in section.items())
    return "value", section


def botocore_says(profile, what):
    session = botocore.session.Session(profile=profile)
    if what == "credentials":
        session.get_scoped_config()
        credentials = session.get_credentials()
        if credentials is None:
            return "none", ""
        return "value", credentials.get_frozen_credentials().access_key
    kind, name, key = what.split(":", 2)
    if kind == "profile":
        return found(session.get_scoped_config(), key)
    sections = session.full_config[{"sso-session": "sso_sessions", "services": "services"}[kind]]
    if name not in sections:
        return "missing", ""
    return found(sections[name], key)


def cli_says(profile, what):
    import awscli.clidriver

    shutil.rmtree(os.path.expanduser("~/.aws/cli/cache"), ignore_errors=True)  # it keeps roles there
    kind, _, key = what.partition(":")
    if kind not in ("credentials", "profile"):
        return botocore_says(profile, what)  # there is no command for them
    command = ["sts", "get-caller-identity", "--output", "json"]
    if kind == "profile":
        command = ["configure", "get", key.split(":", 1)[1]]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = awscli.clidriver.create_clidriver().main(command + ["--profile", profile])
    if "could not be found" in err.getvalue() and "config profile" in err.getvalue():
        return "missing", ""
    if "Enter MFA code" in err.getvalue():
        return "asks", ""
    if code != 0 and err.getvalue().strip():
        if "Unable to locate credentials" in err.getvalue():
            return "none", ""
        return "error", err.getvalue().strip()
    if kind == "credentials":
        return "value", json.loads(out.getvalue())["UserId"]
    if not out.getvalue():
        return "none", ""
    return "value", out.getvalue()[:-1]


def main():
    says = cli_says if "--cli" in sys.argv else botocore_says
    questions = os.fdopen(os.dup(0), encoding="utf-8")
    sys.stdin = open(os.devnull)  # whoever asks for an MFA code gets none
    for line in questions:
        config, credentials, profile, what, url = line.rstrip("\n").split("\t")
        os.environ.update(AWS_CONFIG_FILE=config, AWS_SHARED_CREDENTIALS_FILE=credentials, AWS_ENDPOINT_URL_STS=url)
        try:
            state, value = says(profile, what)
        except botocore.exceptions.ProfileNotFound:
            state, value = "missing", ""
        except EOFError:
            state, value = "asks", ""
        except (Exception, SystemExit) as e:  # whatever its user would see
            state, value = "error", f"{type(e).__name__}: {e}"
        print(f"{state}\t{escaped(value)}", flush=True)


main()
