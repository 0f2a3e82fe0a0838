//! Admission by the HTTP request: path, key, intent, model and dialect.

use serde_json::json;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response, create_response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode, header};

use crate::protocol::dialect::Dialect;
use crate::protocol::settings::SessionKind;
use crate::secret::Secret;
use crate::server::demo::EndpointOptions;
use crate::server::demo::client_error::ClientError;
use crate::server::demo::faults::Fault;
use crate::server::http::origin::AllowList;
use crate::server::http::request::{KEY_SUBPROTOCOL, bearer, header_text, header_words, query};

/// Path of the endpoint.
const PATH: &str = "/v1/realtime";

/// Outcome of a request.
#[derive(Debug)]
pub(crate) enum Admission {
    /// Upgrade, with the response to write.
    Upgrade(Response, Peer),
    /// Plain HTTP response with a JSON body.
    Plain(StatusCode, serde_json::Value),
}

/// Properties of the client known after the handshake.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Peer {
    /// Dialect spoken with the client.
    pub(crate) dialect: Dialect,
    /// Conversation or transcription.
    pub(crate) kind: SessionKind,
    /// Model of the URL; always present in an accepted conversation.
    pub(crate) model: Option<String>,
    /// Refusal to be sent after the upgrade, as OpenAI does.
    pub(crate) refusal: Option<HandshakeRefusal>,
}

/// An error that ends the connection.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HandshakeRefusal {
    /// The close code, 3000 or 4000.
    pub(crate) close: u16,
    /// Error sent before the close frame.
    pub(crate) error: ClientError,
}

impl HandshakeRefusal {
    fn key(error: ClientError) -> Self {
        Self { close: 3000, error }
    }

    fn model(error: ClientError) -> Self {
        Self { close: 4000, error }
    }

    /// Returns the reason of the close frame: `error.type[.error.code]`.
    pub(crate) fn reason(&self) -> String {
        match self.error.code {
            Some(code) => format!("invalid_request_error.{code}"),
            None => "invalid_request_error".to_owned(),
        }
    }
}

/// Returns an HTTP response with a protocol error.
pub(crate) fn plain_error(status: StatusCode, code: Option<&str>, message: &str) -> Admission {
    let error = json!({ "message": message, "type": "invalid_request_error", "param": null, "code": code });
    Admission::Plain(status, json!({ "error": error }))
}

/// Decides on a request; without a list every host and origin is allowed.
pub(crate) fn admit(request: &Request, options: &EndpointOptions, allowed: Option<&AllowList>) -> Admission {
    let path = request.uri().path();
    if path == "/health" {
        return Admission::Plain(StatusCode::OK, json!({ "status": "ok" }));
    }
    if path != PATH {
        let message = format!("Invalid URL (GET {path})");
        return plain_error(StatusCode::NOT_FOUND, None, &message);
    }
    if let Some(list) = allowed
        && let Err(refusal) = list.check(request.uri(), request.headers())
    {
        let message = format!("{} {ALLOW_HINT}", refusal.message);
        return plain_error(refusal.status, Some(refusal.code), &message);
    }
    let Ok(mut response) = create_response(request) else {
        let message = "This is a WebSocket endpoint: connect with ws://.";
        return plain_error(StatusCode::UPGRADE_REQUIRED, None, message);
    };
    if options.faults.has(Fault::Refuse401) {
        return plain_error(StatusCode::UNAUTHORIZED, Some("invalid_api_key"), WRONG_KEY);
    }
    let parameters = ClientRequest::of(request);
    if parameters.offers("realtime") {
        response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("realtime"));
    }
    Admission::Upgrade(response, parameters.into_peer(options))
}

const ALLOW_HINT: &str = "Use rtvoice serve --allow-host and --allow-origin to allow more.";

const WRONG_KEY: &str =
    "Incorrect API key provided. You can find your API key where the endpoint was started.";

/// Parameters of the client's request.
#[derive(Default)]
struct ClientRequest {
    key: Option<Secret>,
    model: Option<String>,
    transcription: bool,
    beta_header: bool,
    subprotocols: Vec<String>,
}

impl ClientRequest {
    fn of(request: &Request) -> Self {
        let mut parameters = Self {
            beta_header: header_text(request.headers(), "openai-beta")
                .is_some_and(|text| text.contains("realtime")),
            subprotocols: header_words(request.headers(), &header::SEC_WEBSOCKET_PROTOCOL),
            ..Self::default()
        };
        let mut token = None;
        for (name, value) in query(request.uri()) {
            match name.as_str() {
                "model" if !value.is_empty() => parameters.model = Some(value),
                "intent" => parameters.transcription = value == "transcription",
                "token" | "api-key" => token = Some(value),
                _ => {}
            }
        }
        let offered = parameters.subprotocols.iter();
        let subprotocol_key =
            offered.filter_map(|word| word.strip_prefix(KEY_SUBPROTOCOL)).next().map(str::to_owned);
        let key = bearer(request.headers())
            .or_else(|| header_text(request.headers(), "api-key").map(str::to_owned))
            .or(subprotocol_key)
            .or(token);
        parameters.key = key.filter(|key| !key.is_empty()).map(Secret::new);
        parameters
    }

    fn offers(&self, subprotocol: &str) -> bool {
        self.subprotocols.iter().any(|word| word == subprotocol)
    }

    fn into_peer(self, options: &EndpointOptions) -> Peer {
        let asks_beta = self.beta_header || self.offers("openai-beta.realtime-v1");
        let asked = if asks_beta { Dialect::Beta } else { Dialect::Ga };
        let dialect = options.dialect.unwrap_or(asked);
        let refusal = self
            .refused_key(options)
            .or_else(|| self.refused_shape(options))
            .or_else(|| self.refused_model(options, dialect));
        let kind = if self.transcription { SessionKind::Transcription } else { SessionKind::Realtime };
        Peer { dialect, kind, model: self.model, refusal }
    }

    fn refused_key(&self, options: &EndpointOptions) -> Option<HandshakeRefusal> {
        if options.faults.has(Fault::RefuseKey) {
            return Some(HandshakeRefusal::key(ClientError::new("invalid_api_key", WRONG_KEY)));
        }
        let expected = options.key.as_ref()?;
        match &self.key {
            Some(key) if same(key, expected) => None,
            Some(_) => Some(HandshakeRefusal::key(ClientError::new("invalid_api_key", WRONG_KEY))),
            None => {
                let message = "Missing bearer or basic authentication in header".to_owned();
                Some(HandshakeRefusal::key(ClientError { code: None, message, param: None }))
            }
        }
    }

    fn refused_shape(&self, options: &EndpointOptions) -> Option<HandshakeRefusal> {
        let asks_beta = self.beta_header || self.offers("openai-beta.realtime-v1");
        let refused = asks_beta && options.faults.has(Fault::RefuseBeta);
        refused.then(|| {
            let message =
                "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API.";
            HandshakeRefusal::model(ClientError::new("beta_api_shape_disabled", message))
        })
    }

    fn refused_model(&self, options: &EndpointOptions, dialect: Dialect) -> Option<HandshakeRefusal> {
        let error = match (&self.model, self.transcription) {
            (Some(model), _) if options.faults.has(Fault::RefuseModel) => ClientError::new(
                "invalid_model",
                format!("Model \"{model}\" is not supported in realtime mode."),
            ),
            // Compatible beta servers require a model in the URL of a transcription.
            (Some(_), true) if dialect == Dialect::Ga => ClientError::new(
                "invalid_model",
                "You must not provide a model parameter for transcription sessions.",
            ),
            (Some(model), false) if is_transcription_model(model) => ClientError::new(
                "invalid_model",
                format!("Model \"{model}\" is not supported in realtime mode."),
            ),
            (None, false) => ClientError::new("missing_model", "You must provide a model parameter."),
            (Some(_), _) | (None, true) => return None,
        };
        Some(HandshakeRefusal::model(error))
    }
}

fn is_transcription_model(model: &str) -> bool {
    model.contains("transcribe") || model.contains("whisper")
}

/// Compares in constant time, so that the duration does not reveal the matching part.
fn same(key: &Secret, expected: &Secret) -> bool {
    let (key, expected) = (key.reveal().as_bytes(), expected.reveal().as_bytes());
    let different = key.iter().zip(expected).fold(0, |different, (a, b)| different | (a ^ b));
    key.len() == expected.len() && different == 0
}
