// Says what the AWS SDK for JavaScript takes from ~/.aws/config and credentials; the form of the
// questions and answers is that of python/profiles.py.
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { defaultProvider } from "@aws-sdk/credential-provider-node";

const { loadSharedConfigFiles, loadSsoSessionData } = createRequire(import.meta.url)("@smithy/core/config");

const escaped = (s) => String(s).replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll("\t", "\\t");

async function says(profile, what) {
  const files = await loadSharedConfigFiles({ ignoreCache: true });
  if (what === "credentials") {
    const provider = defaultProvider({ profile, ignoreCache: true });
    return ["value", (await provider()).accessKeyId];
  }
  const [kind, name, ...rest] = what.split(":");
  const key = rest.join(":");
  let section;
  if (kind === "profile") {
    if (!(profile in files.configFile) && !(profile in files.credentialsFile)) return ["missing", ""];
    section = { ...files.configFile[profile], ...files.credentialsFile[profile] };
  } else if (kind === "sso-session") {
    section = (await loadSsoSessionData())[name];
  } else {
    section = files.configFile[`${kind}.${name}`];
  }
  if (section === undefined) return ["missing", ""];
  return section[key] === undefined ? ["none", ""] : ["value", section[key]];
}

for await (const line of createInterface({ input: process.stdin })) {
  const [config, credentials, profile, what, url] = line.split("\t");
  Object.assign(process.env, { AWS_CONFIG_FILE: config, AWS_SHARED_CREDENTIALS_FILE: credentials, AWS_ENDPOINT_URL_STS: url });
  let answer;
  try {
    answer = await says(profile, what);
  } catch (e) {
    answer = [/Could not load credentials from any providers/.test(e.message) ? "none" : "error", `${e.name}: ${e.message}`];
  }
  process.stdout.write(`${answer[0]}\t${escaped(answer[1])}\n`);
}
