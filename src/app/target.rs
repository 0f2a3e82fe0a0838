//! From flags and keys to what is dialled.

use crate::cli::{DialectArg, EndpointArgs};
use crate::config::key::{ANY_ENDPOINT, Keys, OPENAI};
use crate::error::{Error, Kind};
use crate::net::endpoint::{Auth, BetaMarker, ClearKey, Endpoint, Purpose};
use crate::net::mask::Mask;
use crate::net::url::EndpointUrl;
use crate::protocol::settings::SessionKind;
use crate::session::price::Prices;

/// Where OpenAI listens.
const OPENAI_URL: &str = "wss://api.openai.com/v1/realtime";

/// The default model at OpenAI.
const OPENAI_MODEL: &str = "gpt-realtime-2";

/// The model that captions speech at OpenAI, in voice sessions and in transcription sessions: it has
/// turn detection, which the live models have not.
const OPENAI_CAPTIONS: &str = "gpt-transcribe";

/// The caption model that compatible servers know best.
const USUAL_CAPTIONS: &str = "whisper-1";

/// What is talked to.
#[derive(Debug)]
pub(super) struct Target {
    /// How it is reached.
    pub(super) way: Way,
    /// As the user may know it.
    pub(super) name: String,
    /// The model that captions the user's speech.
    pub(super) captions: String,
}

/// How an endpoint is reached.
#[derive(Debug)]
pub(super) enum Way {
    /// It is in this process.
    Demo(Box<Endpoint>),
    /// Over the network.
    Network(Box<Endpoint>),
}

impl Target {
    /// Decides what is dialled, before anything is.
    ///
    /// # Errors
    ///
    /// When the URL is none, when a key is missing, or when one would go in the clear.
    pub(super) fn find(args: &EndpointArgs, kind: SessionKind) -> Result<Self, Error> {
        if args.demo {
            return Self::demo(args, kind);
        }
        let keys = Keys::look()?;
        let url = args.url.as_deref().unwrap_or(OPENAI_URL);
        let url = EndpointUrl::parse(url).map_err(|error| {
            let hint = error.hint();
            Error::new(Kind::Usage, error).hint(hint)
        })?;
        let is_openai = is_openai(&url);
        let auth = find_key(&url, &keys, is_openai)?;
        let usual_model = is_openai.then(|| OPENAI_MODEL.to_owned());
        let usual_captions = if is_openai { OPENAI_CAPTIONS } else { USUAL_CAPTIONS };
        let (purpose, captions) = match kind {
            SessionKind::Realtime => {
                let model = args.model.clone().or(usual_model);
                (Purpose::Conversation { model }, usual_captions.to_owned())
            }
            SessionKind::Transcription => {
                let model = args.model.clone().unwrap_or_else(|| usual_captions.to_owned());
                (Purpose::Transcription, model)
            }
        };
        let name = url.host().to_owned();
        let mut endpoint = Endpoint::new(url, purpose, auth);
        endpoint.beta = beta_marker(args.dialect);
        if args.allow_clear_key {
            endpoint.clear_key = ClearKey::Allowed;
        }
        check(&endpoint)?;
        Ok(Self { way: Way::Network(Box::new(endpoint)), name, captions })
    }

    fn demo(args: &EndpointArgs, kind: SessionKind) -> Result<Self, Error> {
        let url = EndpointUrl::parse("ws://127.0.0.1/v1/realtime");
        let url = url.map_err(|error| Error::new(Kind::Internal, error))?;
        let purpose = match kind {
            SessionKind::Realtime => Purpose::Conversation { model: Some("rtvoice-demo".to_owned()) },
            SessionKind::Transcription => Purpose::Transcription,
        };
        let captions = match args.dialect {
            // The beta protocol names all the models that caption; the demo's is not among them.
            DialectArg::Beta => USUAL_CAPTIONS,
            DialectArg::Auto | DialectArg::Ga => "rtvoice-demo",
        };
        let mut endpoint = Endpoint::new(url, purpose, Auth::None);
        endpoint.beta = beta_marker(args.dialect);
        Ok(Self {
            way: Way::Demo(Box::new(endpoint)),
            name: "demo".to_owned(),
            captions: captions.to_owned(),
        })
    }

    /// Returns what hides this target's keys in the texts of others.
    pub(super) fn mask(&self) -> Mask {
        match &self.way {
            Way::Demo(endpoint) | Way::Network(endpoint) => endpoint.mask(),
        }
    }

    /// Returns the model that is asked for, where one is.
    pub(super) fn model(&self) -> Option<String> {
        let (Way::Demo(endpoint) | Way::Network(endpoint)) = &self.way;
        match &endpoint.purpose {
            Purpose::Conversation { model } => model.clone(),
            Purpose::Transcription => None,
        }
    }

    /// Returns what tokens cost there: others than OpenAI bill differently, and their prices are not known.
    pub(super) fn prices(&self) -> Option<Prices> {
        match &self.way {
            Way::Network(endpoint) if is_openai(&endpoint.url) => Some(Prices::openai()),
            Way::Network(_) | Way::Demo(_) => None,
        }
    }

    /// Returns whether it is the endpoint built into the program.
    pub(super) fn is_demo(&self) -> bool {
        matches!(self.way, Way::Demo(_))
    }
}

/// The request is made once to see that it can be: nothing is dialled or written before.
fn check(endpoint: &Endpoint) -> Result<(), Error> {
    let Err(error) = endpoint.request() else { return Ok(()) };
    let hint = error.hint();
    let error = Error::new(Kind::Config, error);
    Err(match hint {
        Some(hint) => error.hint(hint),
        None => error,
    })
}

/// A server that is to speak beta wants to be told in the handshake; OpenAI refuses the marker, and is
/// dialled without it unless beta was asked for.
fn beta_marker(dialect: DialectArg) -> BetaMarker {
    match dialect {
        DialectArg::Beta => BetaMarker::Sent,
        DialectArg::Auto | DialectArg::Ga => BetaMarker::Absent,
    }
}

fn is_openai(url: &EndpointUrl) -> bool {
    let host = url.host();
    host == "openai.com" || host.ends_with(".openai.com")
}

fn find_key(url: &EndpointUrl, keys: &Keys, is_openai: bool) -> Result<Auth, Error> {
    if url.keys_in_query().next().is_some() {
        // Never two keys at once: gateways take the wrong one.
        return Ok(Auth::None);
    }
    if !is_openai {
        return Ok(keys.for_any().map_or(Auth::None, Auth::Bearer));
    }
    let missing = || {
        Error::say(Kind::Config, "there is no key for OpenAI").hint(format!(
            "set {OPENAI} or {ANY_ENDPOINT} in the environment or in .env, or try it without a key: rtvoice talk --demo"
        ))
    };
    keys.for_openai().map(Auth::Bearer).ok_or_else(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_openai_is_openai() {
        let cases = [
            ("wss://api.openai.com/v1/realtime", true),
            ("wss://eu.api.openai.com", true),
            ("wss://openai.com.evil.example", false),
            ("wss://notopenai.com", false),
            ("ws://127.0.0.1:8642", false),
        ];
        for (url, expected) in cases {
            assert_eq!(is_openai(&EndpointUrl::parse(url).unwrap()), expected, "{url}");
        }
    }
}
