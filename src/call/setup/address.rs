//! Expands the URL template of a profile to the URL to dial.

use crate::call::setup::settings::ResolvedSettings;
use crate::call::setup::transcription::{query, transcription_model};
use crate::config::settings::Setting;
use crate::config::value::ValueOrigin;
use crate::config::values::TranscriptionQuery;
use crate::error::{Error, Kind};
use crate::net::endpoint::Purpose;
use crate::net::endpoint::url::{EndpointUrl, encode_query};
use crate::protocol::settings::SessionKind;

/// Returns the URL, and the purpose of the session that follows from it.
///
/// # Errors
///
/// When the URL is missing, invalid, of another protocol, or has placeholders without a value.
pub(crate) fn address(settings: &ResolvedSettings) -> Result<(EndpointUrl, Purpose), Error> {
    let url = parse(settings, &expand(settings)?)?;
    check_protocol(&url)?;
    let model = url_model(settings).map(str::to_owned);
    if settings.kind == SessionKind::Realtime {
        check_model(settings, &url, model.as_deref())?;
        return Ok((url, Purpose::Conversation { model }));
    }
    match (query(settings), model) {
        (TranscriptionQuery::Model, model) => Ok((url, Purpose::Conversation { model })),
        (
            TranscriptionQuery::IntentAndModel | TranscriptionQuery::IntentAndTranscriptionModel,
            Some(model),
        ) if url.query_value("model").is_none() => {
            let with_model = EndpointUrl::parse(&url.with_query(&[("model", &model)]));
            let with_model = with_model.map_err(|error| Error::new(Kind::Config, error))?;
            Ok((with_model, Purpose::Transcription))
        }
        (
            TranscriptionQuery::Intent
            | TranscriptionQuery::IntentAndModel
            | TranscriptionQuery::IntentAndTranscriptionModel,
            _,
        ) => Ok((url, Purpose::Transcription)),
    }
}

/// Parses the URL. Errors name the variable that holds an invalid one.
fn parse(settings: &ResolvedSettings, text: &str) -> Result<EndpointUrl, Error> {
    let origin = settings.in_force.get(Setting::Url).map(|value| &value.origin);
    let is_base = settings.in_force.is_base_url();
    let parsed = if is_base { EndpointUrl::parse_base(text) } else { EndpointUrl::parse(text) };
    parsed.map_err(|error| {
        let hint = error.hint();
        let (kind, error) = match origin {
            Some(ValueOrigin::Flag(_)) => (Kind::Usage, anyhow::Error::new(error)),
            Some(ValueOrigin::Environment(name) | ValueOrigin::EnvFile(name)) => {
                (Kind::Config, anyhow::Error::new(error).context(format!("cannot dial the value of {name}")))
            }
            Some(ValueOrigin::Remembered | ValueOrigin::File(_) | ValueOrigin::BuiltIn) | None => {
                (Kind::Config, anyhow::Error::new(error))
            }
        };
        Error::new(kind, error).hint(hint)
    })
}

/// Refuses the addresses of other protocols at OpenAI and Azure.
fn check_protocol(url: &EndpointUrl) -> Result<(), Error> {
    let path = url.path().trim_end_matches('/');
    let name = if path.ends_with("/v1/live") || path.contains("/v1/live/") {
        "GPT-Live"
    } else if path.ends_with("/v1/realtime/translations") {
        "Realtime translation"
    } else {
        return Ok(());
    };
    let error = format!("{url} uses the {name} protocol instead of Realtime");
    let path = path.split("/v1/").next().unwrap_or_default();
    Err(Error::say(Kind::Server, error)
        .hint(format!("dial {path}/v1/realtime with a realtime model, such as gpt-realtime-2")))
}

/// Returns the model for the URL, if the endpoint takes one there.
fn url_model(settings: &ResolvedSettings) -> Option<&str> {
    let model = settings.in_force.text(Setting::Model);
    match (settings.kind, query(settings)) {
        (SessionKind::Realtime, _) => model,
        (SessionKind::Transcription, TranscriptionQuery::IntentAndModel) => {
            model.or_else(|| transcription_model(settings))
        }
        (
            SessionKind::Transcription,
            TranscriptionQuery::Intent
            | TranscriptionQuery::IntentAndTranscriptionModel
            | TranscriptionQuery::Model,
        ) => transcription_model(settings),
    }
}

fn check_model(settings: &ResolvedSettings, url: &EndpointUrl, model: Option<&str>) -> Result<(), Error> {
    let in_url = ["model", "deployment", "call_id"].iter().any(|name| url.query_value(name).is_some());
    if model.is_some() || in_url || !settings.in_force.is_true(Setting::NeedsModel) {
        return Ok(());
    }
    Err(missing(settings, "model", "--model"))
}

/// Returns the URL with its placeholders replaced.
fn expand(settings: &ResolvedSettings) -> Result<String, Error> {
    let in_force = &settings.in_force;
    let Some(template) = in_force.text(Setting::Url) else {
        return Err(missing(settings, "URL", "--url"));
    };
    let mut url = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else { break };
        url.push_str(before);
        url.push_str(&match name {
            "resource" => resource(settings)?,
            "api_version" => {
                let version = in_force.text(Setting::ApiVersion);
                encode_query(version.ok_or_else(|| missing(settings, "api_version", "api_version"))?)
            }
            "model" => {
                encode_query(url_model(settings).ok_or_else(|| missing(settings, "model", "--model"))?)
            }
            other => {
                let error =
                    format!("unknown placeholder {{{other}}} in the URL of the profile {}", in_force.profile);
                return Err(Error::say(Kind::Config, error).hint("use {resource}, {api_version} or {model}"));
            }
        });
        rest = after;
    }
    url.push_str(rest);
    Ok(url)
}

/// The resource is part of the host: a slash or a dot would change the destination.
fn resource(settings: &ResolvedSettings) -> Result<String, Error> {
    let resource = settings.in_force.text(Setting::Resource);
    let resource = resource.ok_or_else(|| missing(settings, "resource", "RTVOICE_RESOURCE"))?;
    if resource.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-') {
        return Ok(resource.to_owned());
    }
    Err(Error::say(Kind::Config, format!("invalid resource name {resource:?}")).hint(
        "use the first part of the host (letters, digits, hyphens), or set the whole address with --url",
    ))
}

fn missing(settings: &ResolvedSettings, what: &str, how: &str) -> Error {
    let (profile, file) = (&settings.in_force.profile, settings.sources.file_name());
    let setting = what.to_ascii_lowercase();
    let error = Error::say(Kind::Config, format!("the profile {profile} has no {what}"));
    error.hint(match what {
        "resource" => format!(
            "set {how}, or {setting} in [profiles.{profile}] of {file}, or the whole address with --url"
        ),
        "api_version" => format!("set {setting} in [profiles.{profile}] of {file}"),
        _ => format!("use {how}, or set {setting} in [profiles.{profile}] of {file}"),
    })
}
