//! Captions: the model, the query of the URL and the kind of session.

use crate::call::setup::settings::ResolvedSettings;
use crate::config::settings::Setting;
use crate::config::values::{TranscriptionQuery, TranscriptionSession};
use crate::error::{Error, Kind};
use crate::protocol::language::wire_code;
use crate::protocol::settings::{SessionKind, Transcription};

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

/// Longest prompt in characters, as OpenAI documents it.
const MAX_PROMPT: usize = 1_024;

/// What helps a model to transcribe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TranscriptionHints {
    /// Free text.
    pub(crate) prompt: Option<String>,
    /// Words to expect.
    pub(crate) vocabulary: Vec<String>,
}

impl TranscriptionHints {
    /// Adds the hints in the fields that the model has: models without keywords get the words in the prompt.
    ///
    /// # Errors
    ///
    /// When the prompt is longer than endpoints take.
    pub(crate) fn add_to(self, transcription: &mut Transcription) -> Result<(), Error> {
        let mut prompt = self.prompt.unwrap_or_default().trim().to_owned();
        if transcription.takes_keywords() {
            transcription.keywords = self.vocabulary;
        } else if !self.vocabulary.is_empty() {
            let separator = if prompt.is_empty() { "" } else { "\n" };
            prompt = format!("{prompt}{separator}{}", self.vocabulary.join(", "));
        }
        let length = prompt.chars().count();
        if length > MAX_PROMPT {
            let error =
                format!("the prompt and the vocabulary have {length} characters, more than {MAX_PROMPT}");
            return Err(Error::say(Kind::Usage, error).hint("keep the words that are often misheard"));
        }
        transcription.prompt = (!prompt.is_empty()).then_some(prompt);
        Ok(())
    }
}

/// Returns the transcription settings of a session.
pub(crate) fn transcription(call: &ResolvedSettings) -> Transcription {
    Transcription {
        model: transcription_model(call).map(str::to_owned),
        language: call.in_force.text(Setting::Lang).and_then(wire_code),
        ..Transcription::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hints(prompt: Option<&str>, words: &[&str]) -> TranscriptionHints {
        let vocabulary = words.iter().map(|word| (*word).to_owned()).collect();
        TranscriptionHints { prompt: prompt.map(str::to_owned), vocabulary }
    }

    fn with(model: &str, hints: TranscriptionHints) -> Result<Transcription, Error> {
        let mut transcription = Transcription { model: Some(model.to_owned()), ..Transcription::default() };
        hints.add_to(&mut transcription).map(|()| transcription)
    }

    #[test]
    fn vocabulary_is_sent_as_keywords_or_in_the_prompt() {
        let newer = with("gpt-transcribe", hints(Some(" A talk. "), &["Kubernetes", "etcd"])).unwrap();
        assert_eq!((newer.prompt.as_deref(), newer.keywords.len()), (Some("A talk."), 2));
        for model in ["whisper-1", "gpt-4o-mini-transcribe", "anything"] {
            let older = with(model, hints(Some("A talk."), &["Kubernetes", "etcd"])).unwrap();
            assert_eq!(older.prompt.as_deref(), Some("A talk.\nKubernetes, etcd"), "{model}");
            assert!(older.keywords.is_empty());
        }
        let words = with("whisper-1", hints(None, &["etcd"])).unwrap();
        assert_eq!(words.prompt.as_deref(), Some("etcd"));
        assert_eq!(with("whisper-1", hints(None, &[])).unwrap().prompt, None);
    }

    #[test]
    fn a_prompt_beyond_the_documented_length_is_refused() {
        assert!(with("whisper-1", hints(Some(&"語".repeat(1_024)), &[])).is_ok());
        let error = with("whisper-1", hints(Some(&"語".repeat(1_020)), &["words"])).unwrap_err();
        assert_eq!(error.kind, Kind::Usage);
        assert!(error.to_string().contains("1026 characters"), "{error}");
    }
}
