//! Captions: the model, the query of the URL and the kind of session.

use crate::call::setup::settings::ResolvedSettings;
use crate::captions::chinese::ChineseScript;
use crate::config::settings::Setting;
use crate::config::values::{TranscriptionQuery, TranscriptionSession};
use crate::error::{Error, Kind};
use crate::protocol::language::wire_codes;
use crate::protocol::settings::{
    LOGPROBS, NoiseReduction, NoiseReductionKind, SessionKind, SessionSettings, Transcription,
};
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

/// What to request of the endpoint in addition to captions.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct CaptionRequest {
    pub(crate) hints: TranscriptionHints,
    pub(crate) noise_reduction: Option<NoiseReductionKind>,
    /// Whether to request the log probabilities of tokens.
    pub(crate) has_logprobs: bool,
}

impl CaptionRequest {
    /// Adds the request to the settings of a session.
    ///
    /// # Errors
    ///
    /// As [`TranscriptionHints::add_to`], and when the model is known not to report log probabilities.
    pub(crate) fn add_to(
        self,
        mut transcription: Transcription,
        settings: &mut SessionSettings,
    ) -> Result<(), Error> {
        if self.has_logprobs && !transcription.offers_logprobs() {
            let model = transcription.model.as_deref().unwrap_or("the endpoint's own model");
            return Err(Error::say(Kind::Usage, format!("{model} is not known to report log probabilities"))
                .hint("leave out --logprobs, or choose a model that does: --model gpt-4o-transcribe"));
        }
        self.hints.add_to(&mut transcription)?;
        settings.transcription = FieldUpdate::Set(transcription);
        if self.has_logprobs {
            settings.include = FieldUpdate::Set(vec![LOGPROBS.to_owned()]);
        }
        if let Some(kind) = self.noise_reduction {
            settings.noise_reduction = FieldUpdate::Set(NoiseReduction { kind, strength: None });
        }
        Ok(())
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
    /// The languages as configured.
    pub(crate) languages: Option<String>,
}

impl TranscriptionHints {
    /// Adds the hints in the fields that the model has. Models without keywords get the words in the prompt, and
    /// models with one language the names of several ones: with any of them in that field, they would hear the others
    /// as that one. Models follow the script of a prompt, so one in the requested script of Chinese comes first.
    ///
    /// # Errors
    ///
    /// When the prompt is longer than endpoints take, or the model takes none.
    pub(crate) fn add_to(self, transcription: &mut Transcription) -> Result<(), Error> {
        let languages = self.languages.unwrap_or_default();
        let mut parts: Vec<String> = Vec::new();
        if transcription.takes_prompt() {
            parts.extend(chinese_script(&languages).map(|script| script.sample().to_owned()));
            let codes = wire_codes(&languages).unwrap_or_default();
            if codes.len() > 1 && !transcription.takes_lists() {
                parts.push(format!("Languages: {}", codes.join(", ")));
            }
        }
        let requested = parts.len();
        parts.extend(self.prompt.map(|prompt| prompt.trim().to_owned()).filter(|prompt| !prompt.is_empty()));
        if transcription.takes_lists() {
            transcription.keywords = self.vocabulary;
        } else if !self.vocabulary.is_empty() {
            parts.push(self.vocabulary.join(", "));
        }
        if let (true, Some(model)) =
            (parts.len() > requested && transcription.rejects_prompt(), &transcription.model)
        {
            return Err(Error::say(Kind::Usage, format!("{model} takes neither a prompt nor a vocabulary"))
                .hint("leave out --prompt and --vocab, or choose another model: --model gpt-transcribe"));
        }
        let prompt = parts.join("\n");
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

/// Returns the script of Chinese that one of the configured languages asks for.
pub(crate) fn chinese_script(languages: &str) -> Option<ChineseScript> {
    languages.split(',').find_map(|tag| ChineseScript::of_language(tag.trim()))
}

/// Returns the transcription settings of a session.
///
/// # Errors
///
/// When what is configured is no language.
pub(crate) fn transcription(call: &ResolvedSettings) -> Result<Transcription, Error> {
    let model = transcription_model(call).map(str::to_owned);
    let transcription = Transcription { model, ..Transcription::default() };
    let tags = call.in_force.text(Setting::Lang).unwrap_or_default();
    let mut languages = wire_codes(tags).map_err(|word| {
        Error::say(Kind::Usage, format!("{word} is no language code"))
            .hint("such as en or zh-TW; auto lets the endpoint detect the language")
    })?;
    Ok(match (transcription.takes_lists(), languages.len()) {
        (true, _) => Transcription { languages, ..transcription },
        (false, 1) => Transcription { language: languages.pop(), ..transcription },
        (false, _) => transcription,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hints(prompt: Option<&str>, words: &[&str]) -> TranscriptionHints {
        let vocabulary = words.iter().map(|word| (*word).to_owned()).collect();
        TranscriptionHints { prompt: prompt.map(str::to_owned), vocabulary, languages: None }
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

    #[test]
    fn several_languages_are_hints_in_the_prompt_of_a_model_with_one() {
        let prompt = |model, languages: &str| {
            let hints =
                TranscriptionHints { languages: Some(languages.to_owned()), ..hints(Some("A talk."), &[]) };
            with(model, hints).unwrap().prompt.unwrap()
        };
        assert_eq!(prompt("gpt-4o-transcribe", "de,en-US"), "Languages: de, en\nA talk.");
        assert_eq!(prompt("gpt-4o-transcribe", "de"), "A talk.");
        assert_eq!(prompt("gpt-transcribe", "de,en"), "A talk.", "it has a field for them");
        assert_eq!(prompt("unknown", "de,en"), "A talk.");
    }

    #[test]
    fn chinese_is_requested_by_a_prompt_in_its_script() {
        let prompt = |model: &str, languages: &str| {
            let languages = Some(languages.to_owned());
            with(model, TranscriptionHints { languages, ..TranscriptionHints::default() }).unwrap().prompt
        };
        assert_eq!(prompt("whisper-1", "zh-TW").as_deref(), Some("以下是繁體中文的字幕。"));
        assert_eq!(prompt("gpt-transcribe", "zh-Hans").as_deref(), Some("以下是简体中文的字幕。"));
        for (model, language) in
            [("whisper-1", "zh"), ("gpt-realtime-whisper", "zh-TW"), ("unknown", "zh-TW")]
        {
            assert_eq!(prompt(model, language), None, "{model} {language}");
        }
    }

    #[test]
    fn a_prompt_for_a_model_without_one_is_refused() {
        for model in ["gpt-realtime-whisper", "gpt-4o-transcribe-diarize"] {
            for hints in [hints(Some("A talk."), &[]), hints(None, &["etcd"])] {
                let error = with(model, hints).unwrap_err();
                assert!(error.to_string().contains(&format!("{model} takes neither")), "{error}");
            }
            assert!(with(model, hints(Some(" "), &[])).is_ok());
        }
    }
}
