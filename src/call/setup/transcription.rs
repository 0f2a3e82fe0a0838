//! Captions: the model, the query of the URL and the kind of session.

use crate::call::setup::settings::ResolvedSettings;
use crate::config::settings::Setting;
use crate::config::values::{TranscriptionQuery, TranscriptionSession};
use crate::error::{Error, Kind};
use crate::protocol::language::wire_code;
use crate::protocol::settings::{SessionKind, Transcription};
use crate::protocol::value::FieldUpdate;

/// Returns the transcription model of the session. In `rtvoice transcribe`, `--model` sets it, too, unless the
/// endpoint takes another model in the URL and the transcription model is set elsewhere.
pub(crate) fn transcription_model(settings: &ResolvedSettings) -> Option<&str> {
    let in_force = &settings.in_force;
    let is_only_model = settings.kind == SessionKind::Transcription
        && in_force.is_flag(Setting::Model)
        && !in_force.is_flag(Setting::TranscriptionModel);
    let is_separate =
        query(settings) == TranscriptionQuery::IntentAndModel && in_force.is_set(Setting::TranscriptionModel);
    in_force.text(if is_only_model && !is_separate { Setting::Model } else { Setting::TranscriptionModel })
}

/// Returns the query of the URL of a captions session.
pub(crate) fn query(settings: &ResolvedSettings) -> TranscriptionQuery {
    settings.in_force.choice(Setting::TranscriptionQuery).unwrap_or(TranscriptionQuery::Intent)
}

/// Returns the kind of session that captions speech.
///
/// # Errors
///
/// When the endpoint cannot caption without a conversation.
pub(crate) fn captioning_kind(call: &ResolvedSettings) -> Result<SessionKind, Error> {
    let session = call.in_force.choice(Setting::TranscriptionSession);
    match session.unwrap_or(TranscriptionSession::Own) {
        TranscriptionSession::Own => Ok(SessionKind::Transcription),
        TranscriptionSession::Plain => Ok(SessionKind::Realtime),
        TranscriptionSession::None => {
            let (profile, file) = (&call.in_force.profile, call.sources.file_name());
            let error = format!("the endpoint of the profile {profile} has no sessions for captions only");
            Err(Error::say(Kind::Config, error).hint(format!(
                "use rtvoice talk, which shows captions, too; if the endpoint has such sessions, set \
                 transcription_session in [profiles.{profile}] of {file}"
            )))
        }
    }
}

/// Returns the transcription settings of a session.
pub(crate) fn captions(call: &ResolvedSettings) -> FieldUpdate<Transcription> {
    FieldUpdate::Set(Transcription {
        model: transcription_model(call).map(str::to_owned),
        language: call.in_force.text(Setting::Lang).and_then(wire_code),
        ..Transcription::default()
    })
}
