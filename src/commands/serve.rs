//! `rtvoice serve`: the embedded endpoint for other programs on this machine.

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::call::signals::Signals;
use crate::call::streams::standard::stdout;
use crate::cli::Serve;
use crate::config::built_in::{SERVE, SERVE_PORT};
use crate::error::{Error, Kind};
use crate::server::demo::faults::Faults;
use crate::server::demo::http::origin::OriginError;
use crate::server::demo::script::Script;
use crate::server::demo::script::play::play;
use crate::server::demo::{self, EndpointOptions};
use crate::session::io::{EndReason, UserCommand};

/// Serves until a signal arrives; returns the exit code.
///
/// # Errors
///
/// If the port is taken, a fault, host or origin is invalid, or a script is invalid or not followed.
pub(super) async fn run(args: Serve, signals: &Signals) -> Result<u8, Error> {
    let faults = Faults::parse(&args.fault.join(","));
    let faults = faults.map_err(|error| Error::new(Kind::Usage, anyhow::anyhow!("{error}")))?;
    let allow_origins = parse_each("--allow-origin", &args.allow_origin)?;
    let allow_hosts = parse_each("--allow-host", &args.allow_host)?;
    let script = args.script.as_deref().map(read_script).transpose()?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"));
    let listener = listener.map_err(|error| {
        Error::new(Kind::Network, error).hint("another program may use the port; choose another with --port")
    })?;
    let address = listener.local_addr().map_err(|error| Error::new(Kind::Internal, error))?;
    // A closed standard output does not stop the server.
    let mut stdout = stdout();
    let _ = stdout.write_all(greeting(address).as_bytes()).and_then(|()| stdout.flush());
    let (commands, mut commands_rx) = mpsc::channel(1);
    signals.listen(&commands, None);
    let options =
        Arc::new(EndpointOptions { faults, allow_hosts, allow_origins, ..EndpointOptions::default() });
    tokio::select! {
        played = serve(listener, options, script) => played,
        command = commands_rx.recv() => match command {
            Some(UserCommand::HangUp(EndReason::Signal(number))) => super::exit_code(EndReason::Signal(number)),
            Some(_) | None => Ok(0),
        },
    }
}

async fn serve(
    listener: TcpListener,
    options: Arc<EndpointOptions>,
    script: Option<Script>,
) -> Result<u8, Error> {
    match script {
        None => demo::serve(listener, options).await,
        Some(script) => play(listener, &script).await.map_err(|mismatch| {
            Error::new(Kind::Internal, mismatch).hint("the script says what a client has to do")
        })?,
    }
    Ok(0)
}

/// Reads the values of a repeatable flag.
fn parse_each<T>(flag: &str, values: &[String]) -> Result<Vec<T>, Error>
where
    T: FromStr<Err = OriginError>,
{
    let parse = |value: &String| {
        value.parse().map_err(|error: OriginError| {
            Error::new(Kind::Usage, anyhow::anyhow!("invalid value {value:?} for {flag}: {error}"))
        })
    };
    values.iter().map(parse).collect()
}

fn read_script(path: &Path) -> Result<Script, Error> {
    let name = path.display();
    let text = fs::read_to_string(path).with_context(|| format!("cannot read the script {name}"));
    let text = text.map_err(|error| Error::new(Kind::Usage, error))?;
    let script = Script::parse(&text).with_context(|| format!("cannot play {name}"));
    script.map_err(|error| Error::new(Kind::Usage, error))
}

/// Returns the address and an example command.
fn greeting(address: SocketAddr) -> String {
    let url = format!("ws://{address}/v1/realtime");
    let flags = match address.port() {
        SERVE_PORT => format!("--profile {SERVE}"),
        _ => format!("--profile {SERVE} --url {url}"),
    };
    format!(
        "listening on {url}\n\
         in another terminal:\n  \
         rtvoice talk {flags}\n  \
         rtvoice chat {flags}\n  \
         rtvoice transcribe {flags}\n\
         other clients name any model, and any key or none; Ctrl-C ends it\n"
    )
}
