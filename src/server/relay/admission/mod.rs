//! Admission of a request before the upgrade, cheapest checks first. Pure; time is passed in.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, StatusCode, Version, header};
use ring::{hmac, rand};
use serde_json::json;

use crate::secret::Secret;
use crate::server::http::origin::AllowList;
use crate::server::http::request::{KEY_SUBPROTOCOL, bearer, header_text, header_words, query};
use crate::server::relay::limits::{AdmissionLimit, CallSlots};

/// Longest name of a model.
const MODEL_MAX_CHARS: usize = 128;

/// Names of query parameters that carry keys. Queries end in logs.
const KEY_PARAMETERS: [&str; 6] = ["token", "key", "api-key", "api_key", "access_token", "authorization"];

/// A resource of the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayRoute {
    /// What this server is.
    Index,
    /// Whether the process lives.
    Health,
    /// Whether it takes calls.
    Ready,
    /// Calls with speech, set up by the relay.
    Voice,
    /// Calls with text, set up by the relay.
    TextChat,
    /// Calls of any client, changed by the policy only.
    Realtime,
}

impl RelayRoute {
    /// Returns the resource at a path.
    pub fn at(path: &str) -> Option<Self> {
        Some(match path {
            "/" => Self::Index,
            "/health" => Self::Health,
            "/ready" => Self::Ready,
            "/realtime-voice" => Self::Voice,
            "/text-chat" => Self::TextChat,
            "/v1/realtime" => Self::Realtime,
            _ => return None,
        })
    }

    /// Returns the path.
    pub fn path(self) -> &'static str {
        match self {
            Self::Index => "/",
            Self::Health => "/health",
            Self::Ready => "/ready",
            Self::Voice => "/realtime-voice",
            Self::TextChat => "/text-chat",
            Self::Realtime => "/v1/realtime",
        }
    }

    /// Returns the methods for the `Allow` header.
    pub fn methods(self) -> &'static str {
        if self.is_call() { "GET, OPTIONS" } else { "GET, HEAD, OPTIONS" }
    }

    fn is_call(self) -> bool {
        match self {
            Self::Voice | Self::TextChat | Self::Realtime => true,
            Self::Index | Self::Health | Self::Ready => false,
        }
    }
}

/// Rules of admission.
#[derive(Debug)]
pub struct AdmissionRules {
    /// Accepted hosts and origins.
    pub allowed: AllowList,
    /// Tokens of clients; without any, none is needed.
    pub tokens: TokenSet,
    /// Models that clients may name; empty means any.
    pub models: Vec<String>,
    /// Whether the endpoint transcribes.
    pub transcribes: bool,
}

/// Tokens of clients, compared in constant time.
#[derive(Debug)]
pub struct TokenSet {
    key: hmac::Key,
    /// Name and tag of each token.
    tokens: Vec<(String, hmac::Tag)>,
}

impl TokenSet {
    /// Returns the set of named tokens.
    ///
    /// # Errors
    ///
    /// When the system has no random numbers.
    pub fn new(tokens: &[(String, Secret)]) -> Result<Self, ring::error::Unspecified> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &rand::SystemRandom::new())?;
        let tag = |token: &Secret| hmac::sign(&key, token.reveal().as_bytes());
        let tokens = tokens.iter().map(|(name, token)| (name.clone(), tag(token))).collect();
        Ok(Self { key, tokens })
    }

    /// Returns whether clients need no token.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Returns the name of a token.
    pub fn name(&self, token: usize) -> &str {
        &self.tokens[token].0
    }

    /// Compares with all tokens: the duration depends neither on the matching part nor on the position.
    fn find(&self, presented: &str) -> Option<usize> {
        let matches = |tag: &hmac::Tag| hmac::verify(&self.key, presented.as_bytes(), tag.as_ref()).is_ok();
        let found = self.tokens.iter().enumerate().filter(|(_, (_, tag))| matches(tag));
        found.fold(None, |_, (index, _)| Some(index))
    }
}

/// Outcome of an admission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// One of the resources that are not calls.
    Answer(RelayRoute),
    /// `OPTIONS`: list the methods.
    Options(RelayRoute),
    /// A call, once the endpoint has been dialed.
    Call(AdmittedCall),
    /// Refused.
    Refuse(RelayRefusal),
}

/// A call that may be dialed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdmittedCall {
    /// The resource.
    pub route: RelayRoute,
    /// Index of the client's token.
    pub token: Option<usize>,
    /// Model that the client named.
    pub model: Option<String>,
    /// Whether the session only transcribes.
    pub transcribes: bool,
    /// Whether the client offered the subprotocol `realtime`.
    pub subprotocol: bool,
    /// Whether the client asked for the beta protocol.
    pub is_beta: bool,
}

/// A refusal with its HTTP response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayRefusal {
    /// HTTP status.
    pub status: StatusCode,
    /// Error code.
    pub code: &'static str,
    /// One or two sentences.
    pub message: Cow<'static, str>,
    /// Seconds for `Retry-After`.
    pub retry_after: Option<u64>,
}

impl RelayRefusal {
    /// Returns a refusal without `Retry-After`.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, message: message.into(), retry_after: None }
    }

    /// Adds `Retry-After`.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// Returns the body in OpenAI's form.
    pub fn body(&self, call: &str) -> String {
        let kind = match self.status {
            StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
            status if status.is_server_error() => "server_error",
            _ => "invalid_request_error",
        };
        let error = json!({
            "message": self.message, "type": kind, "param": null, "code": self.code, "request_id": call
        });
        json!({ "error": error }).to_string()
    }
}

impl From<AdmissionLimit> for RelayRefusal {
    fn from(limit: AdmissionLimit) -> Self {
        let (status, code, message, seconds) = match limit {
            AdmissionLimit::Calls => {
                (StatusCode::SERVICE_UNAVAILABLE, "relay_full", "The relay is full; try again later.", 5)
            }
            AdmissionLimit::TokenCalls => (
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_calls",
                "This token has too many calls at a time.",
                10,
            ),
            AdmissionLimit::AddressCalls => (
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_calls",
                "Your address has too many calls at a time.",
                10,
            ),
            AdmissionLimit::Connects => {
                (StatusCode::TOO_MANY_REQUESTS, "too_many_connects", "Your address connects too often.", 5)
            }
            AdmissionLimit::WrongTokens => {
                let message = "Your address sent too many wrong tokens; try again in a minute.";
                (StatusCode::TOO_MANY_REQUESTS, "too_many_wrong_tokens", message, 60)
            }
            AdmissionLimit::DailySpend => {
                let message = "This token has reached its spending limit for today.";
                (StatusCode::TOO_MANY_REQUESTS, "daily_spend_limit", message, 3_600)
            }
        };
        Self::new(status, code, message).retry_after(seconds)
    }
}

/// Returns the answer to clients while the relay is ending.
pub fn draining() -> RelayRefusal {
    let message = "The relay is restarting; connect again.";
    RelayRefusal::new(StatusCode::SERVICE_UNAVAILABLE, "relay_draining", message).retry_after(2)
}

/// The relay at the moment of a request.
#[derive(Debug)]
pub struct RelayState<'a> {
    /// Time since the relay started.
    pub now: Duration,
    /// Limit group of the client's address.
    pub address: IpAddr,
    /// Whether it takes no more calls.
    pub is_draining: bool,
    /// Calls in progress. The caller counts an admitted call.
    pub slots: &'a mut CallSlots,
}

/// Decides on a request.
pub fn admit(rules: &AdmissionRules, request: &Parts, state: RelayState<'_>) -> Decision {
    let path = request.uri.path();
    let Some(route) = RelayRoute::at(path) else {
        let message = format!("There is no {path} here; clients connect to /v1/realtime.");
        return Decision::Refuse(RelayRefusal::new(StatusCode::NOT_FOUND, "not_found", message));
    };
    match request.method {
        Method::OPTIONS => return Decision::Options(route),
        Method::GET => {}
        Method::HEAD if !route.is_call() => {}
        _ => {
            let message = format!("{} takes {} only.", path, route.methods());
            let refusal = RelayRefusal::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message);
            return Decision::Refuse(refusal);
        }
    }
    // Probes of load balancers name no host, or an address.
    if matches!(route, RelayRoute::Health | RelayRoute::Ready) {
        return Decision::Answer(route);
    }
    match check_host(rules, request) {
        Err(refusal) => Decision::Refuse(refusal),
        Ok(()) if !route.is_call() => Decision::Answer(route),
        Ok(()) => match admit_call(rules, request, route, state) {
            Ok(call) => Decision::Call(call),
            Err(refusal) => Decision::Refuse(refusal),
        },
    }
}

fn check_host(rules: &AdmissionRules, request: &Parts) -> Result<(), RelayRefusal> {
    rules.allowed.check(&request.uri, &request.headers).map_err(|refusal| {
        let hint = match refusal.status {
            StatusCode::FORBIDDEN => " RELAY_ORIGINS allows more.",
            StatusCode::MISDIRECTED_REQUEST => " RELAY_HOSTS allows more.",
            _ => "",
        };
        RelayRefusal::new(refusal.status, refusal.code, format!("{}{hint}", refusal.message))
    })
}

fn admit_call(
    rules: &AdmissionRules,
    request: &Parts,
    route: RelayRoute,
    mut state: RelayState<'_>,
) -> Result<AdmittedCall, RelayRefusal> {
    let is_upgrade = check_handshake(request)?;
    let subprotocols = header_words(&request.headers, &header::SEC_WEBSOCKET_PROTOCOL);
    let parameters = query(&request.uri);
    let presented = credentials(&request.headers, &subprotocols, &parameters)?;
    let token = check_token(rules, presented.as_deref(), &mut state)?;
    if state.is_draining {
        return Err(draining());
    }
    let model = model(rules, &parameters)?;
    let is_intent = |(name, value): &(String, String)| name == "intent" && value == "transcription";
    let transcribes = route == RelayRoute::Realtime && parameters.iter().any(is_intent);
    if transcribes && !rules.transcribes {
        let message = "The relay's endpoint has no transcription sessions.";
        return Err(RelayRefusal::new(StatusCode::BAD_REQUEST, "no_transcription", message));
    }
    if !is_upgrade {
        let message = "This request would be admitted: connect with a WebSocket.";
        return Err(RelayRefusal::new(StatusCode::UPGRADE_REQUIRED, "upgrade_required", message));
    }
    state.slots.check(state.now, token, state.address)?;
    let beta_header =
        header_text(&request.headers, "openai-beta").is_some_and(|text| text.contains("realtime"));
    let offers = |name: &str| subprotocols.iter().any(|word| word == name);
    Ok(AdmittedCall {
        route,
        token,
        model,
        transcribes,
        subprotocol: offers("realtime"),
        is_beta: beta_header || offers("openai-beta.realtime-v1"),
    })
}

/// Returns whether it is a handshake (RFC 6455, section 4.2.1). Browsers hide the response to a handshake from
/// pages, which repeat it as a plain request to learn the reason of a refusal.
fn check_handshake(request: &Parts) -> Result<bool, RelayRefusal> {
    let headers = &request.headers;
    let has =
        |name, word: &str| header_words(headers, &name).iter().any(|value| value.eq_ignore_ascii_case(word));
    if !has(header::UPGRADE, "websocket") {
        return Ok(false);
    }
    let malformed = |message| Err(RelayRefusal::new(StatusCode::BAD_REQUEST, "invalid_handshake", message));
    if request.version != Version::HTTP_11 {
        return malformed("A WebSocket needs HTTP/1.1; check proxy_http_version of the proxy.");
    }
    if !has(header::CONNECTION, "upgrade") {
        return malformed("The Connection header lacks Upgrade; check the headers that the proxy sets.");
    }
    if header_text(headers, header::SEC_WEBSOCKET_VERSION.as_str()) != Some("13") {
        let message = "The relay takes version 13 of the WebSocket protocol.";
        return Err(RelayRefusal::new(StatusCode::UPGRADE_REQUIRED, "websocket_version", message));
    }
    // 16 bytes in base64.
    let key = header_text(headers, header::SEC_WEBSOCKET_KEY.as_str()).unwrap_or_default();
    if key.len() != 24 || !key.ends_with("==") {
        return malformed("The Sec-WebSocket-Key header is missing or invalid.");
    }
    Ok(true)
}

/// Returns the token of a request, which must be in one place.
fn credentials(
    headers: &HeaderMap,
    subprotocols: &[String],
    parameters: &[(String, String)],
) -> Result<Option<String>, RelayRefusal> {
    let refuse = |code, message: &'static str| Err(RelayRefusal::new(StatusCode::BAD_REQUEST, code, message));
    if parameters.iter().any(|(name, _)| KEY_PARAMETERS.contains(&name.to_ascii_lowercase().as_str())) {
        return refuse(
            "credentials_in_query",
            "Tokens in the URL end in logs: use Authorization: Bearer, or the subprotocol \
             openai-insecure-api-key.TOKEN.",
        );
    }
    if !subprotocols.is_empty() && !subprotocols.iter().any(|word| word == "realtime") {
        return refuse("unsupported_subprotocol", "Offer the subprotocol realtime, or none.");
    }
    let mut by_subprotocol = subprotocols.iter().filter_map(|word| word.strip_prefix(KEY_SUBPROTOCOL));
    let headers_given = headers.get_all(header::AUTHORIZATION).iter().count();
    match (headers_given, by_subprotocol.next(), by_subprotocol.next()) {
        (0, None, _) => Ok(None),
        (1, None, _) => Ok(bearer(headers)),
        (0, Some(token), None) => Ok(Some(token.to_owned())),
        (_, _, _) => refuse("conflicting_credentials", "Send the token in one place only."),
    }
}

fn check_token(
    rules: &AdmissionRules,
    presented: Option<&str>,
    state: &mut RelayState<'_>,
) -> Result<Option<usize>, RelayRefusal> {
    if rules.tokens.is_empty() {
        return Ok(None);
    }
    let RelayState { now, address, .. } = *state;
    if state.slots.is_guessing(now, address) {
        return Err(AdmissionLimit::WrongTokens.into());
    }
    let Some(presented) = presented.filter(|token| !token.is_empty()) else {
        let message = "This relay needs a token: Authorization: Bearer, or the subprotocol \
                       openai-insecure-api-key.TOKEN.";
        return Err(RelayRefusal::new(StatusCode::UNAUTHORIZED, "missing_token", message));
    };
    rules.tokens.find(presented).map(Some).ok_or_else(|| {
        state.slots.note_wrong_token(now, address);
        let message = "The relay does not know this token.";
        RelayRefusal::new(StatusCode::UNAUTHORIZED, "invalid_token", message)
    })
}

fn model(rules: &AdmissionRules, parameters: &[(String, String)]) -> Result<Option<String>, RelayRefusal> {
    let model = parameters.iter().find(|(name, value)| name == "model" && !value.is_empty());
    let Some((_, model)) = model else { return Ok(rules.models.first().cloned()) };
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || "._:/-".contains(letter);
    if model.len() > MODEL_MAX_CHARS || !model.chars().all(is_name) {
        let message = "The name of the model is invalid.";
        return Err(RelayRefusal::new(StatusCode::BAD_REQUEST, "invalid_model", message));
    }
    if !rules.models.is_empty() && !rules.models.contains(model) {
        let message = format!("The relay allows these models only: {}.", rules.models.join(", "));
        return Err(RelayRefusal::new(StatusCode::BAD_REQUEST, "model_not_allowed", message));
    }
    Ok(Some(model.clone()))
}

#[cfg(test)]
mod tests;
