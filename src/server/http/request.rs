//! Parameters of an upgrade request: headers, subprotocols, query.

use percent_encoding::percent_decode_str;
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderName, Uri, header};

/// Prefix of the subprotocol that carries a key, since browsers cannot set headers.
pub(crate) const KEY_SUBPROTOCOL: &str = "openai-insecure-api-key.";

/// Returns the token of an `Authorization: Bearer` header.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<String> {
    let (scheme, key) = header_text(headers, header::AUTHORIZATION.as_str())?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim().to_owned())
}

/// Returns the first value of a header, if it is text.
pub(crate) fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Returns the comma-separated words of all values of a header.
pub(crate) fn header_words(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let values = headers.get_all(name).into_iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .map(|word| word.trim().to_owned())
        .collect()
}

/// Returns the decoded parameters of a query.
pub(crate) fn query(uri: &Uri) -> Vec<(String, String)> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let pairs = uri.query().unwrap_or_default().split('&');
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}
