//! Says what the AWS SDK for Rust takes from ~/.aws/config and credentials; the form of the questions
//! and answers is that of python/profiles.py.

use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_runtime::env_config::property::PropertiesKey;
use aws_sdk_sts::config::ProvideCredentials;
use aws_sdk_sts::error::DisplayErrorContext;
use std::io::{BufRead, Write};

fn escaped(s: &str) -> String {
    s.replace('\\', "\\\\").replace('\n', "\\n").replace('\t', "\\t").replace('\r', "\\r")
}

async fn says(config: &str, credentials: &str, profile: &str, what: &str) -> (&'static str, String) {
    let files = EnvConfigFiles::builder()
        .with_file(EnvConfigFileKind::Config, config)
        .with_file(EnvConfigFileKind::Credentials, credentials)
        .build();
    if what == "credentials" {
        let config = aws_config::defaults(aws_config::BehaviorVersion::latest())
            .profile_files(files)
            .profile_name(profile)
            .load()
            .await;
        let provider = config.credentials_provider().expect("a default chain");
        return match provider.provide_credentials().await {
            Ok(c) => ("value", c.access_key_id().to_string()),
            Err(e) => ("error", DisplayErrorContext(&e).to_string()),
        };
    }
    let sections = match aws_config::profile::load(&Default::default(), &Default::default(), &files, Some(profile.to_string().into())).await {
        Ok(s) => s,
        Err(e) => return ("error", DisplayErrorContext(&e).to_string()),
    };
    let w: Vec<&str> = what.splitn(3, ':').collect();
    let value = match w[0] {
        "profile" => match sections.get_profile(profile) {
            None => return ("missing", String::new()),
            Some(p) => p.get(w[2]).map(str::to_string),
        },
        "sso-session" => match sections.sso_session(w[1]) {
            None => return ("missing", String::new()),
            Some(s) => s.get(w[2]).map(str::to_string),
        },
        kind => {
            let (key, sub) = w[2].split_once('.').unwrap_or((w[2], ""));
            let key = key_of(kind, w[1], key, sub);
            sections.other_sections().get(&key).map(|v| v.to_string())
        }
    };
    match value {
        None => ("none", String::new()),
        Some(v) => ("value", v),
    }
}

fn key_of(kind: &str, name: &str, key: &str, sub: &str) -> PropertiesKey {
    let mut b = PropertiesKey::builder()
        .section_key(kind)
        .section_name(name)
        .property_name(key);
    if !sub.is_empty() {
        b = b.sub_property_name(sub);
    }
    b.build().expect("a kind, a name and a key")
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("a line");
        let f: Vec<&str> = line.split('\t').collect();
        std::env::set_var("AWS_ENDPOINT_URL_STS", f[4]);
        let (state, value) = says(f[0], f[1], f[2], f[3]).await;
        println!("{state}\t{}", escaped(&value));
        std::io::stdout().flush().expect("to be heard");
    }
}
