//! Dialing of the endpoint before a client's upgrade, and its refusals as HTTP statuses.

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use ring::hmac;
use tokio::io::duplex;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::net::dial::error::{DialError, DialErrorKind};
use crate::net::dial::stream::NetStream;
use crate::net::dial::upgrade::upgrade;
use crate::net::dial::{self, DialOptions, UpgradedStream};
use crate::net::endpoint::{BetaMarker, Endpoint, Purpose};
use crate::protocol::decode;
use crate::protocol::events::error::ErrorInfo;
use crate::protocol::events::server::ServerBody;
use crate::server::demo::{self, EndpointOptions};
use crate::server::http::socket::{Received, Socket, SocketOptions};
use crate::server::relay::admission::{AdmittedCall, RelayRefusal};
use crate::server::relay::close::KEY_REFUSED;

/// Time for dialing, all steps together.
const DIAL_LIMIT: Duration = Duration::from_secs(10);

/// Time for the first event. OpenAI refuses keys and models only after its upgrade.
const FIRST_EVENT_LIMIT: Duration = Duration::from_secs(2);

/// Buffer between the relay and the embedded endpoint.
const PIPE_BYTES: usize = 64 << 10;

/// Close code of an endpoint that refuses the request, such as its model.
const REQUEST_REFUSED: u16 = 4000;

/// Header by which OpenAI tells end users of one key apart.
const SAFETY_IDENTIFIER: &str = "OpenAI-Safety-Identifier";

const SOCKET: SocketOptions = SocketOptions {
    role: Role::Client,
    message_bytes: 16 << 20,
    // The pump pauses the client instead.
    unread_bytes: usize::MAX,
    buffer_bytes: 16 << 10,
};

/// The endpoint behind the relay.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// Endpoint of conversations.
    pub conversation: Endpoint,
    /// Endpoint of transcription sessions, if it has them.
    pub transcription: Option<Endpoint>,
    /// How to dial it; without options, it is the embedded endpoint.
    pub dial: Option<DialOptions>,
}

/// An open connection to the endpoint.
pub(crate) struct OpenedUpstream {
    /// The connection.
    pub(crate) socket: Socket<NetStream>,
    /// Events received already.
    pub(crate) first: Vec<Utf8Bytes>,
    /// Time for dialing.
    pub(crate) dial_time: Duration,
    /// Time until the first event; none if there was none.
    pub(crate) first_event_time: Option<Duration>,
}

/// A failed attempt to open a connection.
#[derive(Clone, Debug)]
pub(crate) struct UpstreamFailure {
    /// The answer to the client, without addresses of the relay's network.
    pub(crate) refusal: RelayRefusal,
    /// The cause, for the log.
    pub(crate) cause: String,
}

impl Upstream {
    /// Returns the endpoint of a call; `who` is the name of the client's token.
    pub(crate) fn endpoint(&self, call: &AdmittedCall, who: Option<&str>) -> Endpoint {
        let transcription = self.transcription.as_ref().filter(|_| call.transcribes);
        let mut endpoint = transcription.unwrap_or(&self.conversation).clone();
        if let Purpose::Conversation { model } = &mut endpoint.purpose {
            *model = call.model.clone().or(model.take());
        }
        let is_given = |(name, _): &(String, String)| name.eq_ignore_ascii_case(SAFETY_IDENTIFIER);
        if let (Some(who), Some(key)) = (who, endpoint.auth.key())
            && !endpoint.headers.iter().any(is_given)
        {
            let identifier = safety_identifier(key.reveal(), who);
            endpoint.headers.push((SAFETY_IDENTIFIER.to_owned(), identifier));
        }
        endpoint
    }

    /// Opens a connection and waits briefly for the first event.
    ///
    /// # Errors
    ///
    /// When the endpoint cannot be reached or refuses the call.
    pub(crate) async fn open(
        &self,
        endpoint: &Endpoint,
        start: Instant,
    ) -> Result<OpenedUpstream, UpstreamFailure> {
        let opened = timeout(DIAL_LIMIT, self.dial(endpoint)).await;
        let opened = opened.map_err(|_| too_late("dialing took more than 10 s"))?;
        let UpgradedStream { stream, early } = opened.map_err(|error| of_dial(&error))?;
        let mut socket = Socket::new(stream, early, SOCKET).await;
        let dial_time = start.elapsed();
        let mut first = Vec::new();
        let refused = timeout(FIRST_EVENT_LIMIT, first_events(&mut socket, &mut first)).await;
        if let Ok(Some(close)) = refused {
            return Err(refused_after_upgrade(endpoint, &first, close));
        }
        let first_event_time = (!first.is_empty()).then(|| start.elapsed());
        Ok(OpenedUpstream { socket, first, dial_time, first_event_time })
    }

    async fn dial(&self, endpoint: &Endpoint) -> Result<UpgradedStream, DialError> {
        if let Some(options) = &self.dial {
            return dial::open(endpoint, options).await;
        }
        let (near, far) = duplex(PIPE_BYTES);
        tokio::task::spawn_local(demo::serve_connection(far, Arc::new(EndpointOptions::default())));
        let (mut stream, request) = (NetStream::InProcess(near), endpoint.request()?);
        let early = upgrade(&mut stream, &request)
            .await
            .map_err(|error| DialError::of_upgrade(error, ["demo"; 3].map(str::to_owned)))?;
        Ok(UpgradedStream { stream, early })
    }
}

/// Reads the first event, and after an error the close frame. Returns the close code if the endpoint closed, 0 for
/// none; nothing if the call may begin.
async fn first_events(socket: &mut Socket<NetStream>, first: &mut Vec<Utf8Bytes>) -> Option<u16> {
    loop {
        match socket.next().await {
            Received::Text(text) => {
                let is_error = error_of(&text).is_some();
                first.push(text);
                if !is_error {
                    return None;
                }
            }
            Received::Binary => {}
            Received::Violation(..) => return Some(0),
            Received::Closed(frame) => return Some(frame.map_or(0, |(code, _)| code)),
        }
    }
}

fn error_of(text: &str) -> Option<ErrorInfo> {
    let ServerBody::Error(error) = decode::server_event(text).ok()?.body else { return None };
    Some(error)
}

/// Returns a stable name of a client that reveals neither the client nor the key.
fn safety_identifier(key: &str, who: &str) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), who.as_bytes());
    tag.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn failure(
    status: StatusCode,
    code: &'static str,
    message: &'static str,
    cause: impl Into<String>,
) -> UpstreamFailure {
    UpstreamFailure { refusal: RelayRefusal::new(status, code, message), cause: cause.into() }
}

fn too_late(cause: impl Into<String>) -> UpstreamFailure {
    let message = "The relay's endpoint did not answer in time.";
    failure(StatusCode::GATEWAY_TIMEOUT, "upstream_timeout", message, cause)
}

/// The client's token is fine, so this is never 401.
fn key_refused(cause: impl Into<String>) -> UpstreamFailure {
    let message = "The endpoint refused the relay's key; tell the operator of the relay.";
    failure(StatusCode::BAD_GATEWAY, "relay_key_refused", message, cause)
}

fn of_dial(error: &DialError) -> UpstreamFailure {
    let cause = error.to_string();
    if let DialError::Timeout { .. } = error {
        return too_late(cause);
    }
    if error.kind() == DialErrorKind::Key {
        return key_refused(cause);
    }
    match error.refusal() {
        Some(refusal) if refusal.status == 429 => {
            let message = "The relay's endpoint takes no more calls now.";
            let busy = failure(StatusCode::TOO_MANY_REQUESTS, "upstream_busy", message, cause);
            let seconds = refusal.retry_after.map_or(10, |delay| delay.as_secs());
            UpstreamFailure { refusal: busy.refusal.retry_after(seconds), ..busy }
        }
        Some(_) => failure(
            StatusCode::BAD_GATEWAY,
            "upstream_refused",
            "The relay's endpoint refused the call.",
            cause,
        ),
        None => {
            let message = "The relay cannot reach its endpoint.";
            failure(StatusCode::BAD_GATEWAY, "upstream_unreachable", message, cause)
        }
    }
}

/// Maps an error and a close frame instead of a session.
fn refused_after_upgrade(endpoint: &Endpoint, events: &[Utf8Bytes], close: u16) -> UpstreamFailure {
    let error = events.last().and_then(|text| error_of(text)).unwrap_or_default();
    let message = error.message.unwrap_or_else(|| format!("it closed the connection with code {close}"));
    let cause = endpoint.redactor().redact(&message).into_owned();
    if close == KEY_REFUSED || error.code.as_deref() == Some("invalid_api_key") {
        return key_refused(cause);
    }
    let status = if close == REQUEST_REFUSED { StatusCode::BAD_REQUEST } else { StatusCode::BAD_GATEWAY };
    let refusal =
        RelayRefusal::new(status, "upstream_refused", format!("The endpoint refused the call: {cause}"));
    UpstreamFailure { refusal, cause }
}

/// Returns whether the endpoint speaks beta.
pub(crate) fn is_beta(endpoint: &Endpoint) -> bool {
    endpoint.beta == BetaMarker::Sent
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::endpoint::Auth;
    use crate::net::endpoint::url::EndpointUrl;
    use crate::secret::Secret;
    use crate::server::relay::admission::RelayRoute;

    const CALL: AdmittedCall = AdmittedCall {
        route: RelayRoute::Realtime,
        token: None,
        model: None,
        transcribes: false,
        subprotocol: false,
        is_beta: false,
    };

    fn upstream() -> Upstream {
        let url = EndpointUrl::parse("wss://api.example/v1/realtime").unwrap();
        let auth = Auth::Bearer(Secret::new("sk-relay-0123456789"));
        let purpose = Purpose::Conversation { model: Some("gpt-a".to_owned()) };
        let conversation = Endpoint::new(url, purpose, auth);
        let transcription = Some(Endpoint { purpose: Purpose::Transcription, ..conversation.clone() });
        Upstream { conversation, transcription, dial: None }
    }

    #[test]
    fn only_model_and_intent_of_the_client_reach_the_endpoint() {
        let uri = |call: &AdmittedCall| upstream().endpoint(call, None).request().unwrap().uri().to_string();
        assert_eq!(uri(&CALL), "wss://api.example/v1/realtime?model=gpt-a");
        let named = AdmittedCall { model: Some("gpt-b".to_owned()), ..CALL };
        assert_eq!(uri(&named), "wss://api.example/v1/realtime?model=gpt-b");
        let captions = AdmittedCall { transcribes: true, model: Some("gpt-b".to_owned()), ..CALL };
        assert_eq!(uri(&captions), "wss://api.example/v1/realtime?intent=transcription");
    }

    #[test]
    fn the_safety_identifier_is_stable_and_reveals_neither_name_nor_key() {
        let header = |who: Option<&str>| {
            let request = upstream().endpoint(&CALL, who).request().unwrap();
            request.headers().get("openai-safety-identifier").map(|value| value.to_str().unwrap().to_owned())
        };
        let (alice, bob) = (header(Some("alice")).unwrap(), header(Some("bob")).unwrap());
        assert_eq!(header(Some("alice")).unwrap(), alice);
        assert!(alice != bob && alice.len() == 32 && !alice.contains("alice"), "{alice}");
        assert_eq!(header(None), None);
    }

    #[test]
    fn refusals_after_the_upgrade_have_the_status_of_their_cause() {
        let endpoint = upstream().conversation;
        let check = |event: &'static str, close, status: u16, code, message: &str| {
            let events: Vec<Utf8Bytes> =
                Some(event).filter(|event| !event.is_empty()).into_iter().map(Into::into).collect();
            let UpstreamFailure { refusal, cause } = refused_after_upgrade(&endpoint, &events, close);
            assert_eq!((refusal.status.as_u16(), refusal.code), (status, code), "{event} {close}");
            assert_eq!(refusal.message, message);
            assert!(!cause.contains("0123456789"), "{cause}");
        };
        let key = "The endpoint refused the relay's key; tell the operator of the relay.";
        let wrong = r#"{"type":"error","error":{"code":"invalid_api_key","message":"Incorrect sk-relay-0123456789"}}"#;
        check(wrong, 3000, 502, "relay_key_refused", key);
        check(wrong, 0, 502, "relay_key_refused", key);
        check("", 3000, 502, "relay_key_refused", key);
        let model = r#"{"type":"error","error":{"code":"invalid_model","message":"No such model."}}"#;
        check(model, 4000, 400, "upstream_refused", "The endpoint refused the call: No such model.");
        let quota = r#"{"type":"error","error":{"code":"insufficient_quota","message":"No money."}}"#;
        check(quota, 1011, 502, "upstream_refused", "The endpoint refused the call: No money.");
        let closed = "The endpoint refused the call: it closed the connection with code 1000";
        check("", 1000, 502, "upstream_refused", closed);
    }
}
