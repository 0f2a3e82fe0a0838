//! Tunnel through a proxy: HTTP `CONNECT` (RFC 9110, section 9.3.6) and SOCKS5 (RFC 1928).

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_socks::tcp::Socks5Stream;
use tokio_socks::{Error as SocksError, TargetAddr};
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::http::header::PROXY_AUTHENTICATE;

use crate::net::dial::error::{ProxyFault, SocksReason};
use crate::net::dial::http_response::{HttpResponse, HttpResponseError};
use crate::net::endpoint::PROGRAM;
use crate::net::endpoint::excerpt::plain_line;
use crate::net::endpoint::redaction::Redactor;
use crate::net::proxy::{Proxy, ProxyKind};

/// Maximum length of a displayed authentication scheme, in characters.
const SCHEMES_MAX_CHARS: usize = 60;

/// Destination of a tunnel.
#[derive(Debug)]
pub(crate) struct TunnelTarget<'a> {
    /// Host name or address, an IPv6 address without brackets.
    pub(crate) host: &'a str,
    /// Its port.
    pub(crate) port: u16,
    /// Address if resolved on this machine, for SOCKS5.
    pub(crate) address: Option<SocketAddr>,
    /// Host and port, for messages and `CONNECT`.
    pub(crate) shown: &'a str,
}

/// Asks the proxy at the other end of `stream` for a tunnel; then the stream leads to the target.
///
/// # Errors
/// When the proxy refuses or is another kind of server.
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
    let response = HttpResponse::read(stream, &redactor).await.map_err(not_http)?;
    if response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        return Err(login_fault(&response, proxy, &redactor));
    }
    if !response.status().is_success() {
        let refusal = Box::new(response.refusal(stream, &redactor).await);
        return Err(ProxyFault::Refused { target: target.shown.to_owned(), refusal });
    }
    // Neither TLS nor HTTP lets the server begin: early bytes would be mistaken for its answer.
    if !response.into_rest().is_empty() {
        return Err(ProxyFault::NotProxy { reason: "answered CONNECT with a page".to_owned() });
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
        HttpResponseError::Closed => ProxyFault::Broken(None),
        HttpResponseError::NotHttp { start } if start.is_empty() => {
            ProxyFault::NotProxy { reason: "answered something that is not HTTP".to_owned() }
        }
        HttpResponseError::NotHttp { start } => {
            ProxyFault::NotProxy { reason: format!("answered something that is not HTTP: {start}") }
        }
        HttpResponseError::SpeaksTls => ProxyFault::NotProxy { reason: "requires TLS".to_owned() },
    }
}

/// Evaluates the offered schemes: one per header or comma-separated (RFC 9110, section 11.7.1).
fn login_fault(response: &HttpResponse, proxy: &Proxy, redactor: &Redactor) -> ProxyFault {
    let offers: Vec<&str> = response
        .headers()
        .get_all(PROXY_AUTHENTICATE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    let offers_basic = offers
        .iter()
        .flat_map(|offer| offer.split(','))
        .filter_map(|part| part.split_whitespace().next())
        .any(|word| word.eq_ignore_ascii_case("basic"));
    if !offers_basic && !offers.is_empty() {
        // The parameters after a scheme's name are not shown.
        let names = offers.iter().filter_map(|offer| offer.split_whitespace().next());
        let names = names.collect::<Vec<_>>().join(", ");
        return ProxyFault::UnsupportedLogin(plain_line(&redactor.redact(&names), SCHEMES_MAX_CHARS));
    }
    match proxy.login {
        Some(_) => ProxyFault::LoginRejected,
        None => ProxyFault::LoginRequired,
    }
}

async fn socks<S>(stream: &mut S, proxy: &Proxy, target: &TunnelTarget<'_>) -> Result<(), ProxyFault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let destination = match (target.address, target.host.parse()) {
        (Some(address), _) => TargetAddr::Ip(address),
        (None, Ok(address)) => TargetAddr::Ip(SocketAddr::new(address, target.port)),
        (None, Err(_)) => TargetAddr::Domain(target.host.into(), target.port),
    };
    let connected = match &proxy.login {
        None => Socks5Stream::connect_with_socket(stream, destination).await,
        Some(login) => {
            let (user, password) = (login.user.reveal(), login.password.reveal());
            Socks5Stream::connect_with_password_and_socket(stream, destination, user, password).await
        }
    };
    connected.map(|_| ()).map_err(|error| socks_fault(error, proxy, target))
}

fn socks_fault(error: SocksError, proxy: &Proxy, target: &TunnelTarget<'_>) -> ProxyFault {
    if let Some(reason) = socks_reason(&error) {
        return ProxyFault::Socks { target: target.shown.to_owned(), reason };
    }
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others mean another protocol")]
    match error {
        SocksError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => ProxyFault::Broken(None),
        SocksError::Io(error) => ProxyFault::Broken(Some(error)),
        SocksError::AuthorizationRequired => ProxyFault::LoginRequired,
        SocksError::PasswordAuthFailure(_) => ProxyFault::LoginRejected,
        SocksError::NoAcceptableAuthMethods => match proxy.login {
            None => ProxyFault::LoginRequired,
            Some(_) => ProxyFault::UnsupportedLogin("none that this program supports".to_owned()),
        },
        _ => ProxyFault::NotProxy { reason: "answered something that is not SOCKS5".to_owned() },
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the others are not reply codes")]
fn socks_reason(error: &SocksError) -> Option<SocksReason> {
    Some(match error {
        SocksError::GeneralSocksServerFailure => SocksReason::Failed,
        SocksError::ConnectionNotAllowedByRuleset => SocksReason::NotAllowed,
        SocksError::NetworkUnreachable => SocksReason::NetworkUnreachable,
        SocksError::HostUnreachable => SocksReason::HostUnreachable,
        SocksError::ConnectionRefused => SocksReason::Refused,
        SocksError::TtlExpired => SocksReason::TtlExpired,
        SocksError::CommandNotSupported => SocksReason::CommandNotSupported,
        SocksError::AddressTypeNotSupported => SocksReason::AddressTypeNotSupported,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
