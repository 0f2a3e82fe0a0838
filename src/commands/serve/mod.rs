//! `rtvoice serve`: the embedded endpoint for other programs on this machine, or the relay.

mod relay;

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
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
use crate::server::demo::{self, EndpointOptions};
use crate::server::http::origin::OriginError;
use crate::session::io::{EndReason, UserCommand};

/// Serves until a signal arrives; returns the exit code.
///
/// # Errors
///
/// If the port is taken, a fault, host or origin is invalid, or a script is invalid or not followed.
pub(super) async fn run(args: Serve, signals: &Signals) -> Result<u8, Error> {
    if args.relay.relay {
        return relay::run(&args, signals).await;
    }
    if args.endpoint.is_given() {
        let error = Error::say(Kind::Usage, "the built-in endpoint dials no other");
        return Err(error.hint("add --relay to relay calls to the endpoint"));
    }
    let faults = faults(&args)?;
    let allow_origins = parse_each("--allow-origin", &args.allow_origin)?;
    let allow_hosts = parse_each("--allow-host", &args.allow_host)?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port.unwrap_or(SERVE_PORT)));
    let listener = bind(address).await?;
    let address = listener.local_addr().map_err(|error| Error::new(Kind::Internal, error))?;
    // A closed standard output does not stop the server.
    let mut stdout = stdout();
    let _ = stdout.write_all(greeting(address).as_bytes()).and_then(|()| stdout.flush());
    let (commands, mut commands_rx) = mpsc::channel(1);
    signals.listen(&commands, None);
    let options =
        Arc::new(EndpointOptions { faults, allow_hosts, allow_origins, ..EndpointOptions::default() });
    tokio::select! {
        served = serve(listener, options, &args) => served,
        command = commands_rx.recv() => match command {
            Some(UserCommand::HangUp(EndReason::Signal(number))) => super::exit_code(EndReason::Signal(number)),
            Some(_) | None => Ok(0),
        },
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Error> {
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"));
    listener.map_err(|error| {
        Error::new(Kind::Network, error).hint("another program may use the port; choose another with --port")
    })
}

/// Serves, or plays a script of another endpoint. Release builds can do neither that nor misbehave.
#[cfg(debug_assertions)]
async fn serve(listener: TcpListener, options: Arc<EndpointOptions>, args: &Serve) -> Result<u8, Error> {
    use crate::server::demo::script::{Script, play::play};

    let Some(path) = &args.script else {
        demo::serve(listener, options).await;
        return Ok(0);
    };
    let name = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the script {name}"));
    let text = text.map_err(|error| Error::new(Kind::Usage, error))?;
    let script = Script::parse(&text).with_context(|| format!("cannot play {name}"));
    let script = script.map_err(|error| Error::new(Kind::Usage, error))?;
    play(listener, &script).await.map_err(|mismatch| {
        Error::new(Kind::Internal, mismatch).hint("the script says what a client has to do")
    })?;
    Ok(0)
}

#[cfg(not(debug_assertions))]
async fn serve(listener: TcpListener, options: Arc<EndpointOptions>, _: &Serve) -> Result<u8, Error> {
    demo::serve(listener, options).await;
    Ok(0)
}

#[cfg(debug_assertions)]
fn faults(args: &Serve) -> Result<Faults, Error> {
    let faults = Faults::parse(&args.fault.join(","));
    faults.map_err(|error| Error::new(Kind::Usage, anyhow::anyhow!("{error}")))
}

#[cfg(not(debug_assertions))]
fn faults(_: &Serve) -> Result<Faults, Error> {
    Ok(Faults::default())
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
