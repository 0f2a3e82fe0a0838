//! Description of an endpoint and its upgrade request. Pure: opens no connection.

pub mod error;
pub mod redaction;
pub mod excerpt;
pub mod url;

use std::fmt;

use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::http::header::{
    AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_PROTOCOL, USER_AGENT,
};
use tokio_tungstenite::tungstenite::http::{Request, Uri};

use crate::net::endpoint::error::EndpointError;
use crate::net::endpoint::redaction::Redactor;
use crate::net::endpoint::url::{EndpointUrl, Scheme, encode_query};
use crate::net::proxy::Proxy;
use crate::secret::Secret;

/// User agent; some firewalls reject clients without one.
pub(crate) const PROGRAM: &str = concat!("rtvoice/", env!("CARGO_PKG_VERSION"));

/// How the key is sent. Only one way at a time: gateways that receive two pick the wrong one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// No key.
    None,
    /// `Authorization: Bearer KEY`.
    Bearer(Secret),
    /// A dedicated header: `api-key: KEY` for Azure, `X-API-Key: KEY` for speaches.
    Header {
        /// The header's name.
        name: String,
        /// The key.
        key: Secret,
    },
    /// `Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.KEY`, as browsers do it.
    Subprotocol(Secret),
    /// In the URL: `?token=KEY`. Proxies log URLs.
    Query {
        /// Name of the query parameter.
        name: String,
        /// The key.
        key: Secret,
    },
    /// As a bearer token and in the URL, the only combination: OpenOpen8 documents both, and its underlying
    /// gateway accepts the header only.
    BearerAndQuery {
        /// Name of the query parameter.
        name: String,
        /// The key.
        key: Secret,
    },
}

impl Auth {
    /// Azure: the header `api-key`.
    pub fn api_key(key: Secret) -> Self {
        Self::Header { name: "api-key".to_owned(), key }
    }

    /// OpenOpen8: the query parameter `token`.
    pub fn token(key: Secret) -> Self {
        Self::Query { name: "token".to_owned(), key }
    }

    /// Returns the key.
    pub(crate) fn key(&self) -> Option<&Secret> {
        match self {
            Self::None => None,
            Self::Bearer(key) | Self::Subprotocol(key) => Some(key),
            Self::Header { key, .. } | Self::Query { key, .. } | Self::BearerAndQuery { key, .. } => {
                Some(key)
            }
        }
    }
}

/// Purpose of the session, if the URL carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Conversation, with this model unless the URL names one.
    Conversation {
        /// Name of the model; `None` leaves the choice to the server.
        model: Option<String>,
    },
    /// Transcription only: `intent=transcription`; the model belongs in `session.update`.
    Transcription,
}

/// Whether the beta protocol is requested.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BetaMarker {
    /// Not requested: OpenAI rejects it.
    #[default]
    Absent,
    /// `OpenAI-Beta: realtime=v1`, or `openai-beta.realtime-v1` as a subprotocol.
    Sent,
}

/// Whether a key may be sent to another machine unencrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CleartextKeyPolicy {
    /// Refused before dialing.
    #[default]
    Refused,
    /// Allowed by the user.
    Allowed,
}

/// Everything that determines the upgrade request. All values are legal; [`Endpoint::request`] detects
/// invalid combinations.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// URL.
    pub url: EndpointUrl,
    /// Purpose of the session.
    pub purpose: Purpose,
    /// How the key is sent.
    pub auth: Auth,
    /// Whether the beta protocol is requested.
    pub beta: BetaMarker,
    /// Organization to bill, for keys of several organizations.
    pub organization: Option<String>,
    /// Project to bill.
    pub project: Option<String>,
    /// Additional headers, in order, such as `OpenAI-Safety-Identifier`.
    pub headers: Vec<(String, String)>,
    /// Whether the key may be sent to another machine unencrypted.
    pub clear_key: CleartextKeyPolicy,
}

impl Endpoint {
    /// Returns an endpoint without optional settings.
    pub fn new(url: EndpointUrl, purpose: Purpose, auth: Auth) -> Self {
        Self {
            url,
            purpose,
            auth,
            beta: BetaMarker::default(),
            organization: None,
            project: None,
            headers: Vec::new(),
            clear_key: CleartextKeyPolicy::default(),
        }
    }

    /// Returns the upgrade request, with a [`Redactor`] of its keys in its extensions.
    ///
    /// Headers with a key are marked sensitive; the URL cannot be, so a request must not be printed.
    ///
    /// # Errors
    /// When a key would be sent unencrypted, or a key or header contains an invalid character.
    pub fn request(&self) -> Result<Request<()>, EndpointError> {
        self.check_clear_key()?;
        let mut headers = HeaderMap::new();
        self.put_upgrade(&mut headers)?;
        self.put_key(&mut headers)?;
        self.put_identity(&mut headers)?;
        for (name, value) in &self.headers {
            put(&mut headers, name, value)?;
        }
        if !headers.contains_key(USER_AGENT) {
            headers.insert(USER_AGENT, HeaderValue::from_static(PROGRAM));
        }
        let mut request = Request::new(());
        *request.uri_mut() = self.uri()?;
        *request.headers_mut() = headers;
        request.extensions_mut().insert(self.redactor());
        Ok(request)
    }

    /// Returns a redactor of this endpoint's keys and header values. A header value that also occurs in the
    /// URL, such as the model, is not secret.
    pub fn redactor(&self) -> Redactor {
        let in_url: Vec<Secret> = self.url.secrets().map(Secret::new).collect();
        let url = self.uri().map(|uri| uri.to_string()).unwrap_or_default();
        let additional = self.headers.iter().map(|(_, value)| value);
        let values = self.organization.iter().chain(&self.project).chain(additional).map(String::as_str);
        let secrets = values.filter(|value| !url.contains(&encode_query(value)));
        Redactor::of(self.auth.key().into_iter().chain(&in_url)).and_headers(secrets)
    }

    fn check_clear_key(&self) -> Result<(), EndpointError> {
        if self.url.is_loopback() { Ok(()) } else { self.check_cleartext(None) }
    }

    /// Checks that the key does not pass a proxy unencrypted. The proxy may be on another machine even if the
    /// endpoint is not.
    ///
    /// # Errors
    /// When the key would be sent unencrypted.
    pub(crate) fn check_clear_key_through(&self, proxy: &Proxy) -> Result<(), EndpointError> {
        self.check_cleartext(Some(proxy))
    }

    fn check_cleartext(&self, proxy: Option<&Proxy>) -> Result<(), EndpointError> {
        let has_key = self.auth != Auth::None || self.url.keys_in_query().next().is_some();
        match (self.clear_key, self.url.scheme()) {
            (CleartextKeyPolicy::Refused, Scheme::Ws) if has_key => Err(EndpointError::KeyInClear {
                host: self.url.host().to_owned(),
                proxy: proxy.map(ToString::to_string),
            }),
            (CleartextKeyPolicy::Refused | CleartextKeyPolicy::Allowed, Scheme::Ws | Scheme::Wss) => Ok(()),
        }
    }

    fn uri(&self) -> Result<Uri, EndpointError> {
        let mut query: Vec<(&str, &str)> = Vec::new();
        match &self.purpose {
            Purpose::Conversation { model: Some(model) } if !self.url_names_a_model() => {
                query.push(("model", model));
            }
            Purpose::Transcription if self.url.query_value("intent").is_none() => {
                query.push(("intent", "transcription"));
            }
            Purpose::Conversation { .. } | Purpose::Transcription => {}
        }
        if let Auth::Query { name, key } | Auth::BearerAndQuery { name, key } = &self.auth {
            query.push((name, checked_key(key, str::is_ascii)?));
        }
        self.url.with_query(&query).parse().map_err(|_| EndpointError::TooLong)
    }

    /// Returns whether the URL determines the model: also by a joined call or Azure's `deployment`.
    pub fn url_names_a_model(&self) -> bool {
        ["model", "call_id", "deployment"].iter().any(|name| self.url.query_value(name).is_some())
            || self.url.query_value("intent").as_deref() == Some("transcription")
    }

    fn put_upgrade(&self, headers: &mut HeaderMap) -> Result<(), EndpointError> {
        let host = self.url.authority();
        for (name, value) in [
            ("host", host.as_str()),
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", &generate_key()),
        ] {
            let value = HeaderValue::from_str(value)
                .map_err(|_| EndpointError::HeaderValue { name: name.to_owned() })?;
            headers.insert(HeaderName::from_static(name), value);
        }
        Ok(())
    }

    fn put_key(&self, headers: &mut HeaderMap) -> Result<(), EndpointError> {
        match &self.auth {
            Auth::None | Auth::Query { .. } => Ok(()),
            Auth::Bearer(key) | Auth::BearerAndQuery { key, .. } => {
                let key = checked_key(key, is_visible)?;
                headers.insert(AUTHORIZATION, sensitive(&format!("Bearer {key}"))?);
                Ok(())
            }
            Auth::Header { name, key } => {
                let value = sensitive(checked_key(key, is_visible)?)?;
                headers.insert(header_name(headers, name)?, value);
                Ok(())
            }
            Auth::Subprotocol(key) => {
                headers.insert(SEC_WEBSOCKET_PROTOCOL, self.subprotocols(key)?);
                Ok(())
            }
        }
    }

    /// Encodes the key as subprotocols. `realtime` comes first: servers echo it, and a client must fail
    /// without an echo.
    fn subprotocols(&self, key: &Secret) -> Result<HeaderValue, EndpointError> {
        let key = checked_key(key, is_visible)?;
        if !is_token(key) {
            return Err(EndpointError::KeyNoSubprotocol);
        }
        let mut all = vec!["realtime".to_owned(), format!("openai-insecure-api-key.{key}")];
        for (prefix, value) in [("organization", &self.organization), ("project", &self.project)] {
            let Some(value) = value else { continue };
            if !is_token(value) {
                return Err(EndpointError::HeaderValue { name: format!("openai-{prefix}") });
            }
            all.push(format!("openai-{prefix}.{value}"));
        }
        if self.beta == BetaMarker::Sent {
            all.push("openai-beta.realtime-v1".to_owned());
        }
        sensitive(&all.join(", "))
    }

    /// Puts organization, project and beta flag as headers, unless the subprotocols carry them.
    fn put_identity(&self, headers: &mut HeaderMap) -> Result<(), EndpointError> {
        if matches!(self.auth, Auth::Subprotocol(_)) {
            return Ok(());
        }
        if let Some(organization) = &self.organization {
            put(headers, "OpenAI-Organization", organization)?;
        }
        if let Some(project) = &self.project {
            put(headers, "OpenAI-Project", project)?;
        }
        if self.beta == BetaMarker::Sent {
            put(headers, "OpenAI-Beta", "realtime=v1")?;
        }
        Ok(())
    }
}

/// Shows only the names of headers, since values may be keys.
impl fmt::Debug for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        formatter
            .debug_struct("Endpoint")
            .field("url", &self.url)
            .field("purpose", &self.purpose)
            .field("auth", &self.auth)
            .field("beta", &self.beta)
            .field("headers", &names)
            .field("clear_key", &self.clear_key)
            .finish_non_exhaustive()
    }
}

fn put(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), EndpointError> {
    let key = header_name(headers, name)?;
    let value =
        HeaderValue::from_str(value).map_err(|_| EndpointError::HeaderValue { name: name.to_owned() })?;
    headers.insert(key, value);
    Ok(())
}

/// Checks a header name. The headers of the handshake are already set, so they cannot be replaced; extensions
/// are unsupported, and a subprotocol is valid only with a key.
fn header_name(headers: &HeaderMap, name: &str) -> Result<HeaderName, EndpointError> {
    let key = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| EndpointError::HeaderName { name: name.to_owned() })?;
    if headers.contains_key(&key) || key.as_str().starts_with("sec-websocket-") {
        return Err(EndpointError::HeaderTwice { name: name.to_owned() });
    }
    Ok(key)
}

fn checked_key(key: &Secret, is_sendable: fn(&str) -> bool) -> Result<&str, EndpointError> {
    let key = key.reveal();
    if key.is_empty() {
        return Err(EndpointError::KeyEmpty);
    }
    if key.contains(['\n', '\r']) {
        return Err(EndpointError::KeyLineBreak);
    }
    if !is_sendable(key) {
        return Err(EndpointError::KeyCharacter);
    }
    Ok(key)
}

fn is_visible(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Returns whether a text is a token (RFC 9110, section 5.6.2), as a subprotocol must be.
fn is_token(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn sensitive(text: &str) -> Result<HeaderValue, EndpointError> {
    let mut value = HeaderValue::from_str(text).map_err(|_| EndpointError::KeyCharacter)?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests;
