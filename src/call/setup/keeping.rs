//! Keeping a conversation and continuing a kept one, by the flags and the settings.

use std::time::Duration;

use crate::call::kept::continuing::GivenTurns;
use crate::call::kept::folder::{KeptFolder, Wanted, check_name};
use crate::call::kept::recorder::{ConversationRecorder, KeptFacts};
use crate::call::setup::settings::ResolvedSettings;
use crate::cli::keeping::KeepingArgs;
use crate::config::paths;
use crate::config::settings::Setting;
use crate::error::{Error, Kind};
use crate::session::plan::Plan;

/// How a conversation is kept, and what continues.
pub(crate) struct Keeping {
    /// None if it is not kept.
    pub(crate) recorder: Option<ConversationRecorder>,
    /// Keeps the conversation in writing next to a call.
    pub(crate) text: Option<ConversationRecorder>,
    /// What the user should know first.
    pub(crate) note: Option<String>,
}

/// Gives `plan` the turns of the conversation that is continued.
///
/// # Errors
///
/// When there is none to continue, or it cannot be read.
pub(crate) fn keeping(
    args: &KeepingArgs,
    settings: &ResolvedSettings,
    plan: &mut Plan,
    unix_start: Duration,
) -> Result<Keeping, Error> {
    let wanted = match (&args.session, args.resumes) {
        (Some(name), _) => Some(Wanted::Named(name.clone())),
        (None, true) => Some(Wanted::Latest),
        (None, false) => None,
    };
    let is_kept = !args.no_save && (wanted.is_some() || settings.in_force.is_true(Setting::Save));
    if !is_kept && wanted.is_none() {
        return Ok(Keeping { recorder: None, text: None, note: None });
    }
    args.session.as_deref().map_or(Ok(()), check_name)?;
    let folder = paths::sessions_folder().map(KeptFolder::at).ok_or_else(|| {
        Error::say(Kind::Config, "no folder for conversations")
            .hint("set HOME, or XDG_DATA_HOME to an absolute path")
    })?;
    let mut facts = KeptFacts {
        name: args.session.clone(),
        profile: settings.in_force.profile.clone(),
        model: plan.model.clone(),
        ..KeptFacts::default()
    };
    let found = wanted.as_ref().map_or(Ok(None), |wanted| folder.find(wanted))?;
    let text = is_kept.then(|| {
        ConversationRecorder::new(folder.clone(), KeptFacts { name: None, ..facts.clone() }, unix_start)
    });
    let note = match (found, &wanted) {
        (Some(kept), _) => {
            let given = GivenTurns::of(kept.turns);
            let note = format!("continuing {}: {}", kept.header.id, given.described());
            facts.name = kept.header.name.or(facts.name);
            facts.continues = Some(kept.header.id);
            facts.given.clone_from(&given.turns);
            plan.history = given.turns;
            Some(note)
        }
        (None, Some(Wanted::Latest)) => {
            return Err(Error::say(Kind::Usage, "there is no kept conversation to continue")
                .hint("keep one with --save or --session NAME"));
        }
        (None, Some(Wanted::Named(name))) => Some(format!("new conversation {name:?}")),
        (None, None) => None,
    };
    let recorder = is_kept.then(|| ConversationRecorder::new(folder, facts, unix_start));
    Ok(Keeping { recorder, text, note })
}
