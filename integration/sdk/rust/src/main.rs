//! Asks STS, through the AWS SDK for Rust and its default chain, whose credentials it has.
//! With --serve it does so as often as the lines of its standard input say, with one client.

use aws_sdk_sts::error::DisplayErrorContext;
use std::io::Write;
use std::time::Instant;

fn quote(s: &str) -> String {
    let mut out = String::from("\"");
    for c in s.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c < ' ' => out.push(' '),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

async fn sign(client: &aws_sdk_sts::Client, region: &str, n: u32) -> bool {
    let start = Instant::now();
    let mut fields = String::new();
    let mut ok = true;
    for _ in 0..n {
        match client.get_caller_identity().send().await {
            Ok(id) => {
                fields = format!(
                    "\"arn\":{},\"account\":{}",
                    quote(id.arn().unwrap_or_default()),
                    quote(id.account().unwrap_or_default())
                )
            }
            Err(e) => {
                fields = format!("\"error\":{}", quote(&DisplayErrorContext(&e).to_string()));
                ok = false;
                break;
            }
        }
    }
    let ms = start.elapsed().as_millis();
    println!("{{{fields},\"region\":{},\"ms\":{ms}}}", quote(region));
    std::io::stdout().flush().is_ok() && ok
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let config = aws_config::load_from_env().await;
    let region = config.region().map(|r| r.to_string()).unwrap_or_default();
    let client = aws_sdk_sts::Client::new(&config);
    if std::env::args().nth(1).as_deref() != Some("--serve") {
        std::process::exit(if sign(&client, &region, 1).await { 0 } else { 1 });
    }
    // Beside the reading the runtime goes on, as it does in any server.
    while let Some(n) = tokio::task::spawn_blocking(number).await.ok().flatten() {
        sign(&client, &region, n).await;
    }
}

fn number() -> Option<u32> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).ok()?;
    line.trim().parse().ok()
}
