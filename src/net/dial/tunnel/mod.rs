//! Asks a proxy that was reached to lead on: HTTP's `CONNECT` (RFC 9110, section 9.3.6), SOCKS5 (RFC 1928).

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_socks::tcp::Socks5Stream;
use tokio_socks::{Error as SocksError, TargetAddr};
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::http::header::PROXY_AUTHENTICATE;

use crate::net::dial::http_response::{HttpResponse, HttpResponseError};
use crate::net::endpoint::PROGRAM;
use crate::net::endpoint::excerpt::plain_line;
use crate::net::endpoint::redaction::Redactor;
use crate::net::proxy::error::{ProxyFault, SocksReason};
use crate::net::proxy::{Proxy, ProxyKind};

/// How much of what a proxy wants is shown, in characters.
const WANTED_MAX_CHARS: usize = 60;

/// Where a proxy is to lead.
#[derive(Debug)]
pub(crate) struct TunnelTarget<'a> {
    /// The host's name or address, an IPv6 address without brackets.
    pub(crate) host: &'a str,
    /// Its port.
    pub(crate) port: u16,
    /// Its address where this machine has looked it up, for SOCKS5.
    pub(crate) address: Option<SocketAddr>,
    /// Host and port as a person and `CONNECT` write them.
    pub(crate) shown: &'a str,
}

/// Asks the proxy at the other end of `stream`; once it has led on, the stream is one to the target.
///
/// # Errors
/// When it refuses, or is another kind of server.
pub(crate) async fn open<S>(
    stream: &mut S,
    proxy: &Proxy,
    target: &TunnelTarget<'_>,
) -> Result<(), ProxyFault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match proxy.kind {
        ProxyKind::Http | ProxyKind::Https => connect(stream, proxy, target).await,
        ProxyKind::Socks5 | ProxyKind::Socks5h => socks(stream, proxy, target).await,
    }
}

async fn connect<S>(stream: &mut S, proxy: &Proxy, target: &TunnelTarget<'_>) -> Result<(), ProxyFault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let broken = |source| ProxyFault::Broken(Some(source));
    stream.write_all(request(proxy, target).as_bytes()).await.map_err(broken)?;
    stream.flush().await.map_err(broken)?;
    let redactor = proxy.redactor();
    let answer = HttpResponse::read(stream, &redactor).await.map_err(not_http)?;
    if answer.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        return Err(login_trouble(&answer, proxy, &redactor));
    }
    if !answer.status().is_success() {
        let refusal = Box::new(answer.refusal(stream, &redactor).await);
        return Err(ProxyFault::Refused { target: target.shown.to_owned(), refusal });
    }
    // Neither TLS nor HTTP lets the server begin: what comes now would be taken for its answer.
    if !answer.into_rest().is_empty() {
        return Err(ProxyFault::NotProxy { said: "answered CONNECT with a page".to_owned() });
    }
    Ok(())
}

fn request(proxy: &Proxy, target: &TunnelTarget<'_>) -> String {
    let TunnelTarget { shown, .. } = target;
    let login = match &proxy.login {
        Some(login) => format!("Proxy-Authorization: Basic {}\r\n", login.basic()),
        None => String::new(),
    };
    format!("CONNECT {shown} HTTP/1.1\r\nHost: {shown}\r\nUser-Agent: {PROGRAM}\r\n{login}\r\n")
}

fn not_http(error: HttpResponseError) -> ProxyFault {
    match error {
        HttpResponseError::Broken { source } => ProxyFault::Broken(Some(source)),
        HttpResponseError::HungUp => ProxyFault::Broken(None),
        HttpResponseError::NotHttp { start } if start.is_empty() => {
            ProxyFault::NotProxy { said: "answered something that is not HTTP".to_owned() }
        }
        HttpResponseError::NotHttp { start } => {
            ProxyFault::NotProxy { said: format!("answered something that is not HTTP: {start}") }
        }
        HttpResponseError::SpeaksTls => ProxyFault::NotProxy { said: "wants TLS".to_owned() },
    }
}

/// A proxy offers its ways to log in one a header or one after the other (RFC 9110, section 11.7.1).
fn login_trouble(answer: &HttpResponse, proxy: &Proxy, redactor: &Redactor) -> ProxyFault {
    let offers: Vec<&str> =
        answer.headers().get_all(PROXY_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok()).collect();
    let takes_basic = offers
        .iter()
        .flat_map(|offer| offer.split(','))
        .filter_map(|part| part.split_whitespace().next())
        .any(|word| word.eq_ignore_ascii_case("basic"));
    if !takes_basic && !offers.is_empty() {
        // Behind the name of a way come its parameters, which say nothing to a person.
        let names = offers.iter().filter_map(|offer| offer.split_whitespace().next());
        let names = names.collect::<Vec<_>>().join(", ");
        return ProxyFault::OtherLogin(plain_line(&redactor.redact(&names), WANTED_MAX_CHARS));
    }
    match proxy.login {
        Some(_) => ProxyFault::LoginRefused,
        None => ProxyFault::WantsLogin,
    }
}

async fn socks<S>(stream: &mut S, proxy: &Proxy, target: &TunnelTarget<'_>) -> Result<(), ProxyFault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let place = match (target.address, target.host.parse()) {
        (Some(address), _) => TargetAddr::Ip(address),
        (None, Ok(address)) => TargetAddr::Ip(SocketAddr::new(address, target.port)),
        (None, Err(_)) => TargetAddr::Domain(target.host.into(), target.port),
    };
    let led = match &proxy.login {
        None => Socks5Stream::connect_with_socket(stream, place).await,
        Some(login) => {
            let (user, password) = (login.user.reveal(), login.password.reveal());
            Socks5Stream::connect_with_password_and_socket(stream, place, user, password).await
        }
    };
    led.map(|_| ()).map_err(|error| socks_trouble(error, proxy, target))
}

fn socks_trouble(error: SocksError, proxy: &Proxy, target: &TunnelTarget<'_>) -> ProxyFault {
    if let Some(reason) = socks_reason(&error) {
        return ProxyFault::Socks { target: target.shown.to_owned(), reason };
    }
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others are ways to speak something else")]
    match error {
        SocksError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => ProxyFault::Broken(None),
        SocksError::Io(error) => ProxyFault::Broken(Some(error)),
        SocksError::AuthorizationRequired => ProxyFault::WantsLogin,
        SocksError::PasswordAuthFailure(_) => ProxyFault::LoginRefused,
        SocksError::NoAcceptableAuthMethods => match proxy.login {
            None => ProxyFault::WantsLogin,
            Some(_) => ProxyFault::OtherLogin("one that is not known here".to_owned()),
        },
        _ => ProxyFault::NotProxy { said: "answered something that is not SOCKS5".to_owned() },
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the others are no codes of the proxy")]
fn socks_reason(error: &SocksError) -> Option<SocksReason> {
    Some(match error {
        SocksError::GeneralSocksServerFailure => SocksReason::Failed,
        SocksError::ConnectionNotAllowedByRuleset => SocksReason::NotAllowed,
        SocksError::NetworkUnreachable => SocksReason::NetworkUnreachable,
        SocksError::HostUnreachable => SocksReason::HostUnreachable,
        SocksError::ConnectionRefused => SocksReason::Refused,
        SocksError::TtlExpired => SocksReason::TooFar,
        SocksError::CommandNotSupported => SocksReason::NoCommand,
        SocksError::AddressTypeNotSupported => SocksReason::NoAddressKind,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
